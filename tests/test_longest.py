"""What takes longest begins first, and pytest-xdist is told to leave it so."""

from types import SimpleNamespace

from tests.longest import HERE, LONGEST, longest_first


def found(*names):
    return [SimpleNamespace(path=HERE / name, number=number) for number, name in enumerate(names)]


def test_they_come_first_and_the_others_stay_in_order():
    items = found("test_api.py", LONGEST[1], "exporter/test_crash.py", LONGEST[0], LONGEST[1], "test_api.py")
    assert [one.number for one in longest_first(items)] == [3, 1, 4, 0, 2, 5]


def test_every_one_is_there():
    assert [name for name in LONGEST if not (HERE / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_make_keeps_the_order():
    (line,) = (line for line in (HERE.parent / "Makefile").read_text().splitlines() if "--dist loadscope" in line)
    assert "--no-loadscope-reorder" in line
