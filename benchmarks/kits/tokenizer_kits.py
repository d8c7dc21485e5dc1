"""The kits of the demo, ready to tokenize for `tokenizer_exactness.py`: in Swift, in Node and on a JVM."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import ROOT
from exporter.appkit.registry import PLATFORMS

HARNESSES = ROOT / "tests" / "exporter" / "appkit"
Platform = Callable[[Path, Path, Path, Path, Sequence[int]], dict[str, float]]
"""Settings, vocabulary, texts, where to write, limits → seconds to load and to encode, and tokens.

Limits: none; or the most tokens; or these and the tokens that windows share.
"""
SWIFT = ROOT / ".ci" / "swift-toolchain"
KOTLIN = ROOT / ".npm" / "node_modules" / "kotlin-compiler" / "lib"
CLASSPATH = f"{ROOT}/.jvm/*:{KOTLIN}/kotlin-stdlib.jar:{KOTLIN}/kotlinx-coroutines-core-jvm.jar"


def build_swift(folder: Path) -> Platform:
    """The kit's harness on Linux, built in release in `folder`, which is /work to it."""
    make_kit(folder, "ios")
    shutil.copytree(HARNESSES / "ios" / "harness", folder / "harness")
    build = ["swift", "build", "-c", "release", "--package-path", "/work/harness"]
    subprocess.run([SWIFT, "run", folder, *build], check=True)
    start = [SWIFT, "run", folder, "/work/harness/.build/release/tokenize"]
    return command(*start, inside=lambda path: f"/work/{path.relative_to(folder)}")


def build_web(folder: Path) -> Platform:
    """`node tokenize.mjs`, with the kit's own files."""
    kit = make_kit(folder, "web")
    return command("node", HARNESSES / "web" / "harness" / "tokenize.mjs", kit)


def build_android(folder: Path, target: str | None = None) -> Platform:
    """`java …`, of the kit's own sources compiled for the JVM."""
    kit, classes = make_kit(folder, "android", target), folder / "classes"
    compile_kotlin(kit, classes)
    return command(
        "java", "-Xmx3g", "-classpath", f"{classes}:{CLASSPATH}", f"dev.bertport.{kit.name.lower()}.TokenizeKt"
    )


def make_kit(folder: Path, platform: str, target: str | None = None) -> Path:
    """Export the demo, and make its kit for the platform; to the first target that it takes if none is said."""
    bundle, kit = folder / "bundle", folder / "TestedKit"
    target = target or PLATFORMS[platform].targets[0]
    bertport_says("export", "demo", "--target", target, "--quantize", "int8", "-o", bundle)
    bertport_says("app-kit", bundle, "--platform", platform, "-o", kit)
    return kit


def bertport_says(*arguments: str | Path) -> str:
    """What one command of bertport, of this tree, prints."""
    code = f"import sys; from exporter.cli.main import main; sys.exit(main({[str(one) for one in arguments]!r}))"
    return subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True).stdout


def compile_kotlin(kit: Path, classes: Path) -> None:
    """The kit with its tests, against stubs of Android and LiteRT; warnings are errors. Raises CalledProcessError."""
    script = HARNESSES / "android" / "harness" / "compile.sh"
    subprocess.run([script, kit, classes, ROOT], check=True, capture_output=True, text=True)


def command(*start: str | Path, inside: Callable[[Path], str] = str) -> Platform:
    """What is started with settings, vocabulary, texts, output and limits, and says its figures as JSON.

    `inside`: what it calls a file of this machine.
    """

    def run(settings: Path, vocabulary: Path, texts: Path, output: Path, limits: Sequence[int]) -> dict[str, float]:
        files = [inside(path) for path in (settings, vocabulary, texts, output)]
        done = subprocess.run([*start, *files, *map(str, limits)], check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    return run
