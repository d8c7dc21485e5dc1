"""Fine-tuning for `--finetune-codes`: trains codebooks, LayerNorms and biases, and writes a checkpoint back.

What was trained is written back as a checkpoint, and all that follows goes on as with any other: its word table holds
no sub-vector that its codebooks do not, so that coding it again changes nothing.
"""

import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import TRAINED, Calibration, Finetune, texts_sha256
from exporter.compression.product_quantization import ProductCodes, shared_quantise
from exporter.finetuning.training_texts import CasePair, make_training_texts, outputs_by_token
from exporter.model.model import Model
from exporter.model.ops import Array, Role
from exporter.model.weight_list import rounded_weights
from exporter.targets.embedding_outputs import answering
from exporter.targets.registry import DEFAULT_TARGET, find_target
from exporter.verification.reference.reference import Reference
from runtimes.backends.pytorch.installed import require
from runtimes.bundle.manifest import Finetuning
from runtimes.parity.compare import Parity, Subject, Verdict, compare
from runtimes.runner import Batch, Outputs, Status

if TYPE_CHECKING:
    from exporter.finetuning.distillation import Student

_log = logging.getLogger(__name__)

_WORD, _POSITIONS = "embeddings.word", "embeddings.position"


@dataclass(frozen=True)
class Finetuned:
    """`checkpoint` is what is exported; `weights` the same for transformers' model of the whole vocabulary, by name."""

    checkpoint: Checkpoint
    weights: Mapping[str, Array]
    record: Finetuning


@dataclass(frozen=True)
class _Values:
    """A tensor that is in no file; see StoredTensor."""

    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values."""
        return self.values.shape

    def read(self) -> Array:
        """The values."""
        return self.values


def finetune(reference: Reference, calibration: Calibration, asked: Finetune, narrow: bool = False) -> Finetuned:
    """Train what may be trained of `calibration.checkpoint` to answer as the model of `reference` does.

    `narrow`: rounded as a narrow scheme has it; see `targets.target.Scheme`. Raises UsageError for too few texts, and
    RuntimeUnavailable where torch is missing.
    """
    require("--finetune-codes", "torch", "transformers")
    from exporter.finetuning.distillation import CodedTable, Rounding, Student, Training, distil

    exported = answering(calibration.checkpoint)
    reference = Reference(
        answering(reference.checkpoint), reference.source.texts, reference.source.pairs, reference.kept
    )
    ids = np.arange(exported.geometry.vocabulary) if reference.kept is None else reference.kept
    made = make_training_texts(reference, exported, asked, ids)
    judge = made.judge
    codes = calibration.encode(exported.model.tensors[_WORD].read(), narrow)
    table, loaded = CodedTable(codes.codes, codes.codebook, ids), reference.loaded()
    tables = _coded_positions(exported, dict(loaded.model.named_modules())) if narrow else {}
    student = Student(loaded, table, Rounding(narrow, _multiplied(exported), tables))
    teacher = reference.loaded()
    _log.info(f"learning from {made.learnt_texts:,} texts, {made.held_out_texts:,} held out; epochs: {asked.epochs}")
    wanted = [teacher.run(case.batch) for case, _ in judge]
    before = _seen(reference.checkpoint, student, judge, wanted)
    learn = [_batches(epoch) for epoch in made.learn]
    training = Training(learn, _batches(judge), outputs_by_token(exported.model), asked.seed)
    losses = distil(teacher, student, training)
    record = Finetuning(
        texts_sha256(asked.texts) or "",
        made.learnt_texts,
        made.held_out_texts,
        asked.epochs,
        int(np.argmin(losses)),
        asked.seed,
        TRAINED,
        {"loss": losses[0], **before},
        {"loss": min(losses), **_seen(reference.checkpoint, student, judge, wanted)},
    )
    return _written_back(reference.checkpoint, exported, student, ProductCodes(codes.codes, student.codebook), record)


def beside_own(parity: Parity, own: Parity) -> Parity:
    """The verdict on a bundle: beside the float model, as any other's, and beside its own weights in PyTorch too."""
    failures = (*parity.failures, *(f"beside its own weights in PyTorch: {text}" for text in own.failures))
    note = f"beside its own fine-tuned weights in PyTorch at most {own.max_relative:.2%} of the range"
    return replace(parity, verdict=Verdict.FAIL if failures else parity.verdict, failures=failures, note=note)


