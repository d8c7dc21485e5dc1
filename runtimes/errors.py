"""The errors a user can meet, each with the command's exit code.

BertportError                 3  anything below, and nothing else, reaches the command line as one line of text
├ UsageError                  2  the call itself: unknown option value, output folder in use, nothing at that path
├ ExportError                 3  the export cannot be done
│ ├ CheckpointError              missing, unused, misshaped or unsafe tensors and files, all listed at once
│ ├ UnsupportedError             architecture, task, activation or option we do not know, with the list we do
│ ├ LoweringError                one target cannot express this model
│ └ BundleError                  a bundle or package that is not what its manifest says
├ MeasurementError            3  a measurement that ended without its figures
├ RecordError                 3  a record that cannot be read, or that does not belong with the others
└ RuntimeUnavailable          4  a runtime that is not here: becomes `not run`, never a pass

A message names the subject, what was expected, what was found, and the next step.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from reprlib import Repr

LONGEST = 4_000
"""Characters of a message: files may hold a million names."""


_QUOTED = 40
_SHORT = Repr()
_SHORT.maxlevel = 2


def excerpt(value: object) -> str:
    """A short quote of what a file says: enough to find it, too little to give it away."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _QUOTED else f"{value[:_QUOTED]!r}…"
    text = _SHORT.repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def some(names: Sequence[str], most: int = 3) -> str:
    """A list in an error: the first few, and how many there are."""
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most:,} more"


def in_one_line(said: object, most: int) -> str:
    """What another library or a file says, at most so many characters of it, none that a terminal would obey."""
    text = "".join(c if c.isprintable() else " " for c in str(said)[: 4 * most])
    return " ".join(text.split())[:most]


@contextmanager
def in_our_words(refusal: Callable[[str], "BertportError"], most: int = 300) -> Iterator[None]:
    """Within the block another library reads what a user gave it: whatever it raises becomes `refusal` of its words.

    No list of its errors is long enough. Ours go through as they are, and so does what says nothing of the content: an
    interrupt, an exit, a lack of memory. A panic of Rust's libraries (PyO3) is no Exception, and is caught.
    """
    try:
        yield
    except (BertportError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise refusal(in_one_line(error, most) or type(error).__name__) from error


def visible(text: str) -> str:
    """Text with the control characters written out that a terminal would obey; lines stay."""
    return "".join(c if c.isprintable() or c in "\n\u00a0" else c.encode("unicode_escape").decode() for c in text)


def in_unicode(name: str) -> str:
    """A file's name for a record: bytes that are no UTF-8 as escapes, for JSON and pages cannot hold them."""
    return name.encode("utf-8", "backslashreplace").decode()


class BertportError(Exception):
    """Base of every error that is told to the user in one line."""

    exit_code = 3

    def __str__(self) -> str:
        """One line that a terminal can show: names in a file may hold line breaks, and sequences that it would obey."""
        text = super().__str__()
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} characters)"
        return text if text.isprintable() else " ".join("".join(c if c.isprintable() else " " for c in text).split())


class UsageError(BertportError):
    """The call cannot be carried out as written."""

    exit_code = 2


class ExportError(BertportError):
    """The export cannot be done."""


class CheckpointError(ExportError):
    """The checkpoint is incomplete, inconsistent or unsafe."""


class UnsupportedError(ExportError):
    """The checkpoint asks for something we do not export; the message lists what we do."""


class LoweringError(ExportError):
    """A target cannot express this model."""


class BundleError(ExportError):
    """A bundle or a package is not what it should be."""


class MeasurementError(BertportError):
    """A measurement ended without its figures."""


class RecordError(BertportError):
    """A record cannot be read, or does not belong with the others."""


class RuntimeUnavailable(BertportError):  # noqa: N818 - a state, told as `not run`
    """A runtime, or what it needs, is not on this machine."""

    exit_code = 4
