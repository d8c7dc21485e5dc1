"""Options that Apple's two formats share: compute units, and the layout that suits them; fixed lengths."""

from collections.abc import Collection

from runtimes.errors import UsageError

LAYOUTS = {"all": "channels", "cpu-and-ne": "channels", "cpu-and-gpu": "rows", "cpu-only": "rows"}
"""Compute units → layout."""
DEFAULT_COMPUTE_UNITS = "all"
DEFAULT_LENGTH = 128


def check_known(target: str, option: str, value: str, known: Collection[str]) -> None:
    """Raise UsageError for a value that an option has not."""
    if value not in known:
        raise UsageError(f"--{option} {value}: unknown to {target}; it has {', '.join(known)}")


def check_lengths(target: str, lengths: tuple[int, ...], positions: int) -> None:
    """Raise UsageError for lengths that are none, come twice, or are beyond the checkpoint's positions."""
    if not lengths or len(set(lengths)) != len(lengths):
        listed = ", ".join(map(str, lengths)) or "none"
        raise UsageError(f"{target}: expected different sequence lengths, found {listed}; name each once")
    for length in lengths:
        if length < 1:
            raise UsageError(f"{target}: sequence length {length} is below 1; pass --sequence-length {DEFAULT_LENGTH}")
        if length > positions:
            raise UsageError(
                f"{target}: sequence length {length} exceeds the checkpoint's {positions} positions; "
                f"pass --sequence-length {positions} or less"
            )