def _batches(pairs: list[CasePair]) -> list[tuple[Batch, Batch]]:
    return [(theirs.batch, own.batch) for theirs, own in pairs]


def _seen(
    checkpoint: Checkpoint, student: "Student", judge: list[CasePair], wanted: Sequence[Outputs]
) -> dict[str, float]:
    """What a user sees of the judging texts, beside the float model's outputs: see runtimes.parity.compare."""
    outputs = {name: name in outputs_by_token(checkpoint.model) for name in checkpoint.model.outputs}
    budget = find_target(DEFAULT_TARGET).finetuned_budget
    subject = Subject(outputs, checkpoint.problem, budget, Status.MEASURED, checkpoint.labels)
    found = [student.run(case.batch) for _, case in judge]
    parity = compare([case for case, _ in judge], wanted, found, subject)
    return {"largest difference, of the range": parity.max_relative, **parity.seen}


def _written_back(
    whole: Checkpoint, exported: Checkpoint, student: "Student", codes: ProductCodes, record: Finetuning
) -> Finetuned:
    weights, prefix = student.weights, whole.model.family.prefix
    names = _names(exported)
    lead = "" if any(name.startswith(prefix) for name in weights) else prefix
    trained = {names[lead + name]: _Values(values) for name, values in weights.items() if lead + name in names}
    tensors = {**exported.model.tensors, **trained, _WORD: _Values(codes.restored)}
    word = next(stored for stored, name in names.items() if name == _WORD).removeprefix(lead)
    table = whole.model.tensors[_WORD].read().copy()
    table[student.ids] = codes.restored
    checkpoint = replace(exported, model=replace(exported.model, tensors=tensors))
    return Finetuned(checkpoint, {**weights, word: table}, record)


def _multiplied(checkpoint: Checkpoint) -> frozenset[str]:
    """Paths of transformers' modules that folding multiplies, with the family's prefix and without."""
    prefix, beginnings = checkpoint.model.family.prefix, checkpoint.model.multiplied
    paths = [path.rpartition(".")[0] for path, name in _names(checkpoint).items() if name.startswith(beginnings)]
    return frozenset([*paths, *(path.removeprefix(prefix) for path in paths)])


def _coded_positions(checkpoint: Checkpoint, modules: Container[str]) -> dict[str, Array]:
    """The table of positions with what its codes make of it, by the path of its module; nothing where it is multiplied.

    What is coded is the folded table: what folding adds to it is taken off again.
    """
    model, prefix = checkpoint.model, checkpoint.model.family.prefix
    folded = [weight for weight in rounded_weights(model) if weight.role is Role.POSITION_EMBEDDING]
    if not folded or folded[0].name.startswith(model.multiplied):
        return {}
    values = model.tensors[_POSITIONS].read()
    shipped = values + (shared_quantise(folded[0].values).restored - folded[0].values)
    stored = next(stored for stored, name in _names(checkpoint).items() if name == _POSITIONS).rpartition(".")[0]
    return {stored if stored in modules else stored.removeprefix(prefix): shipped}


def _names(checkpoint: Checkpoint) -> dict[str, str]:
    """transformers' name of every tensor → ours."""
    model: Model = checkpoint.model
    family, geometry = model.family, model.geometry
    own = {family.prefix + entry.stored: entry.name for entry in family.entries(geometry)}
    return own | {entry.stored: entry.name for entry in model.head.entries(geometry, len(checkpoint.labels))}
