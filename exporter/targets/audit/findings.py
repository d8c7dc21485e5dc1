"""The result of an audit: findings, and how much of the bundle was read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is not what the checkpoint and the recipe give.

    `file` is its path in the bundle, `subject` a weight, an operator or a field by our name, `problem` one line that
    says what was expected and what was found.
    """

    file: str
    subject: str
    problem: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.file}: {self.subject}: {self.problem}"


@dataclass(frozen=True)
class Audit:
    """Findings, and counts of what was compared: stored weights, their rows, operators, and facts beside the model."""

    findings: tuple[Finding, ...] = ()
    weights: int = 0
    rows: int = 0
    operators: int = 0
    facts: int = 0

    def __add__(self, other: "Audit") -> "Audit":
        """Both together."""
        return Audit(
            (*self.findings, *other.findings),
            self.weights + other.weights,
            self.rows + other.rows,
            self.operators + other.operators,
            self.facts + other.facts,
        )
