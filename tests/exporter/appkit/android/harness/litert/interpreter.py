"""LiteRT's interpreter for Python, asked by the stand-in for its Java class: a question a line, an answer a line.

What its Java checks, and Python would not, is checked here: that inputs from buffers have the bytes that their tensors
have now. What goes wrong is the answer's `error`.
"""

import base64
import json
import sys
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Served:
    """One model. Signatures of the first subgraph share its tensors with whatever resizes them, as in Java."""

    def __init__(self, model: str, threads: int) -> None:
        self._interpreter = Interpreter(model_path=model, num_threads=None if threads == -1 else threads)
        self._interpreter.allocate_tensors()
        self._signatures = self._interpreter._get_full_signature_list()

    def told(self) -> dict[str, Any]:
        """Numbers of the inputs, and of what each signature names."""
        return {
            "inputs": [int(one["index"]) for one in self._interpreter.get_input_details()],
            "signatures": {
                key: {side: {name: int(at) for name, at in one[side].items()} for side in ("inputs", "outputs")}
                for key, one in self._signatures.items()
            },
        }

    def resize(self, place: int, shape: list[int], strict: bool) -> dict[str, Any]:
        """Of the first subgraph, the input at a place."""
        index = self._interpreter.get_input_details()[place]["index"]
        self._interpreter.resize_tensor_input(index, shape, strict=strict)
        return {}

    def run(self, key: str, given: dict[str, list[int]]) -> dict[str, Any]:
        """Output name → its type, and its bytes in base64."""
        runner = self._interpreter.get_signature_runner(key)
        details = runner.get_input_details()
        if set(given) != set(details):
            raise ValueError(f"inputs {sorted(given)}, expected {sorted(details)}")
        for name, numbers in given.items():
            self._check(name, details[name], numbers)
        values = {name: np.array(numbers, np.int32).reshape(details[name]["shape"]) for name, numbers in given.items()}
        return {name: _written(found) for name, found in runner(**values).items()}

    @staticmethod
    def _check(name: str, tensor: dict[str, Any], numbers: list[int]) -> None:
        """As LiteRT's TensorImpl.java refuses a buffer."""
        if tensor["dtype"] is not np.int32:
            raise ValueError(f"cannot convert between a {tensor['dtype'].__name__} tensor and a buffer of int32")
        wanted = 4 * int(np.prod(tensor["shape"]))
        if wanted != 4 * len(numbers):
            raise ValueError(f"cannot copy to {name} with {wanted} bytes from a buffer with {4 * len(numbers)} bytes")


def _written(found: Any) -> dict[str, str]:
    return {"type": found.dtype.name.upper(), "values": base64.b64encode(found.tobytes()).decode()}


def main() -> None:
    """Answer until there are no more questions."""
    served: Served | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if "model" in asked:
                served = Served(asked["model"], asked["threads"])
                answer = served.told()
            elif "resize" in asked:
                answer = served.resize(asked["resize"], asked["shape"], asked["strict"])
            else:
                answer = served.run(asked["run"], asked["inputs"])
        except (ValueError, RuntimeError) as error:
            answer = {"error": f"{error}"}
        print(json.dumps(answer), flush=True)


main()
