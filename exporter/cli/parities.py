"""What commands report of comparisons: exit code, warnings and failures."""

import logging

from runtimes.parity.compare import Parity, Verdict
from runtimes.reporting.terminal import covered

_log = logging.getLogger(__name__)


def exit_code(parities: list[Parity]) -> int:
    """1 when any is beyond its budget, else 0."""
    return int(any(parity.verdict is Verdict.FAIL for parity in parities))


def tell(results: list[tuple[str, Parity]], *, bundles: bool = True) -> None:
    """Say what was audited, and the warnings and failures, of each named parity; `bundles` can be explained."""
    for name, parity in results:
        if parity.coverage:
            _log.info(f"{name}: {covered(parity.coverage)}")
        for text in parity.warnings:
            _log.warning(f"{name}: warning: {text}")
        for text in parity.failures:
            _log.warning(f"{name}: parity failed: {text}")
        if bundles and parity.verdict is Verdict.FAIL:
            _log.info(f"{name}: `bertport verify BUNDLE --explain` says where (--keep-failing keeps such a bundle)")
