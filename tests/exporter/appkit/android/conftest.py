"""Android kits of a module's `target`, compiled for a JVM once, and what runs them there."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.kits.tokenizer_kits import CLASSPATH, build_android
from exporter.cli.main import main
from exporter.targets.target import Settings

ROOT = Path(__file__).parents[4]
ASSETS = Path("src/main/assets/testedkit")


@pytest.fixture(scope="session", autouse=True)
def short_lived() -> Iterator[None]:
    """A JVM that ends after seconds is done before its optimizing compiler and its collector's threads are of use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield


@pytest.fixture(scope="session")
def make_kit() -> Callable[..., int]:
    """`bertport app-kit` of a bundle; its exit code."""
    return lambda bundle, place, *more: main(["app-kit", str(bundle), "--platform", "android", "-o", str(place), *more])


@pytest.fixture
def make_own(make_bundle, target):
    """A bundle of a checkpoint, of the module's target."""

    def make(checkpoint, **changes):
        return make_bundle(checkpoint, **{"settings": Settings(), "targets": (target,), **changes})

    return make


@pytest.fixture
def kits(kit_of, kind_of, target, tmp_path):
    """A copy of the kit of a kind, all of one name, and the checkpoint it was made of."""

    def make(kind: str, **options: object) -> tuple[Path, Path]:
        made = kit_of("android", target, kind, **options)
        return shutil.copytree(made, tmp_path / f"{kind}-kit" / made.name), kind_of(kind)

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("android")


@pytest.fixture(scope="module")
def platform(folder, target):
    """The demo's kit compiled; in folder / classes, for every kit of that name and target has the same sources."""
    made = all((ROOT / place / "made").is_file() for place in (".jvm", ".npm"))
    if not made and not os.environ.get("CI"):
        pytest.skip("no Kotlin or ONNX Runtime for a JVM: make jvm-packages")
    return build_android(folder, target)


@pytest.fixture
def java(platform, folder):
    def run(cwd: Path, *command: "str | Path") -> str:
        classpath = f"{folder / 'classes'}{os.pathsep}{CLASSPATH}"
        done = subprocess.run(
            ["java", "-cp", classpath, *command], cwd=cwd, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    return run


@pytest.fixture
def ask(java, tmp_path):
    """What each kit answers to what it is asked, in one JVM."""

    def run(asked: "dict[Path, list[list[object]]]") -> "list[list[object]]":
        files = []
        for number, (kit, texts) in enumerate(asked.items()):
            files += [kit / ASSETS, tmp_path / f"asked{number}.json", tmp_path / f"answers{number}.json"]
            files[-2].write_text(json.dumps(texts))
        said = java(tmp_path, "dev.bertport.testedkit.AskKt", *files)
        assert files[-1].is_file(), said
        return [json.loads(path.read_bytes()) for path in files[2::3]]

    return run
