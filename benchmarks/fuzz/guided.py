"""One reader under atheris: mutations that are kept where they reach code that none before them reached.

    python -m benchmarks.fuzz.guided READER [--seconds 60] [--corpus .fuzz]

An input is a letter, which says which file of which honest folder, and that file's bytes. The corpus starts with the
honest files and stays in its folder, so that a later run goes on from there. Ends with 77 at the first input that is
neither read nor refused by one of our errors, which is then in the folder too. Prints the number of inputs read.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_MEMORY_MB, _SILENCE_S = 6_000, 60


def main() -> int:
    """Start the child that is instrumented, and tell how much it read."""
    parsed = _arguments()
    corpus = parsed.corpus / parsed.reader
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.fuzz.guided", parsed.reader, "--child", str(corpus.absolute())]
    command += [f"-max_total_time={parsed.seconds}", f"-rss_limit_mb={_MEMORY_MB}", f"-timeout={_SILENCE_S}"]
    command += ["-print_final_stats=1", f"-artifact_prefix={corpus.absolute()}-"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    found = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    print(f"{parsed.reader}: {found[1] if found else 'no'} inputs, ended with {done.returncode}")
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
    return done.returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz"))
    return parser.parse_args()


def _child(name: str, corpus: Path, options: list[str]) -> None:
    """Instrument our code alone, write the honest files into the corpus, and let libFuzzer take over."""
    import atheris

    with atheris.instrument_imports(include=["exporter", "runtimes"]):
        from benchmarks.fuzz.readers import READERS
        from runtimes.errors import BertportError
    reader = next(one for one in READERS if one.name == name)
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


if __name__ == "__main__":
    if "--child" in sys.argv:
        os.environ["PYTHONWARNINGS"] = "ignore"
        _child(sys.argv[1], Path(sys.argv[3]), sys.argv[4:])
    else:
        sys.exit(main())
