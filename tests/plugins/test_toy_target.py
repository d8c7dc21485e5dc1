"""A target of another package, by its entry points: exported, verified, inspected, and read back, as one of ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.targets.registry import TARGETS
from runtimes.backends.registry import BACKENDS

TOY = Path(__file__).parent / "toy_target"


@pytest.fixture
def bertport(tmp_path):
    """Run a command where the package is installed."""

    def run(*arguments: str | Path, plugin: Path = TOY) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([str(plugin), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-c", "import sys; from exporter.cli.main import main; sys.exit(main())"]
        environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"}
        whole = [*command, *map(str, arguments)]
        return subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)

    return run


def test_another_packages_target_does_all_that_ours_do(bertport, checkpoint, texts_file, tmp_path):
    out = tmp_path / "out"
    exported = ("export", checkpoint, "--target", "toy", "--texts", texts_file, "-o", out)
    done = bertport(*exported, "--colour", "red")
    assert done.returncode == 0, done.stderr
    assert (out / "toy.txt").read_text() == "red"
    assert json.loads((out / "bertport.json").read_text())["recipe"]["options"]["colour"] == "red"
    assert "Open it with the toy." in (out / "README.md").read_text()
    assert bertport("verify", out, "--checkpoint", checkpoint, "--texts", texts_file).returncode == 0
    assert "toy, none" in bertport("inspect", out).stdout
    program = f"import runtimes; print(runtimes.open({str(out)!r}).status.value)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOY), os.environ.get("PYTHONPATH", "")])}
    opened = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert opened.stdout.strip() == "measured", opened.stderr


def test_its_options_are_its_own(bertport, checkpoint, tmp_path):
    refused = bertport("export", checkpoint, "--colour", "red", "--no-verify", "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert refused.stderr.strip() == "bertport: --colour: of toy alone; leave it out, or add that --target"
    refused = bertport("export", checkpoint, "--target", "toy", "--quantize", "pq", "-o", tmp_path / "out")
    assert "--quantize pq: unknown to toy; it has none, int8" in refused.stderr


def test_without_the_package_there_is_no_such_target(bertport, checkpoint, tmp_path):
    assert "toy" not in TARGETS
    assert "toy" not in BACKENDS
    refused = bertport("export", checkpoint, "--target", "toy", "-o", tmp_path / "out", plugin=tmp_path)
    assert refused.returncode == 2
    assert "--target toy: unknown; known: onnx, coreml" in refused.stderr


def test_a_package_that_cannot_be_loaded_is_named(bertport, tmp_path):
    info = tmp_path / "bertport_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bertport-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bertport.targets]\nbroken = bertport_broken:TARGET\n")
    refused = bertport("export", tmp_path, plugin=tmp_path)
    assert refused.returncode == 3
    (line,) = refused.stderr.strip().splitlines()
    assert line.startswith("bertport: bertport-broken: its bertport.targets entry point 'broken'")
    assert line.endswith("; upgrade or uninstall bertport-broken")
