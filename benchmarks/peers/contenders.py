"""Who is compared: how each makes its file from a checkpoint, and what opens that file."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT
from exporter.targets.registry import TARGETS

HERE = Path(__file__).parent
SHAPES = {"1x16": (1, 16), "1x64": (1, 64), "1x128": (1, 128), "1x512": (1, 512), "32x128": (32, 128)}
"""Name → rows and tokens of a batch."""
BASE = "Optimum float32"
OURS = "bertport "
PYTORCH = "PyTorch eager"

_LITERT_PACKAGE = "ai-edge-litert"
_OURS = Path(sys.executable)
_OPTIMUM, _OPENVINO, _LITERT = (ROOT / f".venv-{name}" / "bin" / "python" for name in ("optimum", "openvino", "litert"))


@dataclass(frozen=True)
class Contender:
    """One row. `command` makes `files`; `runtime` is a name of `child.OPEN`, which opens the first of them that exists.

    PyTorch opens the folder of its file.
    """

    name: str
    runtime: str
    python: Path
    files: tuple[Path, ...]
    command: tuple[str, ...] = ()
    library: str = "onnxruntime"

    @property
    def path(self) -> Path:
        """What the runtime is given."""
        first = next((path for path in self.files if path.exists()), self.files[0])
        return first.parent if self.library == "torch" else first

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files if path.exists())


def contenders(checkpoint: Path, work: Path) -> list[Contender]:
    """Everyone, in an order in which each finds what the one before has made."""
    return [*_pytorch(checkpoint), *_onnx(checkpoint, work), *_others(checkpoint, work), *_ours(checkpoint, work)]


def optimum_command(checkpoint: Path, output: Path, *options: str) -> tuple[str, ...]:
    """Optimum's exporter."""
    return _cli("export", "onnx", "--task", "text-classification", "--model", str(checkpoint), *options, str(output))


def our_command(checkpoint: Path, output: Path, *options: str) -> tuple[str, ...]:
    """bertport's exporter."""
    return (str(_OURS), "-m", "exporter", str(checkpoint), "-o", str(output), *options)


def _pytorch(checkpoint: Path) -> list[Contender]:
    weights = (checkpoint / "model.safetensors",)
    return [
        Contender(PYTORCH, "torch", _OURS, weights, library="torch"),
        Contender("PyTorch dynamic int8", "torch-int8", _OURS, weights, library="torch"),
    ]


def _onnx(checkpoint: Path, work: Path) -> list[Contender]:
    plain, optimum = work / "torch.onnx", work / "optimum"
    script = (str(_OPTIMUM), str(HERE / "convert_torch_onnx.py"), str(checkpoint), str(plain))
    o2 = optimum_command(checkpoint, work / "optimum-O2", "--optimize", "O2")
    found = [
        _onnx_file("torch.onnx.export", plain, script),
        _onnx_file(BASE, optimum / "model.onnx", optimum_command(checkpoint, optimum)),
        _onnx_file("Optimum O2", work / "optimum-O2" / "model.onnx", o2),
    ]
    for name, options in {"avx512": ["--avx512"], "avx512, per channel": ["--avx512", "--per_channel"]}.items():
        folder = work / f"optimum-{len(options)}"
        quantise = _cli("onnxruntime", "quantize", "--onnx_model", str(optimum), *options, "-o", str(folder))
        found.append(_onnx_file(f"Optimum int8 {name}", folder / "model_quantized.onnx", quantise))
    return found


def _others(checkpoint: Path, work: Path) -> list[Contender]:
    found = []
    for precision, name in {"float32": "float32", "int8": "int8 weights"}.items():
        xml = work / f"openvino-{precision}.xml"
        command = (HERE / "convert_openvino.py", work / "optimum" / "model.onnx", xml, precision)
        files = (xml, xml.with_suffix(".bin"))
        found.append(_converted(f"OpenVINO {name}", "openvino", _OPENVINO, files, *command))
    for precision, name in {"float32": "float32", "int8": "dynamic int8"}.items():
        file = work / f"litert-{precision}.tflite"
        command = (HERE / "convert_litert.py", checkpoint, file, precision)
        found.append(_converted(f"LiteRT {name}", "litert", _LITERT, (file,), *command, *SHAPES))
    return found


def _converted(name: str, runtime: str, python: Path, files: tuple[Path, ...], *script: Path | str) -> Contender:
    library = {"litert": _LITERT_PACKAGE}.get(runtime, runtime)
    return Contender(name, runtime, python, files, (str(python), *map(str, script)), library)


def _ours(checkpoint: Path, work: Path) -> list[Contender]:
    found = []
    for name in TARGETS["onnx"].schemes:
        folder = work / f"bertport-{name}"
        command = our_command(checkpoint, folder, "--quantize", name, "--no-verify")
        files = (folder / "model.mapped.onnx", folder / "model.onnx")
        found.append(Contender(f"{OURS}{name}", "onnx", _OURS, files, command))
    for name in TARGETS["litert"].schemes:
        folder = work / f"bertport-litert-{name}"
        command = our_command(checkpoint, folder, "--target", "litert", "--quantize", name, "--no-verify")
        files = (folder / "model.tflite",)
        found.append(Contender(f"{OURS}LiteRT {name}", "litert-any", _OURS, files, command, _LITERT_PACKAGE))
    return found


def _onnx_file(name: str, path: Path, command: tuple[str, ...]) -> Contender:
    return Contender(name, "onnx", _OURS, (path,), command)


def _cli(*arguments: str) -> tuple[str, ...]:
    return (str(_OPTIMUM.with_name("optimum-cli")), *arguments)
