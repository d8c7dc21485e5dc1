"""What long steps log: their beginning, how far they are, and their end, also where that is an error."""

import pytest

from runtimes.process.progress import counted, track


def told(steps):
    return [(one.what, one.done, one.total, one.ended) for one in steps]


def test_every_item_is_counted_when_it_is_done_with(steps):
    seen = [(item, steps[-1].done) for item in track("ab", "letters")]
    assert seen == [("a", 0), ("b", 1)]
    assert told(steps) == [("letters", done, 2, False) for done in (0, 1, 2)] + [("letters", 2, 2, True)]
    assert len({one.key for one in steps}) == 1


def test_an_error_ends_the_step_where_it_was(steps):
    with pytest.raises(ValueError, match="no"), counted("numbers", 9) as count:
        count.at(4)
        raise ValueError("no")
    assert told(steps)[-1] == ("numbers", 4, 9, True)


def test_two_steps_of_one_name_are_told_apart(steps):
    with counted("x", 1), counted("x", 1) as inner:
        inner.at(1, total=5)
    assert len({one.key for one in steps}) == 2
    assert told(steps)[2] == ("x", 1, 5, False)


def test_who_listens_to_notes_alone_hears_none(said):
    list(track([1, 2], "numbers"))
    assert said == []
