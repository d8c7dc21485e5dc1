"""Assets of other tools: of any length, of another type, with outputs of another name."""

import numpy as np
import pytest

from runtimes.backends.foreign import Expected
from runtimes.backends.registry import of_file, open_file
from runtimes.errors import BundleError, UsageError
from runtimes.runner import Batch, Status

EXPECTED = Expected(("input_ids", "attention_mask"), ("logits",), frozenset(), pad_id=0)
IDS = np.random.default_rng(1).integers(0, 40, (3, 7))
BATCH = Batch(IDS, (np.arange(7) < np.array([[7], [5], [1]])).astype(np.int64), np.zeros_like(IDS))


@pytest.mark.parametrize(
    ("name", "lengths"), [("one", (8,)), ("two", (4, 8)), ("wide", (8,)), ("free", (8, 16, 32, 64, 128, 256, 512))]
)
def test_any_of_them_answers_by_the_names_that_are_expected(assets, answer, name, lengths):
    opened = open_file(assets / f"{name}.aimodel", EXPECTED)
    assert (opened.lengths, opened.outputs, opened.reads) == (lengths, ("logits",), EXPECTED.inputs)
    assert opened.runner.status is Status.MEASURED
    np.testing.assert_allclose(opened.runner.run(BATCH)["logits"], answer(BATCH), atol=1e-5)


def test_one_is_told_by_what_it_is(assets, tmp_path):
    assert of_file(assets / "one.aimodel").name == "coreai"
    renamed = tmp_path / "model"
    renamed.mkdir()
    (renamed / "main.mlirb").touch()
    assert of_file(renamed).name == "coreai"
    with pytest.raises(UsageError, match=r"or an \.aimodel folder, found neither; pass the model itself"):
        of_file(assets)


def test_one_without_what_is_expected_is_refused(assets):
    expected = Expected(EXPECTED.inputs, ("start", "end"), frozenset(), pad_id=0)
    with pytest.raises(BundleError, match="outputs: expected start, end, found logits; export it with these"):
        open_file(assets / "one.aimodel", expected)
