"""`--finetune-codes`: what the codes of a word table lose is learnt back from the float model, at no byte's cost.

What was trained is written back as a checkpoint, and all that follows goes on as with any other: its word table holds
no stretch that its books do not, so that coding it again changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from exporter.bundle import Finetuning
from exporter.checkpoint import Checkpoint
from exporter.codebooks import ProductCodes
from exporter.encoder.model import Model
from exporter.encoder.ops import Array, Extent
from exporter.errors import UsageError
from exporter.material import Finetune, Material, texts_sha256
from exporter.reference import Reference
from exporter.schemes import FINETUNED
from runtimes.battery import Case, Encoder, Item, examples
from runtimes.parity import Parity, Subject, Verdict, compare
from runtimes.runner import Outputs, Status

if TYPE_CHECKING:
    from runtimes.distillation import Student

Say = Callable[[str], None]
LEAST_TEXTS = 50
_TRAINED = ("codebooks", "LayerNorms", "biases and row gains of the encoder's linear layers")
_WORD = "embeddings.word"
_ROWS, _LONGEST = 32, 128
"""Texts of a batch, and tokens of a text: longer ones are cut, for the teacher and the student alike."""
_HELD_OUT_SHARE, _MOST_HELD_OUT, _SEED = 0.1, 1000, 0
_Lesson = tuple[Case, Case]
"""The same texts as the float model reads them, and as the exported one does; both in the float model's ids."""


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


def finetune(reference: Reference, material: Material, asked: Finetune, say: Say) -> Finetuned:
    """Train what may be trained of `material.checkpoint` to answer as the model of `reference` does.

    Raises UsageError for too few texts; where every token has an answer, those count whose pieces the exported
    vocabulary has.
    """
    from runtimes.distillation import CodedTable, Lesson, Student, distil

    exported = material.checkpoint
    ids = np.arange(exported.geometry.vocabulary) if reference.kept is None else reference.kept
    learn, judge = _lessons(reference, exported, asked.texts, ids)
    codes = material.encode(exported.model.tensors[_WORD].read())
    student, teacher = Student(reference.loaded(), CodedTable(codes.codes, codes.book, ids)), reference.loaded()
    say(f"learning from {_rows(learn):,} texts, {_rows(judge):,} held out; epochs: {asked.epochs}")
    wanted = [teacher.run(case.batch) for case, _ in judge]
    before = _seen(reference.checkpoint, student, judge, wanted)
    pairs = [[(theirs.batch, own.batch) for theirs, own in part] for part in (learn, judge)]
    lesson = Lesson(pairs[0], pairs[1], _by_token(exported), asked.epochs, _SEED)
    losses = distil(teacher, student, lesson, say)
    record = Finetuning(
        texts_sha256(asked.texts) or "",
        _rows(learn),
        _rows(judge),
        asked.epochs,
        int(np.argmin(losses)),
        _SEED,
        _TRAINED,
        {"loss": losses[0], **before},
        {"loss": min(losses), **_seen(reference.checkpoint, student, judge, wanted)},
    )
    return _written_back(reference.checkpoint, exported, student, ProductCodes(codes.codes, student.book), record)


def beside_own(parity: Parity, own: Parity) -> Parity:
    """The verdict on a bundle: beside the float model, as any other's, and beside its own weights in PyTorch too."""
    failures = (*parity.failures, *(f"beside its own weights in PyTorch: {text}" for text in own.failures))
    note = f"beside its own fine-tuned weights in PyTorch at most {own.max_relative:.2%} of the range"
    return replace(parity, verdict=Verdict.FAIL if failures else parity.verdict, failures=failures, note=note)


def _lessons(
    reference: Reference, exported: Checkpoint, texts: tuple[str, ...], ids: Array
) -> tuple[list[_Lesson], list[_Lesson]]:
    """To learn from and to be judged by: drawn once by a fixed seed, batches of texts of like length."""
    limits = reference.limits(min(_LONGEST, exported.max_tokens))
    theirs, own = (Encoder(one.tokenizer.tokenizer, limits) for one in (reference.checkpoint, exported))
    parts = list(enumerate(examples(texts, limits)))
    items = [(theirs.example(one, at), _renumbered(own.example(one, at), ids)) for at, one in parts]
    if _by_token(exported):
        items = [item for item in items if item[0] == item[1]]
    if len(items) < LEAST_TEXTS:
        raise UsageError(f"--finetune-codes: {len(items)} texts to learn from; give {LEAST_TEXTS} or more")
    held = min(_MOST_HELD_OUT, int(len(items) * _HELD_OUT_SHARE))
    order = np.random.default_rng(_SEED).permutation(len(items))
    learn, judge = ([items[at] for at in part] for part in (order[held:], order[:held]))
    return _batches(theirs, learn), _batches(theirs, judge)


def _renumbered(item: Item, ids: Array) -> Item:
    return [row._replace(ids=ids[row.ids].tolist()) for row in item]


def _batches(encode: Encoder, items: list[tuple[Item, Item]]) -> list[_Lesson]:
    ordered = sorted(items, key=lambda item: max(len(row.ids) for row in item[0]))
    groups = [ordered[at : at + _ROWS] for at in range(0, len(ordered), _ROWS)]
    sides = [[encode.case("", [item[side] for item in group], real_text=True) for group in groups] for side in (0, 1)]
    return list(zip(*sides, strict=True))


def _rows(lessons: list[_Lesson]) -> int:
    return sum(len(case.batch.ids) for case, _ in lessons)


def _by_token(checkpoint: Checkpoint) -> frozenset[str]:
    outputs = checkpoint.model.outputs
    return frozenset(name for name, extent in outputs.items() if extent in (Extent.TOKEN, Extent.POSITION))


def _seen(
    checkpoint: Checkpoint, student: "Student", judge: list[_Lesson], wanted: Sequence[Outputs]
) -> dict[str, float]:
    """What a user sees of the judging texts, beside the float model's outputs: see runtimes.parity."""
    outputs = {name: name in _by_token(checkpoint) for name in checkpoint.model.outputs}
    subject = Subject(outputs, checkpoint.problem, FINETUNED["onnx"], Status.MEASURED, checkpoint.labels)
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


def _names(checkpoint: Checkpoint) -> dict[str, str]:
    """transformers' name of every tensor → ours."""
    model: Model = checkpoint.model
    family, geometry = model.family, model.geometry
    own = {family.prefix + entry.stored: entry.name for entry in family.entries(geometry)}
    return own | {entry.stored: entry.name for entry in model.head.entries(geometry, len(checkpoint.labels))}
