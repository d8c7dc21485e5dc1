"""Opening model files that other tools saved: an ONNX file or a Core ML package."""

from pathlib import Path

from runtimes.backends.foreign import Expected, Opened
from runtimes.errors import UsageError


def open_file(path: Path, expected: Expected) -> Opened:
    """Open a `.onnx` file or a `.mlpackage` folder.

    Raises UsageError for what is neither, and BundleError for a file that cannot be read or does not fit, with what it
    has in place of what is expected.
    """
    if path.suffix == ".mlpackage" and path.is_dir():
        from runtimes.backends.coreml.foreign import open_package_of_others

        return open_package_of_others(path, expected)
    if path.suffix == ".onnx" and path.is_file():
        from runtimes.backends.onnx.foreign import open_onnx_of_others

        return open_onnx_of_others(path, expected)
    raise UsageError(f"{path}: expected an .onnx file or an .mlpackage folder, found neither; pass the model itself")
