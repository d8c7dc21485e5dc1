"""No file, whatever is in it, gets more out of a reader than one of our errors. `make fuzz` does ten thousand each."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.mutate import mutate
from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.tally import BAD
from benchmarks.fuzz.workers import outcome_of

EXAMPLES = {"package": 40, "bundle": 20, "rows": 80, "records": 40}
"""Of readers that are slower or quicker than most, which get 60."""


@pytest.mark.parametrize("name", READERS)
def test_a_changed_file_is_read_or_refused(name, honest):
    reader, folders, expected = honest(name)

    @given(st.integers(0, 2**40))
    @_bounded(EXAMPLES.get(name, 60))
    def read(number):
        outcome, detail = outcome_of(reader, folders, expected, 0, number)
        assert outcome not in BAD, detail

    read()


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_anything_is_read_or_refused(name, honest):
    reader, folders, expected = honest(name)

    @given(st.data())
    @_bounded(25)
    def read(data):
        def anything(content, choice):
            return data.draw(st.binary(max_size=200) | st.text(max_size=80).map(_encoded))

        outcome, detail = outcome_of(reader, folders, expected, 0, data.draw(st.integers(0, 99)), anything)
        assert outcome not in BAD, detail

    read()


def _bounded(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def _encoded(text):
    return text.encode(errors="surrogatepass")


class Careless:
    """A reader that makes every mistake there is: what `outcome_of` must see."""

    name, strict = "careless", True

    def __init__(self, error=None):
        self.error = error

    def read(self, folder):
        if self.error is not None:
            raise self.error
        return (folder / "file").read_bytes()

    def finish(self, folder, choice):
        pass


class Panic(BaseException):
    """As those of Rust are, no Exception."""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(KeyError("x"), "crash"), (Panic("x"), "crash"), (MemoryError(), "crash"), (None, "false pass")],
)
def test_the_judge_sees_what_must_not_be(error, outcome, tmp_path):
    (tmp_path / "file").write_bytes(b"honest")
    found, _ = outcome_of(Careless(error), [tmp_path], [b"honest"], 0, 3)
    assert found == outcome
    assert (tmp_path / "file").read_bytes() == b"honest"


def test_the_same_seed_makes_the_same_file_and_most_differ():
    content = b'{"a": [1, 2, {"b": "text"}], "c": null}'
    made = [mutate(content, seed) for seed in range(200)]
    assert made == [mutate(content, seed) for seed in range(200)]
    assert len(set(made)) > 100
    assert random.random() != random.random()  # and no seed of the process is touched
