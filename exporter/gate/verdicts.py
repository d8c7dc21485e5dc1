"""Verdicts on each budget of a bundle, as findings for JUnit, annotations and tables."""

from collections.abc import Iterable

from exporter.gate.run import Checked
from runtimes.parity.compare import Parity, Verdict
from runtimes.reporting.junit import Finding

_MEGABYTE = 1e6


def judge(one: Checked) -> list[Finding]:
    """One finding a budget; those of parity are always there."""
    findings = [_parity(one.name, arch, parity) for arch, parity in one.parities.items()]
    return [*findings, *_size(one), *_drop(one), *_measurements(one)]


def figures_rows(checked: Iterable[Checked], findings: Iterable[Finding]) -> list[list[str]]:
    """Cells for `COLUMNS`, a row a bundle and processor."""
    failed = {one.suite for one in findings if one.verdict is Verdict.FAIL}
    return [_row(one, arch, one.name in failed) for one in checked for arch in one.parities]


COLUMNS = ("bundle", "check", "on", "MB", "parity", "max diff", "agreement", "drop, points", "peak MB", "latency ratio")


def _row(one: Checked, arch: str, failed: bool) -> list[str]:
    parity = one.parities[arch]
    ran = parity.verdict is not Verdict.NOT_RUN
    ratios = one.ratios or {}
    return [
        one.name,
        "fail" if failed else "pass",
        arch,
        f"{one.bundle.size_bytes / _MEGABYTE:.2f}",
        f"{parity.verdict.value} ({parity.status})" if ran else "not run",
        f"{parity.max_absolute:.2e}" if ran else "–",
        "–" if parity.agreement is None else f"{parity.agreement:.4f}",
        "–" if one.drop_points is None else f"{one.drop_points:+.2f}",
        "–" if one.peak_rss_bytes is None else f"{one.peak_rss_bytes / _MEGABYTE:.0f}",
        ", ".join(f"{ratio:.2f} at {tokens}" for tokens, ratio in ratios.items()) or "–",
    ]


def _parity(name: str, arch: str, parity: Parity) -> Finding:
    message = parity.note if parity.verdict is Verdict.NOT_RUN else "; ".join(parity.failures)
    detail = (
        f"{parity.status} over {parity.rows} rows: max {parity.max_absolute:.3g}, mean {parity.mean_absolute:.3g}, "
        f"{parity.max_relative:.2%} of the logit range, agreement {parity.agreement}"
    )
    return Finding(name, f"parity {arch}", parity.verdict, message, detail)


def _size(one: Checked) -> list[Finding]:
    most, found = one.export.budget.max_size_bytes, one.bundle.size_bytes
    if most is None:
        return []
    return [_held(one.name, "size", found <= most, f"{found:,} bytes", f"{most:,}")]


def _drop(one: Checked) -> list[Finding]:
    most, found = one.export.budget.max_drop_points, one.drop_points
    if most is None or found is None:
        return []
    return [_held(one.name, "accuracy", found <= most, f"a drop of {found:.2f} points", f"{most:.2f}")]


def _measurements(one: Checked) -> list[Finding]:
    budget, peak = one.export.budget, one.peak_rss_bytes
    names = ["memory"] * (budget.max_peak_rss_bytes is not None) + ["latency"] * (budget.latency is not None)
    if one.unmeasured:
        return [Finding(one.name, name, Verdict.NOT_RUN, one.unmeasured) for name in names]
    findings = []
    if budget.max_peak_rss_bytes is not None and peak is not None:
        most = budget.max_peak_rss_bytes
        findings.append(_held(one.name, "memory", peak <= most, f"a peak of {peak:,} bytes", f"{most:,}"))
    if budget.latency is not None:
        most_ratio, ratios = budget.latency.max_ratio, one.ratios or {}
        worst = max(ratios, key=lambda tokens: ratios[tokens])
        found = f"{ratios[worst]:.3f} times the latency of {budget.latency.to} at {worst} tokens"
        findings.append(_held(one.name, "latency", ratios[worst] <= most_ratio, found, f"{most_ratio:.3f}"))
    return findings


def _held(suite: str, name: str, within: bool, found: str, most: str) -> Finding:
    if within:
        return Finding(suite, name, Verdict.PASS, detail=f"{found}, within {most}")
    return Finding(suite, name, Verdict.FAIL, f"{found} is beyond {most}")
