"""The built wheel carries all that a clone has and gives the same bytes, wherever and by whomever it is run."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import exporter
from exporter.appkit.registry import PLATFORMS
from exporter.targets.registry import TARGETS

ROOT = Path(__file__).parent.parent
KITS = [(name, target) for name, one in PLATFORMS.items() for target in one.targets]
"""Every platform with each target whose bundles it takes."""
PACKAGES = ("exporter", "optimum", "runtimes")
PROGRAM = """
import json, sys
import exporter
from exporter.cli.main import main
print(exporter.__file__, file=sys.stderr)
sys.exit(max(main(arguments) for arguments in json.loads(sys.argv[1])))
"""


@dataclass(frozen=True)
class Way:
    """How a process is run: the folder of the packages, its umask, and what else must not matter."""

    packages: Path
    umask: int
    environment: dict[str, str]

    def run(self, commands, place):
        place.mkdir()
        here = {"PYTHONPATH": str(self.packages), "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        # PyTorch adds up in the order of its threads, of which a machine has as many as processors
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **here, **self.environment}
        command = [sys.executable, "-c", PROGRAM, commands]
        done = subprocess.run(
            command, cwd=place, env=environment, umask=self.umask, capture_output=True, text=True, errors="replace"
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith(str(self.packages))


def contents(place):
    files = [path for path in sorted(place.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


def twine_check(file):
    """What the index would say of the metadata, the description among it."""
    command = [sys.executable, "-m", "twine", "check", "--strict", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_wheel_can_be_published(wheel):
    done = twine_check(wheel)
    assert done.returncode == 0, done.stdout
    assert "PASSED" in done.stdout


def test_the_sdist_can_be_published_and_carries_what_tests_need(tmp_path):
    program = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    assert twine_check(sdist).returncode == 0
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "constraints.txt", "docs/index.md", "tests/test_wheel.py", "exporter/__init__.py"} <= names


def test_a_wheel_that_no_index_takes_is_noticed(wheel, tmp_path):
    broken = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"" if name.endswith("METADATA") else old.read(name))
    assert twine_check(broken).returncode != 0


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_carries_every_file_of_the_clone(package, installed):
    assert contents(installed / package) == contents(ROOT / package)


def commands(checkpoint, texts):
    """A bundle of each target, and a kit of each for every platform that takes it."""
    export = ["export", str(checkpoint), "--texts", str(texts), "--quantize", "int8", "--keep-failing"]
    export += ["--max-relative", "9", "--min-agreement", "0"]
    kits = [["app-kit", target, "--platform", name, "-o", f"Kit{name}{target}"] for name, target in KITS]
    fixed = [[*export, "--target", name, "--sequence-length", "24", "-o", name] for name in ("coreml", "coreai")]
    litert = [*export, "--target", "litert", "-o", "litert"]
    return json.dumps([[*export, "-o", "onnx"], *fixed, litert, *kits])


def test_the_same_bytes_from_the_wheel_and_the_clone(installed, checkpoint, texts_file, tmp_path):
    """And with other hash seeds, time zones, locales, umasks and folders; modes are the umask's."""
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"}
    ways = {
        "clone": Way(ROOT, 0o022, {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}),
        "wheel": Way(installed, 0o077, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", **plain}),
    }
    for name, way in ways.items():
        way.run(commands(checkpoint, texts_file), tmp_path / name)
        modes = {path.stat().st_mode & 0o777 for path in (tmp_path / name).rglob("*")}
        assert modes == {0o777 & ~way.umask, 0o666 & ~way.umask}
    assert contents(tmp_path / "clone") == contents(tmp_path / "wheel")
    made = [path.name for path in (tmp_path / "clone").iterdir()]
    assert sorted(made) == sorted([*(f"Kit{name}{target}" for name, target in KITS), *TARGETS])


def test_another_seed_of_weights_gives_other_bytes(make_checkpoint, checkpoint, tmp_path):
    """What is compared above can differ."""
    for name, source in (("one", checkpoint), ("other", make_checkpoint(seed=1))):
        exporter.export(source, output=tmp_path / name, verify=False)
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


@pytest.mark.slow
def test_the_wheel_exports_the_demo(installed, tmp_path):
    way = Way(installed, 0o022, {})
    way.run('[["export", "demo", "--quantize", "int8"], ["report", "artifacts", "-o", "report"]]', tmp_path / "run")
    assert (tmp_path / "run" / "artifacts" / "demo" / "onnx-int8" / "golden.json").is_file()
    assert "onnx-int8" in (tmp_path / "run" / "report" / "report.html").read_text()
