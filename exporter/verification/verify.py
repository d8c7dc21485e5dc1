"""Saved model against PyTorch: at export, again later, and where they part."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import HubOptions, Source, resolve
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.checkpoint.vocabulary_trimming import kept_ids, trim_checkpoint
from exporter.model.ops import Array
from exporter.model.weight_list import WORD_TABLE
from exporter.targets.audit.subject import Audited
from exporter.targets.budgets import budget_of, tighter
from exporter.targets.registry import TARGETS, for_recipe
from exporter.verification.audit.answers import Answers, audit_answers
from exporter.verification.audit.bundle import audit_bundle, with_answers, with_audit
from exporter.verification.audit.recipe import check_recipe
from exporter.verification.comparison import compare_with_pytorch
from exporter.verification.labelled.texts import find_labelled
from exporter.verification.reference import Reference
from exporter.verification.strict_rounding import beside_strict
from exporter.verification.tokenizer_parity import compare_tokens
from runtimes.backends.onnx.file_check import check_onnx
from runtimes.backends.onnx.processors import NATIVE, describe, open_on
from runtimes.bundle.integrity import differences
from runtimes.bundle.manifest import MAPPED, Budget, Bundle, Manifest, check_files
from runtimes.errors import BundleError, CheckpointError, RuntimeUnavailable, in_our_words
from runtimes.files.atomic_write import MAX_WEIGHT_BYTES, read_bounded
from runtimes.parity.compare import Parity
from runtimes.parity.first_departure import Departure, depart
from runtimes.runner import Runner
from runtimes.version import __version__

_FLOAT32_SHARE = 1e-4


@dataclass(frozen=True)
class Limit:
    """What the user puts in place of a scheme's budget."""

    max_absolute: float | None = None
    max_relative: float | None = None
    min_agreement: float | None = None
    min_cosine: float | None = None

    def applied(self, budget: Budget) -> Budget:
        """The budget with what was given here in the place of its own."""
        return replace(budget, **{name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class Check:
    """One call of the verifier. `model` names the checkpoint where the manifest's own name leads there no more.

    `arch` is one of `runtimes.backends.onnx.processors.ARCHITECTURES`. `texts_file` is where the texts are from: it may
    hold labels.
    """

    bundle: Bundle
    model: str | None = None
    texts: tuple[str, ...] = ()
    limit: Limit = field(default_factory=Limit)
    allow_pickle: bool = False
    arch: str = NATIVE
    pairs: bool = False
    texts_file: Path | None = None


@dataclass(frozen=True)
class Explanation:
    """Our graph in float32 against PyTorch, then the saved file against our graph, tensor by tensor."""

    case: str
    graph: list[Departure]
    file: list[Departure]

    @property
    def first(self) -> Departure | None:
        """The first tensor beyond its share: of the graph if it departs from PyTorch, else of the file."""
        return next((row for row in [*self.graph, *self.file] if row.beyond), None)


def verify(check: Check) -> tuple[Parity, Callable[[], Explanation]]:
    """Check a bundle against its manifest, then against PyTorch on its checkpoint; and offer to explain.

    Raises BundleError when files changed, or when the checkpoint is not the one that the bundle was made from, and
    RuntimeUnavailable when that checkpoint or the runtime asked for cannot be had.
    """
    return check_bundle(check, find_reference(check))


def find_reference(check: Check) -> Reference:
    """The first half of `verify`: files that are what the manifest says, and the checkpoint that it names."""
    checkpoint = find_checkpoint(check)
    kept = kept_pieces(check.bundle, checkpoint) if check.bundle.manifest.recipe.pieces else None
    return Reference(checkpoint, check.texts, check.pairs, kept)


def check_bundle(check: Check, reference: Reference) -> tuple[Parity, Callable[[], Explanation]]:
    """The second half of `verify`: a bundle whose files are what its manifest says, against its checkpoint's reference.

    What the files say is audited, and what the model answers is compared.

    A manifest may state a tighter budget than `budget_of`, and none that is wider: only the caller widens one.
    """
    manifest = check.bundle.manifest
    _check_door(check.bundle)
    check_recipe(check.bundle, reference.checkpoint)
    own = budget_of(reference.checkpoint, manifest.recipe)
    audited = _audited(check.bundle, reference)
    audit = audit_bundle(audited)
    runner, budget = open_on(check.bundle, check.arch), check.limit.applied(tighter(manifest.budget, own))
    compared = with_audit(compare_bundle(reference, runner, check.bundle, budget), audit)
    answers = Answers(reference, compared, check.limit.applied(own), _is_repeated(check))
    parity = replace(with_answers(compared, audit_answers(audited, answers)), note=describe(runner))
    labelled = find_labelled(reference.checkpoint, check.texts_file)
    parity = labelled.judged(parity, check.bundle, budget) if labelled else parity
    return parity, lambda: explain(reference, runner, check.bundle, parity, budget)


def compare_bundle(reference: Reference, runner: Runner, bundle: Bundle, budget: Budget) -> Parity:
    """Hold a bundle's answers against PyTorch's, its tokenizer's ids against AutoTokenizer's, and float16 within."""
    answered = compare_with_pytorch(reference, runner, bundle.manifest, budget)
    tokenized = compare_tokens(answered, reference.heard, bundle, reference.kept)
    return beside_strict(tokenized, reference, bundle, budget)


def _audited(bundle: Bundle, reference: Reference) -> Audited:
    """The bundle with its checkpoint trimmed as it is; weights that were fine-tuned are not known any more."""
    checkpoint, kept = reference.checkpoint, reference.kept
    exported = checkpoint if kept is None else trim_checkpoint(checkpoint, kept)
    exported = for_recipe(exported, bundle.manifest.recipe)
    return Audited(bundle, exported, exact=bundle.manifest.recipe.finetuned_sha256 is None)


def _is_repeated(check: Check) -> bool:
    """Whether the comparison is the one that parity.json tells of, but for the processor."""
    same_program = check.bundle.manifest.versions.get("bertport") == __version__
    return check.arch == NATIVE and check.limit == Limit() and same_program


def _check_door(bundle: Bundle) -> None:
    """The second file of an ONNX model must be the first one's graph: what is compared is the first."""
    if MAPPED not in bundle.manifest.files:
        return
    import onnx  # here: Core ML's bundles need none of it

    from exporter.targets.onnx import file as onnx_file
    from exporter.targets.onnx.mapped import mapped

    model = bundle.directory / bundle.manifest.models[0]
    check_onnx(model)
    found = read_bounded(bundle.directory / MAPPED, MAX_WEIGHT_BYTES, BundleError)
    with in_our_words(lambda why: BundleError(f"{bundle.directory / MAPPED}: no ONNX model ({why}); export again")):
        expected = mapped(onnx_file.read(read_bounded(model, MAX_WEIGHT_BYTES, BundleError)), model.name)
        same = expected is not None and onnx.load_from_string(found) == onnx.load_from_string(expected)
    if not same:
        raise BundleError(f"{bundle.directory / MAPPED}: not the graph of {model.name}; export again")


def find_checkpoint(check: Check) -> Checkpoint:
    """The checkpoint that a bundle was made from, once the bundle's files are found unchanged. Raises as `verify`."""
    manifest = check.bundle.manifest
    check_files(check.bundle)
    checkpoint = load(_find_source(check), manifest.recipe.task, check.allow_pickle)
    _check_source(manifest, checkpoint)
    return checkpoint


def explain(reference: Reference, runner: Runner, bundle: Bundle, parity: Parity, budget: Budget) -> Explanation:
    """Run the worst case with every named tensor exposed on all three sides.

    A tensor's share is the budget taken relative to the tensor's largest value; float32's is 1e-4 of it. The file of a
    fine-tuned bundle is held against our graph over the weights that it stores itself: the floats from which these
    were rounded are not kept, and the checkpoint's are others.
    """
    from exporter.model.numpy_ops import trace

    recipe, runner = bundle.manifest.recipe, reference.as_asked(runner)
    case = reference.case(parity.worst_case, runner.positions, recipe.sequence_lengths)
    batch = runner.fit(case.batch)
    ours = trace(reference.checkpoint.model, batch.ids, batch.mask, batch.types)
    graph = depart(reference.loaded().trace(batch), ours, _FLOAT32_SHARE)
    if recipe.finetuned_sha256 is not None:
        ours = trace(reference.checkpoint.model, batch.ids, batch.mask, batch.types, _stored(bundle, reference))
    exposed = TARGETS[recipe.target].canonical(runner.trace(batch))
    return Explanation(case.name, graph, depart(ours, exposed, budget.max_relative or _FLOAT32_SHARE))


def _stored(bundle: Bundle, reference: Reference) -> Mapping[str, Array]:
    """The weights of a bundle, its word table with a row for every id of the checkpoint."""
    audited = _audited(bundle, reference)
    found = TARGETS[bundle.manifest.recipe.target].read(audited)
    if reference.kept is None:
        return found
    whole = np.zeros((reference.checkpoint.geometry.vocabulary, found[WORD_TABLE].shape[1]), np.float32)
    whole[reference.kept] = found[WORD_TABLE]
    return {**found, WORD_TABLE: whole}


def kept_pieces(bundle: Bundle, checkpoint: Checkpoint) -> Array:
    """The checkpoint's id of every piece of a bundle whose vocabulary was cut."""
    own = open_tokenizer(bundle.directory / "tokenizer.json")
    return kept_ids(checkpoint.tokenizer.tokenizer, own)


def _find_source(check: Check) -> Source:
    manifest = check.bundle.manifest
    options = HubOptions(revision=manifest.source_revision, allow_pickle=check.allow_pickle)
    if check.model is not None:
        return resolve(check.model, options)
    if manifest.source_kind == "folder":
        made_from = f"made from a folder called {manifest.source_model}"
        raise RuntimeUnavailable(f"{check.bundle.directory}: {made_from}; name it with --checkpoint")
    try:
        return resolve(manifest.source_model, options)
    except CheckpointError as error:
        raise RuntimeUnavailable(f"{error}; or name a copy of it with --checkpoint") from error


def _check_source(manifest: Manifest, checkpoint: Checkpoint) -> None:
    """Hold what the manifest says of its source against the checkpoint: its files, and what is read off them."""
    stated = manifest.source_sha256
    different = differences(stated, checkpoint.sha256) + sorted(_unstated(stated, checkpoint))
    if different:
        raise BundleError(
            f"{checkpoint.source.model}: not the checkpoint that this bundle was made from "
            f"({', '.join(different)} differ); name the right one with --checkpoint"
        )
    facts = _facts(checkpoint)
    wrong = differences(facts, {name: getattr(manifest, name) for name in facts})
    if {spec.name for spec in manifest.outputs} != for_recipe(checkpoint, manifest.recipe).model.outputs.keys():
        wrong.append("outputs")
    if wrong:
        raise BundleError(
            f"bertport.json: {', '.join(wrong)} are not the checkpoint's, though the files are; export again"
        )


def _unstated(stated: Mapping[str, str], checkpoint: Checkpoint) -> set[str]:
    """Files of the checkpoint that the manifest leaves out; beside an adapter anything may have come to lie since."""
    return set() if checkpoint.source.made_from else set(checkpoint.sha256) - set(stated)


def _facts(checkpoint: Checkpoint) -> dict[str, object]:
    """What a manifest copies from its checkpoint, whatever target, scheme and settings are."""
    return {
        "architecture": checkpoint.model.head.architecture,
        "problem": checkpoint.problem,
        "labels": checkpoint.labels,
        "max_tokens": checkpoint.max_tokens,
        "prompt": checkpoint.prompt,
    }
