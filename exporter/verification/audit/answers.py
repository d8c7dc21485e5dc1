"""Audit of recorded answers: golden.json, parity.json and the budget, against PyTorch and the model.

The figures of a battery differ from processor to processor; how far they may is stated here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from exporter.checkpoint.json_files import MAX_TOKENIZER_BYTES, parse_json
from exporter.model.ops import Array
from exporter.targets.audit.findings import Audit, Finding
from exporter.targets.audit.subject import Audited
from exporter.verification.reference.golden import GOLDEN as GOLDEN_TEXTS
from exporter.verification.reference.golden import golden_record
from exporter.verification.reference.reference import Reference
from runtimes.bundle.manifest import GOLDEN, MANIFEST, PARITY, Budget
from runtimes.errors import BertportError, CheckpointError
from runtimes.files.bounded_read import read_bounded
from runtimes.parity.compare import Parity, Verdict
from runtimes.records.parity import ParityRecord
from runtimes.records.reading import parse_record
from runtimes.records.reading import read_bounded as read_record_bounded

Problem = tuple[str, str]
_GOLDEN_SHARE = 1e-3
"""Of the largest output, and 1e-4 besides: what float32 sums of 24 layers came to differ by between processors."""
_FIGURE_SHARE = 0.5
"""Of the larger of two: how far a figure of a battery may be from another processor's. Of weights that are rounded
alike figures differ by a thousandth; activations are rounded at run time, and a few fall to the other side."""
_RANGE_SHARE = 1e-4
"""Of the reference's range: differences below it are the order of sums, whatever share of each other they are."""
_AMOUNTS = ("max_absolute", "mean_absolute", "padding_max_absolute")
_MOST_SHARE = 0.05
"""Of texts: how many more may agree on another processor."""


@dataclass(frozen=True)
class Answers:
    """What PyTorch and the bundle's model answered now: `comparable` where only the processor may be another one.

    `own` is the budget of what the file holds, with what the caller puts in its place.
    """

    reference: Reference
    parity: Parity
    own: Budget
    comparable: bool


def audit_answers(audited: Audited, answers: Answers) -> Audit:
    """Compare golden.json, parity.json and the manifest's budget."""
    findings = [Finding(MANIFEST, *problem) for problem in _budget(audited.bundle.manifest.budget, answers.own)]
    record = _parity_record(audited, findings)
    if record is None:
        return Audit(tuple(findings))
    golden = None
    if record.verdict != Verdict.NOT_RUN.value or GOLDEN in audited.bundle.manifest.files:
        golden = _golden_record(audited, findings)
    same_texts = golden is not None and _texts(golden) == _texts(_wanted(audited, answers))
    if golden is not None:
        wanted = _wanted(audited, answers) if same_texts else _wanted_of(audited, answers, golden)
        findings += [Finding(GOLDEN, *problem) for problem in _golden(golden, wanted)]
    findings += [Finding(PARITY, *problem) for problem in _consistent(record)]
    if same_texts and answers.comparable and record.verdict != Verdict.NOT_RUN.value:
        findings += [Finding(PARITY, *problem) for problem in _figures(record, answers.parity)]
    return Audit(tuple(findings), facts=len(asdict(record)) + len(_vectors(golden)) + 1)


def _budget(stated: Budget, own: Budget) -> Iterator[Problem]:
    """Limits that are wider than those of what the file holds, or than what the caller gives."""
    for name, limit in asdict(own).items():
        found = getattr(stated, name)
        least = name.startswith("min_")
        if limit is not None and (found is None or (found < limit if least else found > limit)):
            bound = "at least" if least else "at most"
            yield f"budget.{name}", f"expected {bound} {limit:g}, found {found}; the caller alone widens a budget"


