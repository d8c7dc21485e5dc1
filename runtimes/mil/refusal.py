"""One-line errors of the interpreter, printable whatever a package holds."""

from runtimes.errors import BundleError


def refusal(message: str) -> BundleError:
    """Return the error to raise; names in a damaged package may hold line breaks and worse, which become spaces."""
    return BundleError(" ".join("".join(c if c.isprintable() else " " for c in message).split()))
