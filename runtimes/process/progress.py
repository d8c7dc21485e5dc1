"""Progress of long steps, as log records of a level of their own: the command line draws them."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)

PROGRESS = (logging.DEBUG + logging.INFO) // 2
"""The level of these records: less than what is said in words, more than what helps to find a fault."""


@dataclass(frozen=True)
class Step:
    """What a record's `step` holds: `done` of `total`, of what `key` tells from others of that name."""

    key: object
    what: str
    done: int
    total: int
    ended: bool = False


class Count:
    """Logs that `what` begins, how many of `total` are done whenever that is told, and its end."""

    def __init__(self, what: str, total: int) -> None:
        self._key, self._what, self._total, self._done = object(), what, total, 0
        self.at(0)

    def at(self, done: int, total: int | None = None) -> None:
        """So many are done; of another `total` where more is known of it by now."""
        self._done, self._total = done, self._total if total is None else total
        self._tell(ended=False)

    def end(self) -> None:
        """It is over, however it ended."""
        self._tell(ended=True)

    def _tell(self, ended: bool) -> None:
        step = Step(self._key, self._what, self._done, self._total, ended)
        _log.log(PROGRESS, f"{self._what}: {self._done:,} of {self._total:,}", extra={"step": step})


@contextmanager
def counted(what: str, total: int) -> Iterator[Count]:
    """A Count that ends with the block."""
    count = Count(what, total)
    try:
        yield count
    finally:
        count.end()


def track(items: Collection[T], what: str) -> Iterator[T]:
    """Each of the items, while it is logged how many of them are done with."""
    with counted(what, len(items)) as count:
        for number, item in enumerate(items, 1):
            yield item
            count.at(number)
