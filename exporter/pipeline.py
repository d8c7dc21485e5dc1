"""The steps of an export, in order: checkpoint → target → bundle → backend → parity."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.bundling.assumptions import decided
from exporter.bundling.card import write_card
from exporter.bundling.contents import make_manifest, write_files
from exporter.bundling.sbom import write_bill
from exporter.bundling.staging import check_destination, staged, write_manifest
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import resolve
from exporter.checkpoint.vocabulary_trimming import choose_entries, trim_checkpoint
from exporter.compression.calibration import Calibration, Finetune
from exporter.options.request import Request
from exporter.targets.audit.subject import Audited
from exporter.targets.budgets import budget_of
from exporter.targets.embedding_outputs import for_recipe
from exporter.targets.registry import (
    check_options,
    find_scheme,
    find_target,
    has_codes,
    make_recipe,
    only_coded,
)
from exporter.targets.target import Settings
from exporter.verification.ahead import ahead
from exporter.verification.audit.bundle import audit_bundle, audit_subject, with_audit
from exporter.verification.comparison import compare_with_pytorch
from exporter.verification.reference.early_start import start_for
from exporter.verification.reference.golden import golden_record
from exporter.verification.reference.reference import Reference
from exporter.verification.verify import compare_bundle
from runtimes.backends.pytorch.early import end_early
from runtimes.backends.registry import open_runner
from runtimes.bundle.manifest import CARD, GOLDEN, PARITY, Budget, Finetuning, Recipe
from runtimes.bundle.reading import Bundle, hash_files
from runtimes.errors import UsageError
from runtimes.files.json_text import to_json
from runtimes.parity.compare import Parity, Verdict, not_run
from runtimes.process.memory import release, trim
from runtimes.process.progress import track
from runtimes.records.parity import parity_record
from runtimes.records.writing import encoded
from runtimes.runner import Array

if TYPE_CHECKING:  # what few exports need, they import
    from exporter.finetuning.finetune import Finetuned
    from exporter.verification.labelled.texts import Labelled

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """What became of one combination; `directory` is None where a failing bundle was not kept."""

    recipe: Recipe
    directory: Path | None
    size_bytes: int
    parity: Parity

    @property
    def name(self) -> str:
        """Of the combination."""
        return self.recipe.name


def export(request: Request) -> list[Exported]:
    """Export every combination that the request asks for.

    Destinations, schemes and settings are checked before anything is written. Raises BertportError; a parity failure
    is no error but a verdict in the result.
    """
    if request.settings.finetune and not any(map(has_codes, request.schemes)):
        raise UsageError(f"--finetune-codes: {only_coded()}")
    wanted = [(target, scheme) for target in request.targets for scheme in request.schemes]
    for pair in wanted:
        find_scheme(*pair)
    check_options(request.settings)
    places = [_place(request, "-".join(pair), len(wanted)) for pair in wanted]
    for place in places:
        check_destination(place)
    try:
        return _export_all(request, wanted, places)
    finally:
        end_early()


def _export_all(request: Request, wanted: list[tuple[str, str]], places: list[Path]) -> list[Exported]:
    source = resolve(request.model, request.hub)
    if request.verify and not request.settings.finetune:  # which imports torch here
        start_for(source.directory, request.answering.cached)
    checkpoint = load(source, request.task, request.hub.allow_pickle)
    for note in checkpoint.notes:
        _log.info(note)
    if checkpoint.model.leftovers:
        left_out = ", ".join(checkpoint.model.leftovers)
        _log.info(f"left out, for {checkpoint.model.head.architecture} never reads them: {left_out}")
    settings = request.settings
    exported, kept = _trimmed(checkpoint, settings)
    recipes = [make_recipe(exported, target, scheme, settings) for target, scheme in wanted]
    budgets = [request.limit.applied(budget_of(exported, recipe)) for recipe in recipes]
    reference = Reference(checkpoint, request.texts, request.pairs, kept, answering=request.answering)
    calibration = Calibration(exported, reference.samples, settings.pq_dims, settings.frequent_texts)
    tuned = _tuned(recipes, reference, calibration, settings.finetune)
    plans = [_Plan(*plan, calibration) for plan in zip(recipes, budgets, places, strict=True)]
    plans = [_with_trained(plan, tuned, reference, settings) for plan in plans]
    labelled = _labelled(checkpoint, request)
    with reference.expecting([recipe.sequence_lengths for recipe in recipes] if request.verify else []):
        return [_export_one(reference, plan, request, labelled) for plan in track(plans, "bundles")]


def _trimmed(checkpoint: Checkpoint, settings: Settings) -> tuple[Checkpoint, Array | None]:
    """The checkpoint to export, and the ids that it kept where its vocabulary was trimmed."""
    if settings.trim is None:
        return checkpoint, None
    trim = replace(settings.trim, prompt=checkpoint.prompt)
    kept = choose_entries(checkpoint.tokenizer.tokenizer, trim, checkpoint.geometry.pad)
    return trim_checkpoint(checkpoint, kept), kept


def _tuned(
    recipes: list[Recipe], reference: Reference, calibration: Calibration, asked: Finetune | None
) -> "dict[bool, Finetuned]":
    """What is trained for the schemes that have codes: once for all that are narrow, and once for the others."""
    if asked is None:
        return {}
    from exporter.finetuning.finetune import finetune

    trained = [recipe for recipe in recipes if recipe.finetuned_sha256 is not None]
    widths = dict.fromkeys(find_scheme(recipe.target, recipe.scheme).narrow for recipe in trained)
    return {narrow: finetune(reference, calibration, asked, narrow) for narrow in widths}


def _labelled(checkpoint: Checkpoint, request: Request) -> "Labelled | None":
    if request.texts_file is None or not request.verify:
        return None
    from exporter.verification.labelled.texts import find_labelled

    return find_labelled(checkpoint, request.texts_file, request.answering)


@dataclass(frozen=True)
class _Plan:
    """One bundle to make."""

    recipe: Recipe
    budget: Budget
    place: Path
    calibration: Calibration
    finetuning: Finetuning | None = None
    own: Reference | None = None
    """Of a bundle whose weights were trained: PyTorch with those."""


def _with_trained(plan: _Plan, tuned: "Mapping[bool, Finetuned]", reference: Reference, settings: Settings) -> _Plan:
    """The plan with what was trained, where its scheme has codes."""
    if plan.recipe.finetuned_sha256 is None:
        return plan
    found = tuned[find_scheme(plan.recipe.target, plan.recipe.scheme).narrow]
    calibration = Calibration(found.checkpoint, reference.samples, settings.pq_dims, ())
    return replace(plan, calibration=calibration, finetuning=found.record, own=reference.with_weights(found.weights))


def _export_one(reference: Reference, plan: _Plan, request: Request, labelled: "Labelled | None") -> Exported:
    checkpoint, recipe = for_recipe(plan.calibration.checkpoint, plan.recipe), plan.recipe
    with staged(plan.place) as staging:
        _log.info(f"{recipe.name}: writing")
        models = write_files(checkpoint, recipe, staging.directory, plan.calibration)
        release()
        if advice := find_target(recipe.target).advice(checkpoint, recipe, reference.source.texts):
            _log.info(f"{recipe.name}: {advice}")
        manifest = replace(make_manifest(checkpoint, recipe, plan.budget, models), finetuning=plan.finetuning)
        bundle = Bundle(staging.directory, manifest)
        _log.info(f"{recipe.name}: {decided(bundle)}")
        if request.verify:
            _log.info(f"{recipe.name}: comparing with PyTorch")
        parity = _check(audit_subject(bundle, checkpoint), reference, plan.own, request.verify)
        parity = labelled.judged(parity, bundle, plan.budget) if labelled else parity
        size_bytes = bundle.size_bytes
        kept = parity.verdict is not Verdict.FAIL or request.keep_failing
        if kept:
            _write_records(bundle, reference, parity)
            staging.publish()
        return Exported(recipe, plan.place if kept else None, size_bytes, parity)


def _check(audited: Audited, reference: Reference, own: Reference | None, wanted: bool) -> Parity:
    if not wanted:
        return not_run("exported with --no-verify; bertport verify does it later")
    bundle, lengths = audited.bundle, audited.recipe.sequence_lengths
    audit = audit_bundle(audited)  # first: a small model's PyTorch is still on its way
    release()
    opened = ahead(open_runner(bundle, reference.threads), reference, lengths) if reference.is_small else None
    for one in filter(None, (reference, own)):
        one.prepare(lengths)
    runner, manifest = opened or open_runner(bundle, reference.threads), bundle.manifest
    trim()  # ONNX Runtime frees each matrix that it has packed: two fifths of a float32 model
    parity = with_audit(compare_bundle(reference, runner, bundle, manifest.budget), audit)
    if own is None:
        return parity
    budget = find_target(manifest.recipe.target).finetuned_budget
    from exporter.finetuning.finetune import beside_own

    return beside_own(parity, compare_with_pytorch(own, runner, manifest, budget))


def _write_records(bundle: Bundle, reference: Reference, parity: Parity) -> None:
    directory, recipe = bundle.directory, bundle.manifest.recipe
    (directory / PARITY).write_bytes(encoded(parity_record(parity)))
    if parity.verdict is not Verdict.NOT_RUN:
        (directory / GOLDEN).write_bytes(to_json(golden_record(reference, recipe.sequence_lengths)))
    (directory / CARD).write_bytes(write_card(bundle, parity).encode())
    hashes = write_bill(directory, bundle.manifest, hash_files(directory))
    write_manifest(directory, replace(bundle.manifest, files=hashes))


def _place(request: Request, name: str, combinations: int) -> Path:
    """-o itself for one combination, a subfolder of it for several; artifacts/MODEL/… without -o."""
    if request.destination is None:
        return Path("artifacts") / Path(request.model).resolve().name / name
    return request.destination if combinations == 1 else request.destination / name
