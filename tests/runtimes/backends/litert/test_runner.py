"""Bundles in LiteRT's interpreter: any length, fixed lengths, what does not fit, many threads, every tensor by name."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest

import exporter
from exporter.targets.target import Settings
from runtimes.backends.fixed_length import Interface
from runtimes.backends.litert.backend import BACKEND
from runtimes.backends.litert.fixed import open_fixed
from runtimes.backends.litert.runner import LiteRtRunner
from runtimes.backends.litert.session import MainSignature
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError, RuntimeUnavailable, UsageError
from runtimes.runner import Batch, Status

LENGTHS = (24, 8)


@pytest.fixture(scope="module")
def bundle_of(checkpoint, tmp_path_factory):
    """Fixed lengths, or none → a bundle."""
    made = {}

    def get(lengths=()):
        if lengths not in made:
            place, settings = tmp_path_factory.mktemp("litert") / "out", Settings({"sequence_lengths": lengths})
            exporter.export(str(checkpoint), target="litert", output=place, settings=settings, verify=False)
            made[lengths] = read_bundle(place)
        return made[lengths]

    return get


def batch(rows, tokens, used=None):
    ids = np.random.default_rng(rows * 100 + tokens).integers(5, 60, (rows, tokens))
    mask = (np.arange(tokens) < (used or tokens)).astype(np.int64) * np.ones_like(ids)
    return Batch(ids * mask, mask, np.zeros_like(ids))


def test_any_batch_and_length_by_one_runner(bundle_of):
    runner = open_runner(bundle_of())
    assert runner.status is Status.MEASURED
    assert runner.positions is None
    one_by_one = [runner.run(row)["logits"] for row in batch(5, 13).rows]
    assert runner.fit(batch(5, 13)).ids.shape == (5, 13)
    np.testing.assert_allclose(runner.run(batch(5, 13))["logits"], np.concatenate(one_by_one), atol=1e-5)


def test_what_is_answered_stays_as_it_was_when_the_next_is_asked(bundle_of):
    runner = open_runner(bundle_of())
    first = runner.run(batch(2, 9))["logits"]
    kept = first.copy()
    runner.run(batch(2, 9, used=3))
    np.testing.assert_array_equal(first, kept)


def test_a_text_goes_to_the_shortest_length_that_holds_it(bundle_of):
    runner, free = open_runner(bundle_of(LENGTHS)), open_runner(bundle_of())
    assert runner.status is Status.MEASURED
    assert runner.positions == 24
    for used, length in ((5, 8), (8, 8), (9, 24), (24, 24)):
        given = batch(3, 24, used)
        assert runner.fit(given).ids.shape == (3, length)
        np.testing.assert_allclose(runner.run(given)["logits"], free.run(given)["logits"], atol=1e-5)
    with pytest.raises(UsageError, match="a text of 25 tokens, and the model takes 24 at most; truncate it"):
        runner.run(batch(1, 30, 25))


@pytest.mark.parametrize("lengths", [(), LENGTHS])
def test_more_threads_answer_the_same(bundle_of, lengths):
    one, two = (BACKEND.open(bundle_of(lengths), threads) for threads in (1, 2))
    np.testing.assert_allclose(one.run(batch(3, 8))["logits"], two.run(batch(3, 8))["logits"], atol=1e-5)


def test_what_fails_leaves_a_runner_that_runs(bundle_of):
    """More tokens than there are positions, ids beyond the table: one line each, and the next batch is answered."""
    runner, given = open_runner(bundle_of()), batch(2, 9)
    expected = runner.run(given)["logits"]
    beyond = Batch(given.ids + 10_000, given.mask, given.types)
    for wrong in (batch(2, 99), beyond, batch(2, 99), beyond):
        with pytest.raises(BundleError, match=r"LiteRT .* cannot run the model: .*; export again") as error:
            runner.run(wrong)
        assert str(error.value).isprintable()
        np.testing.assert_array_equal(runner.run(given)["logits"], expected)


def test_inputs_that_no_text_has_are_named(graph):
    x = graph.input("pixels", (-1, -1), "int32")
    graph.node("CAST", [x], (-1, -1), name="y", from_type=2, to_type=0)
    with pytest.raises(BundleError, match="the model reads pixels, and a text has input_ids, attention_mask, token_"):
        LiteRtRunner(graph.saved()).run(batch(1, 3))


def test_a_file_that_is_none_and_one_of_other_lengths_are_refused(bundle_of, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"no model at all")
    with pytest.raises(BundleError, match=r"model\.tflite: LiteRT .* does not load it: .*; export"):
        LiteRtRunner(tmp_path / "model.tflite")
    path = bundle_of(LENGTHS).directory / "model.tflite"
    with pytest.raises(BundleError, match=r"does not load it: Invalid signature_key provided: \"tokens_16\"\.; export"):
        open_fixed(path, (24, 16), Interface(), 1)
    with pytest.raises(BundleError, match='does not load it: Invalid signature_key provided: "serving_default"'):
        LiteRtRunner(path)


@pytest.mark.parametrize("lengths", [(), LENGTHS])
def test_what_runs_is_asked_for_in_one_line_where_it_is_missing(bundle_of, monkeypatch, lengths):
    bundle = bundle_of(lengths)
    monkeypatch.setattr("runtimes.extras.find_spec", lambda name: None)
    said = "ai_edge_litert is not installed: pip install 'bertport[litert]'"
    assert BACKEND.cannot_time_here() == said
    for call in (lambda: BACKEND.open(bundle, 1), BACKEND.prepare_timing):
        with pytest.raises(RuntimeUnavailable) as error:
            call()
        assert str(error.value) == f"running a LiteRT model: {said}"


@pytest.mark.parametrize("lengths", [(), LENGTHS])
def test_threads_of_a_caller_get_their_own_answers(bundle_of, lengths):
    runner = open_runner(bundle_of(lengths))
    asked = [batch(rows, tokens) for rows in (1, 2, 3) for tokens in (3, 8, 17)] * 6
    expected = [runner.run(one)["logits"] for one in asked]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: runner.run(one)["logits"], asked))
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Busy:
    """An interpreter of one input and output, both "x", that notices when two threads are in it."""

    def __init__(self):
        self.inside, self.met, self.meeting = 0, False, threading.Barrier(2)

    def get_signature_runner(self, _key):
        return self

    def get_input_details(self):
        return {"x": {"index": 0}}

    get_output_details = get_input_details

    def resize_tensor_input(self, index, shape): ...

    def allocate_tensors(self): ...

    def set_tensor(self, index, values):
        self.inside += 1

    def invoke(self):
        """Waits a moment for another thread to come in too."""
        try:
            self.meeting.wait(0.2)
        except threading.BrokenBarrierError:
            self.meeting.reset()
        self.met |= self.inside > 1

    def get_tensor(self, index):
        self.inside -= 1
        return index


@pytest.mark.parametrize("turns", [True, False])
def test_they_take_turns(turns):
    """The control: without turns two are in it."""
    busy = Busy()
    main = MainSignature(busy, "any")
    if not turns:
        main._turn = nullcontext()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: main.run({"x": np.zeros((1, 1), np.int32)}), range(2)))
    assert busy.met is not turns


@pytest.mark.parametrize("lengths", [(), LENGTHS, LENGTHS[::-1], (8,)])
def test_every_tensor_is_traced_by_our_names(bundle_of, lengths):
    runner = open_runner(bundle_of(lengths))
    for used in (5,) if lengths == (8,) else (5, 20):
        given = runner.fit(batch(2, 24, used))
        found = runner.trace(given)
        shape = given.ids.shape
        assert found["embeddings"].shape == (*shape, 32)
        assert found["layer.0.attention.probabilities.1"].shape == (*shape, shape[1])
        np.testing.assert_allclose(found["layer.0.attention.probabilities.1"].sum(-1), 1, atol=1e-5)
        np.testing.assert_allclose(found["logits"], runner.run(given)["logits"], atol=1e-5)
        places = [list(found).index(name) for name in ("embeddings", "layer.0.output", "layer.1.output")]
        assert places == sorted(places)
