"""Every reader under atheris: mutations that are kept where they reach code that none before them reached.

An input is a letter, which says which file of which honest folder, and that file's bytes. The corpus starts with the
honest files and stays in its folder, so that a later run goes on from there. Ends at the first input that is neither
read nor refused by one of our errors, which is then in the folder too. Prints the number of inputs read.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import ROOT

_MEMORY_MB, _SILENCE_S = 6_000, 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("readers", nargs="*", metavar="READER")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader (default 60)")
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz"), metavar="FOLDER")


def run(parsed: argparse.Namespace) -> int:
    """One reader after another, until one fails: 0, or what libFuzzer ended with."""
    from benchmarks.fuzz.readers import chosen

    for reader in chosen(parsed.readers):
        if code := _guide(reader.name, parsed.seconds, parsed.corpus / reader.name):
            return code
    return 0


def _guide(reader: str, seconds: int, corpus: Path) -> int:
    """Start the child that is instrumented, and tell how much it read."""
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.fuzz.guided", reader, str(corpus.absolute())]
    command += [f"-max_total_time={seconds}", f"-rss_limit_mb={_MEMORY_MB}", f"-timeout={_SILENCE_S}"]
    command += ["-print_final_stats=1", f"-artifact_prefix={corpus.absolute()}-"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, stderr=subprocess.PIPE, text=True, errors="replace", check=False, cwd=ROOT, env=environment
    )
    found = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    print(f"{reader}: {found[1] if found else 'no'} inputs, ended with {done.returncode}")
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
    return done.returncode


def _child(name: str, corpus: Path, options: list[str]) -> None:
    """Instrument our code alone, write the honest files into the corpus, and let libFuzzer take over."""
    import atheris

    with atheris.instrument_imports(include=["exporter", "runtimes"]):
        from benchmarks.fuzz.readers import READERS
        from runtimes.errors import BertportError
    reader = READERS[name]
    place = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    folders = reader.seeds(Path(place.name) / "honest")
    files = [(folder, path) for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    honest = [path.read_bytes() for _, path in files]
    for number, content in enumerate(honest):
        (corpus / f"honest-{number}").write_bytes(bytes([number % 256]) + content)

    def one_input(data: bytes) -> None:
        number = (data[0] if data else 0) % len(files)
        folder, path = files[number]
        path.write_bytes(data[1:])
        try:
            reader.read(folder)
        except BertportError:
            pass
        finally:
            path.write_bytes(honest[number])

    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
    try:
        atheris.Fuzz()
    finally:
        place.cleanup()


if __name__ == "__main__":  # the child: nothing of ours was imported before atheris could see it
    _child(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