def _parity_record(audited: Audited, findings: list[Finding]) -> ParityRecord | None:
    path = audited.bundle.directory / PARITY
    try:
        record = parse_record(path, read_record_bounded(path), ParityRecord)
    except BertportError as error:
        findings.append(Finding(PARITY, "file", f"expected a record of parity, found none ({error})"))
        return None
    return record


def _golden_record(audited: Audited, findings: list[Finding]) -> dict[str, Any] | None:
    path = audited.bundle.directory / GOLDEN
    try:
        found = parse_json(path, read_bounded(path, MAX_TOKENIZER_BYTES, CheckpointError))
        vectors = list(found["vectors"])
        if 0 < len(vectors) <= GOLDEN_TEXTS and all(isinstance(one["text"], str) for one in vectors):
            return dict(found)
        reason = f"{len(vectors)} vectors of 1 to {GOLDEN_TEXTS}"
    except (BertportError, OSError, TypeError, KeyError) as error:
        reason = str(error)
    findings.append(Finding(GOLDEN, "file", f"expected texts with their answers, found none ({reason})"))
    return None


def _wanted(audited: Audited, answers: Answers) -> dict[str, Any]:
    return golden_record(answers.reference, audited.recipe.sequence_lengths)


def _wanted_of(audited: Audited, answers: Answers, golden: Mapping[str, Any]) -> dict[str, Any] | None:
    """What PyTorch answers now to the texts of a golden.json that other texts made; None where it cannot be asked."""
    rows = _texts(golden)
    texts = ["\t".join(row) for row in rows]
    try:
        own = Reference(answers.reference.checkpoint, texts, len(rows[0]) == 2, answers.reference.kept)
        return golden_record(own, audited.recipe.sequence_lengths)
    except BertportError:
        return None


