"""An ONNX file as OpenVINO's own model; with `int8`, weights compressed by NNCF.

.venv-openvino/bin/python benchmarks/peers/convert_openvino.py MODEL.onnx OUTPUT.xml float32|int8
"""

import sys

import nncf
import openvino


def main(source: str, output: str, precision: str) -> None:
    """Convert, and compress if asked."""
    model = openvino.convert_model(source)
    if precision == "int8":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    openvino.save_model(model, output, compress_to_fp16=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
