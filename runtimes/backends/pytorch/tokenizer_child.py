"""The child of `tokenizer_subprocess`: answers one question about a tokenizer, in a process without torch.

python -P -m runtimes.backends.pytorch.tokenizer_child
"""

import sys

from runtimes.process.frames import ARRAYS, pack, read_frame, unpack, write_frame
from runtimes.process.heavy_imports import without_collections
from runtimes.process.serving import complain, own_stdout

_UNUSED = ("torch", "scipy", "sklearn", "tensorflow", "jax")
"""What transformers imports where it is there, and no tokenizer needs: half of the time."""


def main() -> None:
    """Answer on stdout what is asked on stdin."""
    answers = own_stdout()
    try:
        _, content = read_frame(sys.stdin.buffer)
        sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # importing it is an ImportError now
        with without_collections():
            from runtimes.backends.pytorch.tokenizer import Answerer
        write_frame(answers, ARRAYS, pack(Answerer()(unpack(content))))
    except (EOFError, BrokenPipeError):  # nobody asks any more
        return
    except Exception as error:
        complain(answers, error)


if __name__ == "__main__":
    main()
