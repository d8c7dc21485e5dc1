"""The child of `placement`: what parts of a .tflite file LiteRT hands to XNNPACK.

python -P -m runtimes.backends.litert.placement_child
"""

import sys

import numpy as np

from runtimes.backends.litert.session import open_interpreter
from runtimes.process.frames import ARRAYS, pack, read_frame, unpack, write_frame
from runtimes.process.serving import complain, own_stdout
from runtimes.runner import Array


def main() -> None:
    """Answer on stdout what is asked on stdin: the tensors that each part reads and makes."""
    answers = own_stdout()
    try:
        _, content = read_frame(sys.stdin.buffer)
        write_frame(answers, ARRAYS, pack(_parts(unpack(content)["path"].tobytes().decode())))
    except (EOFError, BrokenPipeError):  # nobody asks any more
        return
    except Exception as error:
        complain(answers, error)


def _parts(path: str) -> dict[str, Array]:
    interpreter = open_interpreter(path, threads=1)
    interpreter.allocate_tensors()
    parts = [one for one in interpreter._get_ops_details() if one["op_name"] == "DELEGATE"]
    sides = (("reads", "inputs"), ("makes", "outputs"))
    return {f"{said} {at}": np.array(one[side], np.int64) for at, one in enumerate(parts) for said, side in sides}


if __name__ == "__main__":
    main()
