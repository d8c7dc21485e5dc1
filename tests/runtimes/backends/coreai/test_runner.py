"""Apple's runtime in a child process: its answers, and what a user sees where it ends."""

import gc
import os
import signal
import sys
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.model import Constant, TensorType
from runtimes.aimodel.names import ASSET, HASH, PROGRAM
from runtimes.backends.coreai.backend import BACKEND
from runtimes.backends.coreai.runner import AssetProcesses, open_functions
from runtimes.backends.fixed_length import Interface
from runtimes.backends.registry import open_runner
from runtimes.errors import BundleError, RuntimeUnavailable, UsageError
from runtimes.runner import Batch, Status, WrappedRunner, most_rows

INTERFACE = Interface(("input_ids", "attention_mask"))


def batch(rows, tokens, used=None, seed=0):
    ids = np.random.default_rng(seed).integers(0, 40, (rows, tokens))
    mask = (np.arange(tokens) < (used or tokens)).astype(np.int64) * np.ones_like(ids)
    return Batch(ids * mask, mask, np.zeros_like(ids))


@pytest.fixture
def opened(assets):
    """A runner of the asset of one length."""
    path = assets / "one.aimodel"
    return open_functions(path, {8: read_asset(path).functions[0]}, INTERFACE)


def processes_of(runner):
    return runner.models[runner.positions].processes


def test_a_bundle_answers_as_its_weights_say_and_says_what_ran(bundle_of, answer):
    runner = open_runner(bundle_of("one", (8,)))
    assert (runner.status, runner.positions) == (Status.MEASURED, 8)
    assert runner.description.startswith("Core AI's runtime of coreai-core ")
    assert runner.description.endswith("; a reference, and no device")
    for given in (batch(3, 8), batch(1, 5), batch(2, 8, used=3)):
        np.testing.assert_allclose(runner.run(given)["logits"], answer(given), atol=1e-5)


def test_a_text_goes_to_the_shortest_function_that_holds_it(bundle_of, answer):
    runner = open_runner(bundle_of("two", (4, 8)))
    for used, length in ((3, 4), (4, 4), (5, 8)):
        given = batch(2, 8, used)
        assert runner.fit(given).ids.shape == (2, length)
        np.testing.assert_allclose(runner.run(given)["logits"], answer(given), atol=1e-5)
    with pytest.raises(UsageError, match="a text of 9 tokens, and the model takes 8 at most; truncate it"):
        runner.run(batch(1, 9))


def test_every_tensor_by_its_name(opened, answer):
    given = batch(1, 8, used=6)
    found = opened.trace(given)
    assert [name for name in found if name in ("rows", "seen", "sum", "logits")] == ["rows", "seen", "sum", "logits"]
    assert found["seen"].size == 24
    np.testing.assert_allclose(found["logits"], answer(given), atol=1e-5)
    np.testing.assert_array_equal(found["seen"].reshape(8, 3)[6:], np.zeros((2, 3)))
    np.testing.assert_array_equal(opened.run(given)["logits"], found["logits"])


@pytest.mark.parametrize("wrong", [-1, 40, 1 << 30])
def test_an_id_without_a_row_never_reaches_the_runtime(opened, wrong, answer):
    """A negative one would count from the end, and another would end the process that answers."""
    given = batch(2, 8)
    given.ids[1, 3] = wrong
    for ask in (opened.run, lambda given: opened.trace(given.rows[1])):
        with pytest.raises(UsageError) as error:
            ask(given)
        assert str(error.value) == f"input_ids: expected ids from 0 to 39, found {wrong:,}; use its own tokenizer"
    np.testing.assert_allclose(opened.run(batch(1, 8))["logits"], answer(batch(1, 8)), atol=1e-5)


