"""Threads are chosen by a model's size alone, held to the cores only where somebody asks, and never wait actively."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from runtimes.backends.pytorch.early import environment
from runtimes.errors import UsageError
from runtimes.process import threads as module
from runtimes.process.threads import LARGE_THREADS, SMALL_BYTES, check_threads, threads_for, threads_from, usable_cores


@pytest.mark.parametrize(
    ("size_bytes", "asked", "expected"),
    [(0, None, 1), (SMALL_BYTES, None, 1), (SMALL_BYTES + 1, None, LARGE_THREADS), (SMALL_BYTES + 1, 1, 1), (0, 2, 2)],
)
def test_the_size_decides_and_who_asks(monkeypatch, size_bytes, asked, expected):
    for cores in (1, 64):  # and never the machine
        monkeypatch.setattr(module, "usable_cores", lambda cores=cores: cores)
        assert threads_for(size_bytes, asked) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "--threads 0: expected 1 or more; leave it out"),
        ("-3", "--threads -3: expected 1 or more"),
        ("two", "--threads two: expected a number of threads, as --threads 2"),
        ("1.5", "--threads 1.5: expected a number"),
        ("", "--threads : expected a number"),
        ("5", "--threads 5: this process may use 4 cores; pass 4 or less"),
        ("9" * 30, "may use 4 cores"),
    ],
)
def test_what_is_no_number_of_threads_here_is_one_line_with_a_next_step(monkeypatch, text, said):
    monkeypatch.setattr(module, "usable_cores", lambda: 4)
    with pytest.raises(UsageError) as found:
        threads_from(text)
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_as_many_as_there_are_and_none_at_all_are_taken(monkeypatch):
    monkeypatch.setattr(module, "usable_cores", lambda: 4)
    assert [threads_from("4"), threads_from("1"), check_threads(None)] == [4, 1, None]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_cores_are_those_that_this_process_may_use():
    held = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(held)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, held)
    assert usable_cores() <= len(held)


QUOTAS = {"half": ("50000 100000", 1), "two": ("200000 100000", 2), "one and a half": ("150000 100000", 2)}
UNLIMITED = {"none": "max 100000", "empty": "", "damaged": "a b c", "without a period": "100000 0"}


@pytest.mark.parametrize("name", [*QUOTAS, *UNLIMITED])
def test_a_containers_quota_counts_where_it_is_less(monkeypatch, tmp_path, name):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    text, cores = QUOTAS.get(name) or (UNLIMITED[name], 8)
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(module, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(module, "_QUOTA_V1", tmp_path / "quota")
    monkeypatch.setattr(module, "_PERIOD_V1", tmp_path / "period")
    assert usable_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", 8)])
def test_a_quota_of_cgroup_1_counts_too(monkeypatch, tmp_path, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(module, "_QUOTA", tmp_path / "none")
    for name, text in (("_QUOTA_V1", quota), ("_PERIOD_V1", "100000")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(module, name, tmp_path / name)
    assert usable_cores() == cores


ANSWERS = """
import sys, time, numpy as np
from pathlib import Path
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.runner import full_batch

runner = TorchRunner(Path(sys.argv[1]), "BertForSequenceClassification", threads=2)
batch = full_batch(np.tile(np.arange(5, 37), (8, 1)))
runner.run(batch)
start = time.process_time()  # of all threads
for _ in range(300):
    runner.run(batch)
print(time.process_time() - start)
"""


@contextmanager
def one_busy_core():
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


def processor_time_s(checkpoint, settings):
    """What three hundred answers take of the processor, on two threads: by default a model this small has one."""
    command, told = [sys.executable, "-c", ANSWERS, str(checkpoint)], {**os.environ, **settings}
    return float(subprocess.run(command, check=True, env=told, capture_output=True, text=True).stdout)


@pytest.mark.skipif(usable_cores() < 2, reason="two threads on one core are slow whatever they do")
def test_a_busy_core_costs_no_processor_time(checkpoint):
    passive = environment(small=True)
    active = passive | {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "30000000000", "KMP_BLOCKTIME": "infinite"}
    idle = processor_time_s(checkpoint, passive)
    with one_busy_core():
        busy, spinning = processor_time_s(checkpoint, passive), processor_time_s(checkpoint, active)
    assert busy <= 1.5 * idle + 0.2
    assert spinning > 1.5 * idle + 0.2  # the control: threads that go round and round are seen
