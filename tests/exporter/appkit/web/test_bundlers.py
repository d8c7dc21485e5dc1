"""What bundlers and npm make of a web kit: an app that imports it builds, and npm packs what the app needs."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGES = HERE.parents[3] / ".npm" / "node_modules"
APP = """import { TextClassifier } from "testedkit";
globalThis.load = (ort) => TextClassifier.load(ort, { folder: "/model/" });
"""


@pytest.fixture
def kit(kit_of, tmp_path):
    return Path(shutil.copytree(kit_of("web", "onnx", "labels"), tmp_path / "TestedKit"))


@pytest.fixture
def build(kit, tmp_path):
    """Build an app that has the kit among its packages; what the tool says."""
    app = tmp_path / "app"
    packages = app / "node_modules"
    packages.mkdir(parents=True)
    for path in PACKAGES.iterdir():
        (packages / path.name).symlink_to(path)
    (packages / "testedkit").symlink_to(kit)
    (app / "app.js").write_text(APP)
    (app / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / "harness" / "bundle.mjs", app)

    def run(tool: str) -> "subprocess.CompletedProcess[str]":
        command = ["node", "bundle.mjs", tool, app]
        return subprocess.run(command, cwd=app, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("tool", ["webpack", "vite", "esbuild"])
def test_an_app_with_the_kit_builds(tool, build, kit, tmp_path):
    if not (PACKAGES / tool).is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no {tool}: make npm-packages")
    done = build(tool)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (tmp_path / "app" / "dist").glob("*.js")
    assert "expected a file of the kit" in made.read_text()


def test_webpack_refuses_a_folder_that_is_no_string(build, kit):
    """The control: as the kit had it."""
    files = kit / "bertkit" / "files.js"
    wrong = '= new URL("../model/", import.meta.url);'
    files.write_text(files.read_text().replace('= import.meta.url.replace(/[^/]*\\/[^/]*$/, "model/");', wrong))
    assert wrong in files.read_text()
    done = build("webpack")
    assert done.returncode != 0
    assert "../model/" in done.stdout + done.stderr


def test_npm_packs_what_an_app_needs_and_nothing_else(kit):
    command = ["npm", "pack", "--dry-run", "--json", "--offline"]
    done = subprocess.run(command, cwd=kit, capture_output=True, text=True, check=True)
    (packed,) = json.loads(done.stdout)
    files = {entry["path"] for entry in packed["files"]}
    assert {path.split("/")[0] for path in files} == {"README.md", "package.json", "bertkit", "model"}
    assert {"bertkit/index.js", "bertkit/index.d.ts", "model/kit.json", "model/onnx/model.onnx"} <= files
    stated = json.loads((kit / "package.json").read_bytes())
    assert {"license", "engines", "sideEffects"} <= stated.keys()
    assert list(stated["dependencies"]) == ["onnxruntime-web"]
    assert "npm install --install-links" in (kit / "README.md").read_text()