def test_many_threads_are_answered_one_after_the_other(opened, answer):
    every = [batch(1, 8, seed=seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        for given, found in zip(every, pool.map(opened.run, every), strict=True):
            np.testing.assert_allclose(found["logits"], answer(given), atol=1e-5)


def test_a_killed_process_is_an_error_of_one_line(opened):
    os.kill(processes_of(opened)._child._process.pid, signal.SIGABRT)
    with pytest.raises(RuntimeUnavailable) as error:
        opened.run(batch(1, 8))
    assert str(error.value) == (
        "Core AI: its process for one.aimodel was ended by signal 6; 9 is most often a lack of memory, any other a "
        "fault of Core AI's own; export again, or try another scheme"
    )


def test_damage_that_is_not_seen_beforehand_ends_the_process_and_not_this_one(assets, tmp_path):
    """What `read_asset` refuses brings Apple's loader down: the control of both."""
    path = tmp_path / "bad.aimodel"
    path.mkdir()
    for one in (assets / "one.aimodel").iterdir():
        (path / one.name).write_bytes(one.read_bytes())
    (path / PROGRAM).write_bytes((path / PROGRAM).read_bytes()[:300])
    with pytest.raises(BundleError, match=f"{HASH} is not the SHA-256 of {PROGRAM}"):
        read_asset(path)
    with pytest.raises(RuntimeUnavailable, match=r"its process for bad\.aimodel was ended by signal \d+; "):
        AssetProcesses(path)


def test_a_process_ends_with_its_runner_and_leaves_nothing(assets, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = assets / "one.aimodel"
    runner = open_functions(path, {8: read_asset(path).functions[0]}, INTERFACE)
    process = processes_of(runner)._child._process
    assert [*tmp_path.glob("bertport.*/*.aimodelx")]
    del runner
    gc.collect()
    assert process.poll() is not None
    assert not [*tmp_path.iterdir()]


def held():
    """Open files, and memory that is resident in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len([*Path("/proc/self/fd").iterdir()]), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def loaded(assets, times, answer, kept):
    """Open an asset so often, ask it, and close it, or keep it; what is held after the first tenth, and at the end."""
    path, given, found = assets / "one.aimodel", batch(1, 8), []
    for turn in range(times):
        runner = open_functions(path, {8: read_asset(path).functions[0]}, INTERFACE)
        np.testing.assert_allclose(runner.run(given)["logits"], answer(given), atol=1e-5)
        kept.append(runner)
        del runner
        gc.collect()
        if turn in (times // 10, times - 1):
            found.append(held())
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="open files and memory are read from /proc")
def test_a_hundred_loads_leave_nothing_in_the_parent(assets, answer, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (early_files, early_mb), (files, mb) = loaded(assets, 100, answer, deque(maxlen=0))
    assert files == early_files
    assert mb - early_mb < 5
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="open files are read from /proc")
def test_runners_that_are_kept_would_be_seen(assets, answer):
    """The control."""
    (early_files, _), (files, _) = loaded(assets, 10, answer, deque(maxlen=10))
    assert files > early_files


def test_a_process_that_is_silent_is_ended(assets, monkeypatch):
    path = assets / "one.aimodel"
    monkeypatch.setattr(sys, "executable", "sleep")
    with pytest.raises(RuntimeUnavailable, match=r"its process for one\.aimodel"):
        AssetProcesses(path, limit_s=0.5)


def test_what_goes_wrong_in_it_is_told_in_one_line(assets):
    processes = AssetProcesses(assets / "one.aimodel")
    with pytest.raises(
        BundleError, match=r"one\.aimodel: Core AI cannot run it: ValueError: no function takes 5 tokens"
    ):
        processes.run(batch(1, 5))


def test_functions_that_the_manifest_does_not_name_are_refused(bundle_of):
    with pytest.raises(BundleError, match="expected the functions length_8, length_4, found main; export it again"):
        open_runner(bundle_of("one", (8, 4)))


@pytest.mark.parametrize(("name", "found"), [("wide", r"int64 \[1, 8\]"), ("free", r"int32 \[1, -1\]")])
def test_inputs_that_the_manifest_does_not_name_are_refused(bundle_of, name, found):
    with pytest.raises(BundleError, match=f"main: expected input_ids as int32 \\[1, 8\\], found {found}; export"):
        open_runner(bundle_of(name, (8,)))


def test_no_times_are_shown(bundle_of):
    said = "Core AI's runtime is its reference for the CPU here, whose times say nothing of a device"
    assert BACKEND.cannot_time_here() == said
    with pytest.raises(RuntimeUnavailable) as error:
        BACKEND.prepare_timing()
    assert str(error.value) == f"coreai: {said}; time it in an app"


def test_a_missing_extra_is_asked_for(bundle_of, monkeypatch):
    bundle = bundle_of("one", (8,))
    monkeypatch.setattr("runtimes.extras.find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailable) as error:
        open_runner(bundle)
    assert str(error.value) == ("running a Core AI asset: coreai is not installed: pip install 'bertport[coreai]'")
    monkeypatch.setattr("runtimes.extras.platform.system", lambda: "Windows")
    with pytest.raises(RuntimeUnavailable, match="not installed, and has wheels for Linux x86_64 and Darwin arm64 al"):
        open_runner(bundle)


def test_a_slow_asset_is_asked_fewer_rows_and_read_once(bundle_of, monkeypatch):
    bundle, read, halves = bundle_of("one", (8,)), [], [Constant("w", TensorType("float16", (2,)), 0, 4)]

    def reading(path, constants):
        read.append(path)
        return replace(asset, constants=constants)

    asset = read_asset(bundle.directory / ASSET)
    for constants, rows in ((asset.constants, None), (halves, 128)):
        monkeypatch.setattr("runtimes.aimodel.asset.read_asset", partial(reading, constants=constants))
        runner = open_runner(bundle)
        assert most_rows(runner) == most_rows(WrappedRunner(runner)) == rows
    assert len(read) == 2


def test_nothing_of_apples_library_comes_into_this_process(opened):
    assert not [name for name in sys.modules if name.split(".")[0] == "coreai"]
