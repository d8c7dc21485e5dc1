"""Stored weights of Apple's forms, opened row by row and compared with the float weight: see `form_rounding`.

A file's reader checks that what it has is of the expected kind; what is compared then is the same for every format.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.model.ops import Array
from exporter.targets.audit import form_rounding as rounding
from exporter.targets.audit.tally import Tally

Place = tuple[str, int] | None
"""Where something is stored."""
Part = Callable[[int, tuple[int, int]], Array]
"""First row, and how many rows of how many numbers → what is stored of them."""
Ratios = Callable[[int, Array], Array]
"""First row, and float rows from there on → by how many times each stored row exceeds its bound."""
_BOOK_OFF, _WEIGHED_BOOK_OFF = 0.5, 3.0
"""How far an entry may be from the mean of what it stands for: see `form_rounding.BOUNDS`."""
_PART = 1 << 18
"""Elements that are compared at once."""
_SHOWN = 5


class UnlikeError(Exception):
    """A weight that is stored in another way than its scheme stores it; the message says how."""


@dataclass(frozen=True)
class Rows:
    """A weight, opened: where it is stored, how its rows are compared, and what is to be said when all were.

    `values` are the floats [rows, n] that it stands for, in the forms that a fine-tuned bundle has.
    """

    form: str
    places: tuple[Place, ...]
    ratios: Ratios
    whole: Callable[[], list[str]] = list
    values: Callable[[tuple[int, int]], Array] | None = None


def open_floats(part: Part, half: bool, trained: str, places: tuple[Place, ...]) -> Rows:
    """Values in float16 or float32."""
    compared = rounding.trained_vector if trained else rounding.float16 if half else rounding.float32
    return Rows(
        "float16" if half else "float32",
        places,
        lambda start, wanted: compared(part(start, wanted.shape), wanted),
        values=lambda shape: part(0, shape),
    )


def open_scaled(
    kind: str, part: Part, steps: Array, compared: Callable[[Array, Array, Array], Array], places: tuple[Place, ...]
) -> Rows:
    """Integers and a scale [rows, 1] for each row; `compared` takes both and the rows that are wanted."""

    def ratios(start: int, wanted: Array) -> Array:
        return compared(part(start, wanted.shape), steps[start : start + len(wanted)], wanted)

    return Rows(kind, places, ratios, values=lambda shape: part(0, shape) * steps.astype(np.float32))


def open_int8(part: Part, steps: Array, trained: str, places: tuple[Place, ...]) -> Rows:
    """int8 by row."""
    return open_scaled("int8", part, steps, rounding.TRAINED[trained] if trained else rounding.int8, places)


def open_int4_rows(part: Part, steps: Array, trained: str, places: tuple[Place, ...]) -> Rows:
    """int4 by row."""
    compared = rounding.TRAINED_INT4[trained] if trained else rounding.int4_rows
    return open_scaled("int4", part, steps, compared, places)


def open_int4_blocks(part: Part, steps: Array, places: tuple[Place, ...]) -> Rows:
    """int4 by blocks, a scale [rows, blocks] for each."""

    def ratios(start: int, wanted: Array) -> Array:
        return rounding.int4(part(start, wanted.shape), steps[start : start + len(wanted)], wanted)

    return Rows("int4", places, ratios)


def open_palette(part: Part, palette: Array, places: tuple[Place, ...]) -> Rows:
    """Indices into one ascending table [entries]."""
    nearest, fit = rounding.Palette(palette), rounding.Fit(palette[:, None])

    def ratios(start: int, wanted: Array) -> Array:
        found, half = part(start, wanted.shape), wanted.astype(np.float16)
        fit.add(found.reshape(-1), half.reshape(-1, 1))
        return nearest.ratios(found, half)

    return Rows("palette", places, ratios, lambda: _misfits("palette", [fit.off_steps()]))


def open_shared_codes(part: Part, codebook: Array, exact: bool, places: tuple[Place, ...]) -> Rows:
    """Codes into one codebook [1, entries, d] for all places; of positions, which training leaves as they are."""
    width, fit = codebook.shape[2], rounding.Fit(codebook[0])

    def ratios(start: int, wanted: Array) -> Array:
        found, points = part(start, (len(wanted), wanted.shape[1] // width)), wanted.reshape(-1, width)
        fit.add(found.reshape(-1), points)
        worst = rounding.nearest_of_codebooks(found.reshape(-1, 1), codebook, points)
        return np.asarray(worst.reshape(len(wanted), -1).max(-1))

    return Rows(
        "codes",
        places,
        ratios,
        lambda: _misfits("books", [fit.off_spreads(_BOOK_OFF)]) if exact else [],
        lambda shape: codebook[0][part(0, (shape[0], shape[1] // width))].reshape(shape),
    )


def open_codes(
    part: Part, codebooks: Array, step: float, trained: str, *, weighed: bool, places: tuple[Place, ...]
) -> Rows:
    """Codes into codebooks [places, entries, d], whose step is `step` where they are int8."""
    count = len(codebooks)
    fits = [rounding.Fit(one, step, bool(trained)) for one in codebooks]
    compared = rounding.trained_codes if trained else rounding.nearest_of_codebooks

    def ratios(start: int, wanted: Array) -> Array:
        found = part(start, (len(wanted), count))
        points = wanted.reshape(len(wanted), count, -1)
        for place, fit in enumerate(fits):
            fit.add(found[:, place], points[:, place])
        return compared(found, codebooks, wanted)

    off = _WEIGHED_BOOK_OFF if weighed or trained else _BOOK_OFF
    return Rows(
        "codes",
        places,
        ratios,
        lambda: _misfits("books", [fit.off_spreads(off) for fit in fits]),
        lambda shape: codebooks[np.arange(count), part(0, (shape[0], count))].reshape(shape),
    )


def compare_rows(tally: Tally, name: str, rows: Array, stored: Rows) -> None:
    """Note what of a weight [rows, n] is beyond the rounding of its form."""
    tally.weights += 1
    tally.rows += len(rows)
    size = max(8, _PART // max(1, rows.shape[1]) // 8 * 8)  # packed elements begin at a byte
    starts = range(0, len(rows), size)
    with np.errstate(all="ignore"):
        ratios = np.concatenate([stored.ratios(start, rows[start : start + size]) for start in starts])
    wrong = np.flatnonzero(ratios > 1)
    if len(wrong):
        tally.find(name, _told(wrong, ratios, stored.form))
    for problem in stored.whole():
        tally.find(name, problem)


def _misfits(what: str, offs: Sequence[Array]) -> list[str]:
    """What is wrong with entries that are not in the middle of what they stand for."""
    wrong = [(off[entry], entry, codebook) for codebook, off in enumerate(offs) for entry in np.flatnonzero(off > 1)]
    if not wrong:
        return []
    off, entry, codebook = max(wrong)
    place = f" of codebook {codebook}" if len(offs) > 1 else ""
    return [
        f"{len(wrong):,} entries of its {what} are not the mean of what they stand for: expected at most 1 bound away, "
        f"found {off:.3g} (entry {entry}{place})"
    ]


def _told(wrong: Array, ratios: Array, form: str) -> str:
    listed = ", ".join(map(str, wrong[:_SHOWN])) + (", …" if len(wrong) > _SHOWN else "")
    return (
        f"{len(wrong):,} of {len(ratios):,} rows ({listed}) are not the checkpoint's within the rounding of {form}: "
        f"expected at most 1 bound, found {ratios.max():.3g}"
    )
