"""What a planted fault is, and what became of it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from exporter.bundling.staging import write_manifest
from exporter.targets.audit.subject import Audited
from exporter.verification.audit.bundle import audit_bundle
from runtimes.bundle.reading import hash_files, read_bundle
from runtimes.errors import BertportError

CAUGHT, REFUSED, MISSED, HARMLESS = "caught", "refused", "missed", "harmless"
"""The audit names it; the model cannot be opened or run; neither, and answers differ by more than the scheme's
rounding; or by no more than that."""


@dataclass(frozen=True)
class Fault:
    """One change to a bundle's folder. `kind` groups faults, `name` says what is changed and how."""

    kind: str
    name: str
    plant: Callable[[Path], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a fault; `effect` is the largest change of an output, and of those alone that no audit named."""

    kind: str
    name: str
    outcome: str
    finding: str = ""
    effect: float | None = None


Effect = Callable[[Path], float]
"""A faulty bundle → by how much its answers differ from the untouched one's. Raises BertportError if it cannot run."""


def judge(audited: Audited, faults: Sequence[Fault], rounding: float, effect: Effect, place: Path) -> list[Outcome]:
    """Plant each fault in a copy of the bundle at `place`, seal it again, and audit the copy.

    `rounding` is how far the untouched bundle's answers are from the float model's.
    """
    return [_judged(audited, fault, rounding, effect, place) for fault in faults]


def _judged(audited: Audited, fault: Fault, rounding: float, effect: Effect, place: Path) -> Outcome:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(audited.bundle.directory, place)
    fault.plant(place)
    seal(place)
    findings = audit_bundle(replace(audited, bundle=read_bundle(place))).findings
    if findings:
        return Outcome(fault.kind, fault.name, CAUGHT, str(findings[0]))
    try:
        changed = effect(place)
    except BertportError as error:
        return Outcome(fault.kind, fault.name, REFUSED, str(error))
    harmless = changed <= rounding  # NaN is not
    return Outcome(fault.kind, fault.name, HARMLESS if harmless else MISSED, effect=changed)


def seal(folder: Path) -> None:
    """Make hashes and seal anew, as a tool would that wrote the wrong bytes."""
    manifest = read_bundle(folder).manifest
    write_manifest(folder, replace(manifest, files=hash_files(folder)))


def in_numbers(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Counts by kind and outcome, and every fault."""
    kinds: dict[str, dict[str, int]] = {}
    for one in outcomes:
        kind = kinds.setdefault(one.kind, {})
        kind[one.outcome] = kind.get(one.outcome, 0) + 1
    missed = sum(one.outcome == MISSED for one in outcomes)
    return {"faults": len(outcomes), "missed": missed, "kinds": kinds, "outcomes": [asdict(one) for one in outcomes]}
