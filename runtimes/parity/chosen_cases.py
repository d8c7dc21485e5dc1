"""Choosing cases of a battery for a runtime that takes a second for a row: fewer of each kind, the same every time."""

from collections.abc import Sequence

from runtimes.parity.cases import Case


def choose(cases: Sequence[Case], most_rows: int | None) -> list[int]:
    """Places of the cases that are asked, about `most_rows` rows of them; None for all.

    What is odd by its shape stays, whatever the room, with the texts that it is held against. Of other real texts, then
    of what was generated, as many stay as there is room for, evenly spread; one real text at least.
    """
    everything = list(range(len(cases)))
    if most_rows is None or _rows(cases) <= most_rows:
        return everything
    held = {case.padding_of for case in cases}
    shaped = [at for at in everything if cases[at].name in held or not (cases[at].real_text or cases[at].generated)]
    texts = [at for at in everything if cases[at].real_text and cases[at].name not in held]
    found = shaped
    for more, least in ((texts, 0 if any(cases[at].real_text for at in shaped) else 1), (_generated(cases), 0)):
        room = most_rows - _rows([cases[at] for at in found])
        found = found + _spread(cases, more, max(room, least))
    return sorted(found)


def _generated(cases: Sequence[Case]) -> list[int]:
    return [at for at, case in enumerate(cases) if case.generated]


def _spread(cases: Sequence[Case], places: Sequence[int], rows: int) -> list[int]:
    """Evenly spread ones of `places`, of about `rows` rows and no more."""
    total = _rows([cases[at] for at in places])
    number = len(places) if total <= rows else len(places) * rows // total
    return [places[at * len(places) // number] for at in range(number)]


def _rows(cases: Sequence[Case]) -> int:
    return sum(len(case.batch.ids) for case in cases)
