"""Workers that may die, and what became of every input."""

import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Hashable
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.fuzz.mutate import mutate
from benchmarks.fuzz.readers import Reader
from benchmarks.fuzz.tally import Tally
from runtimes.errors import BertportError

LIMIT_S, SILENCE_S = 10.0, 300.0
"""Of the worker's own processor time for one input, and of silence, for it may wait; an honest folder takes 0.1 s."""
MEMORY_BYTES = 3 << 30
"""Beyond what the worker has when it starts; one input may take 500 MB, and a worker reads thousands."""


def read_all(reader: Reader, inputs: int, seed: int, first: int = 0) -> Tally:
    """Read the hostile folders from `first` to `inputs`, in workers that are started again where one ends."""
    tally, done = Tally(inputs - first), first
    with tempfile.TemporaryDirectory(prefix="bertport-fuzz-", dir=_memory()) as place:
        honest = reader.seeds(Path(place) / "honest")
        context = multiprocessing.get_context("fork")
        while done < inputs:
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(reader, honest, Path(place), seed, done, inputs, theirs))
            worker.start()
            theirs.close()
            done = _follow(ours, worker, tally, done, inputs)
            ours.close()
    return tally


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _follow(pipe: Connection, worker: multiprocessing.process.BaseProcess, tally: Tally, done: int, end: int) -> int:
    """Count until the worker has ended; the number of the next input to read."""
    while done < end:
        try:
            if not _answers(pipe, worker.pid):
                worker.kill()
                worker.join()
                tally.add("hang", done, "no answer")
                return done + 1
            outcome, detail = pipe.recv()
        except EOFError:
            worker.join()
            tally.add("crash", done, f"the process ended with {worker.exitcode}")
            return done + 1
        tally.add(outcome, done, detail)
        done += 1
        if done % 1000 == 0:
            print(f"  {done} of {end}: {tally.counts}", file=sys.stderr)
    worker.join()
    return done


def _answers(pipe: Connection, worker: int | None) -> bool:
    """Wait while the worker has used less than its time: on a busy machine it may be silent without being at work."""
    before_s, start_s = _used_s(worker), time.monotonic()
    while not pipe.poll(1.0):
        if _used_s(worker) - before_s > LIMIT_S or time.monotonic() - start_s > SILENCE_S:
            return False
    return True


def _used_s(process: int | None) -> float:
    """Processor time of a process so far; of one that has ended, none."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _work(reader: Reader, honest: list[Path], place: Path, seed: int, first: int, end: int, pipe: Connection) -> None:
    """Read inputs until the last, telling the outcome of each."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _quiet()
    _bound()
    copies = [shutil.copytree(one, place / f"{os.getpid()}" / str(at) / one.name) for at, one in enumerate(honest)]
    expected = [reader.read(one) for one in copies]
    for number in range(first, end):
        pipe.send(outcome_of(reader, copies, expected, seed, number))
    shutil.rmtree(place / f"{os.getpid()}", ignore_errors=True)


def _quiet() -> None:
    """What native libraries print of hostile files is of no use."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)


def _bound() -> None:
    with Path("/proc/self/statm").open() as file:
        now_bytes = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now_bytes + MEMORY_BYTES, resource.RLIM_INFINITY))


def outcome_of(
    reader: Reader,
    copies: list[Path],
    expected: list[Hashable],
    seed: int,
    number: int,
    change: Callable[[bytes, int], bytes] = mutate,
) -> tuple[str, str]:
    """Change one file, read, and put the folder back."""
    choice = random.Random(seed << 32 | number)
    at = choice.randrange(len(copies))
    folder = copies[at]
    kept = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    path = choice.choice(sorted(kept))
    path.write_bytes(change(kept[path], choice.getrandbits(48)))
    reader.finish(folder, choice)
    name = path.relative_to(folder).as_posix()
    try:
        found = reader.read(folder)
    except BertportError as error:
        return ("refused", "") if str(error).isprintable() else ("crash", f"{name}: an error of several lines")
    except BaseException:  # panics of Rust are no Exception
        lines = traceback.format_exc().strip().splitlines()
        where = [line.strip() for line in lines if "/exporter/" in line or "/runtimes/" in line]
        return "crash", f"{folder.name}/{name}: {lines[-1][:200]} ({where[-1] if where else lines[-3].strip()})"
    else:
        same = found == expected[at]
        return ("same" if same else "false pass" if reader.strict else "read"), name
    finally:
        for one, content in kept.items():
            one.write_bytes(content)


def read_one(reader: Reader, seed: int, number: int) -> int:
    """Read one input here, as a debugger would want it."""
    with tempfile.TemporaryDirectory(dir=_memory()) as place:
        honest = reader.seeds(Path(place) / "honest")
        expected = [reader.read(one) for one in honest]
        print(outcome_of(reader, honest, expected, seed, number))
    return 0
