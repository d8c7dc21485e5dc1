"""The other end of `runtimes.emulated`: opens an ONNX model, and answers batches until its input ends.

    python -m runtimes.emulated_child MODEL

It runs in a Python of another processor, which has ONNX Runtime and numpy and nothing else.
"""

import os
import platform
import sys
from pathlib import Path
from typing import IO

import onnxruntime

from runtimes.frames import ARRAYS, ERROR, READY, pack, read_frame, unpack, write_frame
from runtimes.onnxruntime import OnnxRunner
from runtimes.runner import Batch


def serve(model: Path, batches: IO[bytes], answers: IO[bytes]) -> None:
    """Say what was opened, then the outputs of every batch; what goes wrong is told and ends it."""
    try:
        runner = OnnxRunner(model)
        write_frame(answers, READY, f"ONNX Runtime {onnxruntime.__version__} for {platform.machine()}".encode())
        while True:
            _, content = read_frame(batches)
            write_frame(answers, ARRAYS, pack(runner.run(Batch(**unpack(content)))))
    except EOFError:
        return
    except Exception as error:
        write_frame(answers, ERROR, " ".join(f"{type(error).__name__}: {error}".split()).encode())


def main() -> None:
    """Serve on stdin and stdout; what a library prints goes to stderr, not among the answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(Path(sys.argv[1]), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
