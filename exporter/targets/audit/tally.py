"""The running tally of an audit of one file: findings, and counts of what was compared."""

from dataclasses import dataclass, field

from exporter.targets.audit.findings import Audit, Finding


@dataclass
class Tally:
    """Findings about `file`, and counts of what was compared; see Audit."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    weights: int = 0
    rows: int = 0
    operators: int = 0
    facts: int = 0

    def find(self, subject: str, problem: str) -> None:
        """Note what is wrong."""
        self.findings.append(Finding(self.file, subject, problem))

    def expect(self, subject: str, what: str, expected: object, found: object) -> bool:
        """Count one comparison of a fact, note a difference, and say whether there is none."""
        self.facts += 1
        if found == expected:
            return True
        self.find(subject, f"{what}: expected {_short(expected)}, found {_short(found)}")
        return False

    @property
    def audit(self) -> Audit:
        """All of it."""
        return Audit(tuple(self.findings), self.weights, self.rows, self.operators, self.facts)


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


_MOST = 200