def _vectors(golden: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return golden["vectors"] if golden else ()


def _texts(golden: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The texts of each vector: one, two of a pair, or a text and its choices."""
    rows = []
    for vector in _vectors(golden):
        pair = [vector["text_pair"]] if "text_pair" in vector else []
        rows.append((vector["text"], *map(str, pair), *map(str, vector.get("choices") or ())))
    return rows


def _golden(found: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Vectors that are not PyTorch's: other keys, ids, or outputs beyond float32's noise."""
    if wanted is None or _texts(found) != _texts(wanted):
        yield "vectors", "expected texts that the checkpoint's tokenizer reads, found others"
        return
    if {**found, "vectors": 0} != {**wanted, "vectors": 0}:
        yield "file", f"expected {sorted(wanted)}, found {sorted(found)[:5]}"
    for number, (theirs, ours) in enumerate(zip(_vectors(found), _vectors(wanted), strict=True)):
        wrong = sorted({*theirs} ^ {*ours}) or [key for key in ours if not _holds(key, theirs, ours)]
        if wrong:
            yield f"vectors[{number}]", f"expected what PyTorch gives for its text, found other {', '.join(wrong)}"


def _holds(key: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a vector has under `key` what PyTorch gives; of a mask's best entries those that nearly tie may trade."""
    if _near(found[key], wanted[key]):
        return True
    if key != "top_ids" or not _near(found["top_logits"], wanted["top_logits"]):
        return False
    theirs, ours, scores = (np.asarray(one) for one in (found[key], wanted[key], wanted["top_logits"]))
    if theirs.shape != ours.shape or any(len({*ids}) < len(ids) for ids in theirs.tolist()):
        return False
    noise = _noise(scores)
    places = [
        (row, at, ours[row].tolist().index(one) if one in ours[row] else len(ours[row]) - 1)
        for row, ids in enumerate(theirs.tolist())
        for at, one in enumerate(ids)
    ]
    return all(abs(scores[row, at] - scores[row, other]) <= noise for row, at, other in places)


def _noise(wanted: Array) -> float:
    return float(1e-4 + _GOLDEN_SHARE * np.abs(wanted).max(initial=0))


def _near(found: Any, wanted: Any) -> bool:
    """Whole numbers and texts are the same; others within float32's noise."""
    try:
        theirs, ours = np.asarray(found), np.asarray(wanted)
    except ValueError:  # rows of different lengths
        return False
    if theirs.shape != ours.shape or ours.dtype.kind not in "fiu" or theirs.dtype.kind not in "fiu":
        return bool(found == wanted)
    if ours.dtype.kind in "iu":
        return bool(np.array_equal(theirs, ours))
    return bool((np.abs(theirs - ours) <= _noise(ours)).all())


_GENERATED = ("vocabulary ", "every segment")
"""Names of cases that are no texts: their share is of the range that they reach, beyond the texts' own."""
_TEXTS = "compared_texts"
"""More of them where a figure is near its limit: on another processor it may have been on the other side of that."""


def _consistent(record: ParityRecord) -> Iterator[Problem]:
    """Figures of one record that contradict each other."""
    if (record.verdict == Verdict.FAIL.value) != bool(record.failures):
        yield "verdict", f"expected failures with fail alone, found {record.verdict} with {len(record.failures)}"
    if (record.verdict == Verdict.NOT_RUN.value) != (record.rows == 0 and not record.failures):
        yield "rows", f"expected none without a run, and some with one, found {record.rows:,} with {record.verdict}"
    relative = record.max_absolute / max(record.logit_range, 1e-12)
    generated = record.worst_case.startswith(_GENERATED) and record.max_relative <= relative
    if not generated and not math.isclose(record.max_relative, relative, rel_tol=1e-6, abs_tol=1e-12):
        yield "max_relative", f"expected {relative:.6g}, max_absolute over the range, found {record.max_relative:.6g}"
    if record.mean_absolute > record.max_absolute:
        yield "mean_absolute", f"expected {record.max_absolute:.3g} at most, found {record.mean_absolute:.3g}"


def _figures(record: ParityRecord, now: Parity) -> Iterator[Problem]:
    """Figures that another processor would not change so."""
    exact = {"verdict": now.verdict.value, "status": now.status, "rows": now.rows, "failures": bool(now.failures)}
    given = {**{name: getattr(record, name) for name in exact}, "failures": bool(record.failures)}
    exact |= {f"coverage.{key}": value for key, value in now.coverage.items() if key in record.coverage}
    given |= {f"coverage.{key}": value for key, value in record.coverage.items()}
    if exact.pop(f"coverage.{_TEXTS}", None) is not None:
        exact["rows"] = now.rows + record.coverage[_TEXTS] - now.coverage[_TEXTS]
    for name in exact:
        if given[name] != exact[name]:
            yield name, f"expected {exact[name]}, as measured now, found {given[name]}"
    noise = _RANGE_SHARE * now.logit_range
    for name in ("logit_range", *_AMOUNTS):
        ours, theirs = getattr(now, name), getattr(record, name)
        share = _GOLDEN_SHARE if name == "logit_range" else _FIGURE_SHARE
        if abs(ours - theirs) > share * max(ours, theirs) + noise:
            yield name, f"expected {ours:.6g} or near it, as measured now, found {theirs:.6g}"
    agreed = [-1.0 if one is None else one for one in (now.agreement, record.agreement)]
    if abs(agreed[0] - agreed[1]) > _MOST_SHARE:
        yield "agreement", f"expected {now.agreement} or near it, as measured now, found {record.agreement}"
    if record.absolute_quantiles.keys() != now.absolute_quantiles.keys():
        yield "absolute_quantiles", f"expected {', '.join(now.absolute_quantiles)}, found others"
    for key in record.absolute_quantiles.keys() & now.absolute_quantiles.keys():
        value, found = now.absolute_quantiles[key], record.absolute_quantiles[key]
        if abs(value - found) > _FIGURE_SHARE * max(value, found) + noise:
            yield f"absolute_quantiles.{key}", f"expected {value:.6g} or near it, as measured now, found {found:.6g}"
