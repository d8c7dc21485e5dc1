"""Audit of a whole bundle: its model, and every file beside it."""

from collections.abc import Callable
from dataclasses import replace

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.registry import TARGETS
from exporter.verification.audit.description import audit_description
from exporter.verification.audit.tokenizer import audit_tokenizer
from exporter.verification.reference.reference import Reference
from runtimes.bundle.reading import Bundle
from runtimes.errors import in_one_line
from runtimes.parity.compare import Parity, Verdict

_LISTED = 8
"""Findings that are shown one by one: a wrong table may have one for each of its rows."""
_LONGEST = 400
_BESIDE: tuple[Callable[[Audited], Audit], ...] = (audit_description, audit_tokenizer)
"""Audits of what lies beside the model, whatever the target is."""


def audit_subject(bundle: Bundle, checkpoint: Checkpoint, exact: bool = True) -> Audited:
    """What is audited, with the texts that bertport brings; see Audited."""
    return Audited(bundle, checkpoint, lambda tokens: Reference(checkpoint).samples(tokens), exact)


def audit_bundle(audited: Audited) -> Audit:
    """Audit the model file through its target, and every file beside it.

    Runs no model. A file that cannot be read at all is a finding, not an error.
    """
    parts = (TARGETS[audited.recipe.target].audit, *_BESIDE)
    return sum((audit(audited) for audit in parts), Audit())


def with_audit(parity: Parity, audit: Audit) -> Parity:
    """The parity of a bundle that was audited too: any finding is a failure, and `coverage` says what was read."""
    counts = {
        "audited_weights": audit.weights,
        "audited_rows": audit.rows,
        "audited_operators": audit.operators,
        "audited_facts": audit.facts,
    }
    return replace(_failed(parity, audit), coverage={**parity.coverage, **counts})


def with_answers(parity: Parity, audit: Audit) -> Parity:
    """The same with the audit of what a bundle says of its answers, which takes the parity itself."""
    facts = parity.coverage.get("audited_facts", 0) + audit.facts
    return replace(_failed(parity, audit), coverage={**parity.coverage, "audited_facts": facts})


def _failed(parity: Parity, audit: Audit) -> Parity:
    failures = (*parity.failures, *_lines(audit))
    return replace(parity, verdict=Verdict.FAIL if audit.findings else parity.verdict, failures=failures)


def _lines(audit: Audit) -> list[str]:
    shown = [f"audit: {in_one_line(finding, _LONGEST)}" for finding in audit.findings[:_LISTED]]
    beyond = len(audit.findings) - len(shown)
    return [*shown, f"audit: {beyond:,} more findings, {len(audit.findings):,} in all"] if beyond else shown
