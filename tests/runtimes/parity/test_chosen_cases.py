"""A slow runtime is asked fewer cases: never those of odd shapes, and the same each time."""

import numpy as np
import pytest

from runtimes.parity.cases import Case
from runtimes.parity.chosen_cases import choose
from runtimes.runner import full_batch


def case(name, rows=1, **told):
    return Case(name, full_batch(np.ones((rows, 3), np.int64)), **told)


BATTERY = [
    *(case(f"text {n}", real_text=True) for n in range(20)),
    case("odd text 0"),
    case("text 3 padded to 9", padding_of="text 3"),
    case("batch at 0", rows=4, padding_of="text 0"),
    *(case(f"vocabulary {n}", generated=True) for n in range(40)),
]
SHAPED = {"text 0", "text 3", "odd text 0", "text 3 padded to 9", "batch at 0"}


def chosen(most_rows):
    return [BATTERY[at] for at in choose(BATTERY, most_rows)]


@pytest.mark.parametrize("most_rows", [None, 66, 1000])
def test_all_are_asked_where_there_is_room(most_rows):
    assert chosen(most_rows) == BATTERY


@pytest.mark.parametrize("most_rows", [8, 15, 26, 40, 65])
def test_fewer_keep_every_odd_shape_and_what_it_is_held_against(most_rows):
    found = chosen(most_rows)
    assert {one.name for one in found} >= SHAPED
    assert sum(len(one.batch.ids) for one in found) == most_rows
    assert found == [one for one in BATTERY if one in found]


def test_generated_cases_give_way_to_texts_and_both_are_evenly_spread():
    assert not any(one.generated for one in chosen(26))
    assert sum(one.real_text for one in chosen(26)) == 20
    texts = [int(one.name.split()[1]) for one in chosen(14) if one.real_text and one.name not in SHAPED]
    assert texts == [1, 5, 8, 11, 14, 17]
    words = [int(one.name.split()[1]) for one in chosen(36) if one.generated]
    assert words == list(range(0, 40, 4))


@pytest.mark.parametrize("battery", [BATTERY, BATTERY[:20]])
def test_one_real_text_stays_whatever_the_room(battery):
    assert any(battery[at].real_text for at in choose(battery, 0))
    assert len(choose(battery, 0)) < len(battery)
