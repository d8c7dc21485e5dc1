"""Figures of a check against the committed baseline: reading it, comparing with it, moving it on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from exporter.gate.config import Tolerance
from runtimes.bundle.integrity import is_file
from runtimes.errors import RecordError, UsageError
from runtimes.parity.compare import Parity, Verdict
from runtimes.records.baseline import UPDATE, BaselineRecord, Difference, Figures
from runtimes.records.reading import parse_record, read_bounded
from runtimes.records.writing import write_record
from runtimes.reporting.junit import Finding


def difference_of(parity: Parity) -> Difference | None:
    """What is kept of a comparison; None for one that could not be run."""
    if parity.verdict is Verdict.NOT_RUN:
        return None
    return Difference(parity.status, parity.max_relative, parity.agreement)


def read_baseline(path: Path) -> BaselineRecord:
    """Read it. Raises UsageError where there is none, RecordError in one line for what is no baseline."""
    if not is_file(path):
        raise UsageError(f"baseline: no file {path}; `bertport check {UPDATE}` writes it, then commit it")
    return parse_record(path, read_bounded(path), BaselineRecord)


def move_baseline(path: Path, found: Mapping[str, Figures], versions: Mapping[str, str]) -> None:
    """Put the figures that were found in the place of the old ones, whole or not at all.

    What could not be checked here keeps the figure that it had; bundles that are no longer in the file go.
    """
    old: Mapping[str, Figures] = {}
    if is_file(path):
        try:
            old = read_baseline(path).bundles
        except RecordError:  # a broken one is what is being replaced
            old = {}
    bundles = {name: _kept(figures, old.get(name)) for name, figures in found.items()}
    write_record(path, BaselineRecord(versions=versions, bundles=bundles))


def compare_with_baseline(
    baseline: BaselineRecord, found: Mapping[str, Figures], tolerance: Tolerance
) -> list[Finding]:
    """One finding for each figure that both have; and one for each bundle that only one has."""
    findings = []
    for name, figures in found.items():
        before = baseline.bundles.get(name)
        if before is None:
            findings.append(_finding(name, "baseline", f"not in the baseline; {UPDATE} adds it"))
        else:
            findings += [_finding(name, f"baseline {what}", why) for what, why in _moves(before, figures, tolerance)]
    gone = [name for name in baseline.bundles if name not in found]
    return [*findings, *(_finding(name, "baseline", f"only in the baseline; {UPDATE} removes it") for name in gone)]


def _finding(suite: str, name: str, problem: str) -> Finding:
    return Finding(suite, name, Verdict.FAIL if problem else Verdict.PASS, problem)


def _moves(before: Figures, now: Figures, tolerance: Tolerance) -> list[tuple[str, str]]:
    """What was compared, and how it moved beyond its tolerance, if it did.

    A simulated difference is not compared with a measured one: a Mac's Core ML is not our interpreter.
    """
    size = tolerance.size * before.size_bytes
    moves = [("size", _moved(before.size_bytes, now.size_bytes, size, "{:,} bytes"))]
    for arch, is_now in now.parity.items():
        was = before.parity.get(arch)
        if is_now is None:
            continue
        if was is None:
            moves.append((f"parity {arch}", f"not in the baseline; {UPDATE} adds it"))
        elif was.status == is_now.status:
            moved = _moved(was.max_relative, is_now.max_relative, tolerance.parity, "{:.3%} of the logit range")
            moves.append((f"parity {arch}", moved))
            moves.append((f"agreement {arch}", _moved(was.agreement, is_now.agreement, tolerance.agreement, "{:.4f}")))
    moves.append(("accuracy drop", _moved(before.drop_points, now.drop_points, tolerance.drop_points, "{:.2f} points")))
    return moves


def _moved(before: float | None, now: float | None, tolerance: float, unit: str) -> str:
    """A sentence, or nothing where both are missing or near; better is a move too, for the next one hides in it."""
    if before is None or now is None:
        missing = (before is None) != (now is None)
        return f"{'new' if before is None else 'gone'}; {UPDATE} if that is meant" if missing else ""
    if abs(now - before) <= tolerance:
        return ""
    was, is_now, allowed = unit.format(before), unit.format(now), unit.format(tolerance)
    return f"was {was}, is {is_now}: moved by more than {allowed}; {UPDATE} if that is meant"


def _kept(now: Figures, before: Figures | None) -> Figures:
    old = {} if before is None else before.parity
    return replace(now, parity={arch: found or old.get(arch) for arch, found in now.parity.items()})
