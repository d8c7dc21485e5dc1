"""What grows is seen; and over many exports and verifications nothing does."""

from dataclasses import replace

import pytest

from benchmarks.cost import soak


@pytest.fixture
def flat():
    return [soak.Sample(turn, 100_000_000, 12, 0) for turn in range(50)]


def test_what_stays_as_it_was_is_no_problem(flat):
    assert soak.judge(flat) == []


def test_what_is_taken_while_warming_up_is_no_problem(flat):
    warming = [replace(one, resident_bytes=50_000_000, open_files=6) for one in flat[:10]]
    assert soak.judge([*warming, *flat[10:]]) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: {"resident_bytes": 100_000_000 + 200_000 * one.turns}, "memory grew by"),
        (lambda one: {"open_files": 12 + one.turns // 10}, "open files grew from 13 to 16"),
        (lambda one: {"left_files": one.turns // 49}, "1 temporary files were left"),
    ],
)
def test_what_grows_is_told(flat, change, words):
    (problem,) = soak.judge([replace(one, **change(one)) for one in flat])
    assert problem.startswith(words)


def test_a_few_turns_leave_no_file(tmp_path):
    samples = soak.soak(4, samples=2)
    assert [one.turns for one in samples] == [2, 4]
    assert {one.left_files for one in samples} == {0}


@pytest.mark.slow
def test_nothing_grows():
    assert soak.judge(soak.soak(200)) == []
