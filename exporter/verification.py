"""Saved model against PyTorch: at export, again later, and where they part."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from tokenizers import Tokenizer

from exporter.bundle import Budget, Bundle, Manifest, Recipe, check_files
from exporter.checkpoint import Checkpoint, load
from exporter.encoder.ops import Array
from exporter.errors import BundleError, CheckpointError, RuntimeUnavailable
from exporter.lowering import TARGETS
from exporter.reference import Reference
from exporter.source import HubOptions, Source, resolve
from exporter.vocabulary import kept_ids
from runtimes.bisect import Departure, depart
from runtimes.parity import Parity, Subject, compare
from runtimes.processors import NATIVE, describe, open_on
from runtimes.runner import Runner

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

    `arch` is one of `runtimes.processors.ARCHITECTURES`.
    """

    bundle: Bundle
    model: str | None = None
    texts: tuple[str, ...] = ()
    limit: Limit = field(default_factory=Limit)
    allow_pickle: bool = False
    arch: str = NATIVE
    pairs: bool = False


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
    manifest = check.bundle.manifest
    checkpoint = find_checkpoint(check)
    kept = kept_pieces(check.bundle, checkpoint) if manifest.recipe.pieces else None
    reference = Reference(checkpoint, check.texts, check.pairs, kept)
    runner, budget = open_on(check.bundle, check.arch), check.limit.applied(manifest.budget)
    parity = replace(compare_with_pytorch(reference, runner, manifest, budget), note=describe(runner))
    return parity, lambda: explain(reference, runner, manifest.recipe, parity, budget)


def find_checkpoint(check: Check) -> Checkpoint:
    """The checkpoint that a bundle was made from, once the bundle's files are found unchanged. Raises as `verify`."""
    manifest = check.bundle.manifest
    check_files(check.bundle)
    checkpoint = load(_find_source(check), manifest.recipe.task, check.allow_pickle)
    _check_source(manifest, checkpoint)
    return checkpoint


def compare_with_pytorch(reference: Reference, runner: Runner, manifest: Manifest, budget: Budget) -> Parity:
    """Run the battery on the saved model, and hold its outputs against the reference's."""
    runner = reference.as_asked(runner)
    battery = reference.battery(runner.positions, manifest.recipe.sequence_lengths)
    outputs = {spec.name: spec.per_token for spec in manifest.outputs}
    tokens = {name for name, per_token in outputs.items() if per_token}
    candidate = [case.keep(runner.run(case.batch), tokens) for case in battery.cases]
    subject = Subject(outputs, manifest.problem, budget, runner.status, manifest.labels)
    return compare(battery.cases, battery.outputs, candidate, subject)


def explain(reference: Reference, runner: Runner, recipe: Recipe, parity: Parity, budget: Budget) -> Explanation:
    """Run the worst case with every named tensor exposed on all three sides.

    A tensor's share is the budget taken relative to the tensor's largest value; float32's is 1e-4 of it.
    """
    from exporter.targets.numpy import trace

    runner = reference.as_asked(runner)
    cases = reference.battery(runner.positions, recipe.sequence_lengths).cases
    case = next((case for case in cases if case.name == parity.worst_case), cases[0])
    batch = runner.fit(case.batch)
    ours = trace(reference.checkpoint.model, batch.ids, batch.mask, batch.types)
    graph = depart(reference.open().trace(batch), ours, _FLOAT32_SHARE)
    exposed = TARGETS[recipe.target].canonical(runner.trace(batch))
    return Explanation(case.name, graph, depart(ours, exposed, budget.max_relative or _FLOAT32_SHARE))


def kept_pieces(bundle: Bundle, checkpoint: Checkpoint) -> Array:
    """The checkpoint's id of every piece of a bundle whose vocabulary was cut."""
    own = Tokenizer.from_file(str(bundle.directory / "tokenizer.json"))
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
    stated = manifest.source_sha256
    different = sorted(name for name in stated if checkpoint.sha256.get(name) != stated[name])
    if different:
        raise BundleError(
            f"{checkpoint.source.model}: not the checkpoint that this bundle was made from "
            f"({', '.join(different)} differ); name the right one with --checkpoint"
        )
