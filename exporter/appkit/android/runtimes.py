"""What runs the model of a kit on Android, for each target: its library, the sources that speak to it, its files.

Each target has a folder beside `module/` that is laid over it: `src/main/kotlin/bertkit` with the one implementation of
Model.kt, the app's rules for R8, and where there is a desktop build of the library the test that runs on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporter.appkit.kit_json import ModelFile
from exporter.targets.litert import lower as litert
from exporter.targets.onnx import ops as onnx
from runtimes.bundle.reading import Bundle

_HERE = Path(__file__).parent
ONNXRUNTIME_ANDROID = "1.24.3"
"""As npm has its module for React Native, which is released with it; its archive could not be fetched here."""
LITERT_ANDROID = "2.3.0"
"""The Interpreter is in `litert` from 2.1.0 on; of this version is the runtime for Python that tests run."""
_ONNXRUNTIME = f"com.microsoft.onnxruntime:onnxruntime-android:{ONNXRUNTIME_ANDROID}"
_LITERT = f"com.google.ai.edge.litert:litert:{LITERT_ANDROID}"
ARCHIVES = (_ONNXRUNTIME, _LITERT)
"""Those with native libraries, whose alignment `.ci/android-libraries` checks."""
COROUTINES = "1.8.0"
"""Of kotlinx.coroutines: with this version the tests run."""


@dataclass(frozen=True)
class Runtime:
    """What the kits of one target differ in.

    `file` is the model's name, `models` what kit.json says of it, `sources` the folder of its own sources. The rest is
    text: `dependencies` for Gradle, and for the README `app`, what the app's own Gradle file needs; `here`, what the
    tests do on the developer's machine; `record`, how one gets a record there; `ran`, what was run where the kit was
    made.
    """

    file: str
    models: Callable[[Bundle], list[ModelFile]]
    sources: Path
    dependencies: str
    app: str
    here: str
    record: str
    ran: str

    def values(self) -> dict[str, str]:
        """What README and Gradle's file are filled with."""
        return {
            "coroutines": COROUTINES,
            "app": self.app,
            "dependencies": self.dependencies,
            "here": self.here,
            "record": self.record,
            "ran": self.ran,
        }


def _onnx_models(_bundle: Bundle) -> list[ModelFile]:
    return [ModelFile(onnx.FILE)]


def _litert_models(bundle: Bundle) -> list[ModelFile]:
    """A signature of each fixed length, or the one of any length."""
    lengths = sorted(bundle.manifest.recipe.sequence_lengths)
    fixed = [ModelFile(litert.FILE, length, litert.signature_of(length)) for length in lengths]
    return fixed or [ModelFile(litert.FILE, function=litert.ANY_LENGTH)]


RUNTIMES = {
    "onnx": Runtime(
        file=onnx.FILE,
        models=_onnx_models,
        sources=_HERE / "onnx",
        dependencies=f'    api("{_ONNXRUNTIME}")\n'
        f'    testImplementation("com.microsoft.onnxruntime:onnxruntime:{ONNXRUNTIME_ANDROID}")',
        app="The model is copied once to the app's `noBackupFilesDir`, where ONNX Runtime opens\n"
        "it by its path, and an update of the kit replaces it; so the assets may be compressed.",
        here="with the desktop build of ONNX Runtime",
        record="; here `BERTPORT_RECORD=FILE ./gradlew :bertkit:test`\nwrites it.",
        ran="its sources were compiled and its tests run on a desktop JVM, with\nONNX Runtime's Java API 1.17",
    ),
    "litert": Runtime(
        file=litert.FILE,
        models=_litert_models,
        sources=_HERE / "litert",
        dependencies=f'    api("{_LITERT}")',
        app="The model is memory-mapped where it lies in the APK; where the app compresses it, it\n"
        'is read into memory: `androidResources { noCompress += "tflite" }` in the app keeps it as it is.',
        here="the ids alone, for LiteRT's Java has no desktop build",
        record=".",
        ran="its sources were compiled on a desktop JVM against\nstand-ins for LiteRT's Java classes, written from "
        "their published sources, and its tests ran with LiteRT's\n"
        f"interpreter for Python ({LITERT_ANDROID}) behind them. LiteRT's own Java was not run",
    ),
}
"""By target."""
