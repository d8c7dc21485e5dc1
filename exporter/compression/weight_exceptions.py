"""Weights that `--keep` stores wider than the scheme does."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from runtimes.errors import UsageError

FORMS = ("float16", "int8")
"""What a weight may be kept as; the first where nothing is said."""


@dataclass(frozen=True)
class Keep:
    """Patterns of weight names, each `PATTERN` or `PATTERN=FORM`; of those that match a name the first holds.

    A weight is never made smaller than its scheme makes it. Raises UsageError for a form that is not in FORMS.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.patterns:
            pattern, form = _parsed(text)
            if not pattern or form not in FORMS:
                raise UsageError(f"--keep {text}: expected a pattern of weight names, or PATTERN={'|'.join(FORMS)}")

    def form(self, name: str) -> str | None:
        """What the weight `name` is kept as; None: as the scheme has it."""
        return next((form for pattern, form in map(_parsed, self.patterns) if fnmatchcase(name, pattern)), None)

    def check(self, names: Sequence[str]) -> None:
        """Raise UsageError for a pattern that no weight matches, with the list of them."""
        for text in self.patterns:
            if not any(fnmatchcase(name, _parsed(text)[0]) for name in names):
                raise UsageError(f"--keep {text}: matches no weight; those that schemes round are {', '.join(names)}")


NOTHING = Keep()
"""No exception."""


def _parsed(text: str) -> tuple[str, str]:
    pattern, separator, form = text.rpartition("=")
    return (pattern, form) if separator else (text, FORMS[0])
