"""Exports, inspects and runs bundles where torch and transformers are not installed, and says what needs them.

Quick: an interpreter, and its children, to which they are hidden. Slow: an environment that pip made without them.
"""

import json
import os
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file

from exporter.cli.main import COMMANDS
from exporter.targets.registry import TARGETS
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.extras import EXTRAS, missing

ROOT = Path(__file__).parent.parent
PICKLE = "pytorch_model.bin"
HIDDEN = Path(__file__).with_name("without_torch")
NEED_THEM = {
    "exporter.finetuning.distillation",
    "runtimes.backends.pytorch.runner",
    "runtimes.backends.pytorch.sentence_pooling",
    "runtimes.backends.pytorch.tokenizer",
}
"""Modules that are of torch or transformers throughout; what imports one does so where it is used."""
APPLES = {
    "exporter.targets.coreai.program.building_child",
    "exporter.targets.coreai.program.listing",
    "runtimes.backends.coreai.session",
    "runtimes.backends.coreai.child",
}
"""Modules of child processes alone, which import Apple's package: it has wheels for few systems."""
HERE_TARGETS = [name for name in TARGETS if name not in EXTRAS or not missing(name)]
ABSENT = """
import importlib, importlib.metadata, importlib.util, json, sys
def lacks(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name
        return importlib.util.find_spec(name) is None and name not in list_distributions
    return False
list_distributions = [one.metadata["Name"] for one in importlib.metadata.distributions()]
print(json.dumps([name for name in sys.argv[1:] if not lacks(name)]))
"""
MODULES = """
import importlib, json, pkgutil
import exporter, runtimes
found = {}
for package in (exporter, runtimes):
    for one in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not one.name.endswith("__main__"):
            try:
                importlib.import_module(one.name)
            except Exception as error:
                found[one.name] = repr(error)
for name in exporter.__all__:
    getattr(exporter, name)
for name in runtimes.__all__:
    getattr(runtimes, name)
print(json.dumps(found))
"""
RUN = """
import json, sys
import numpy as np
import runtimes
ids = np.array([[101, 2054, 102]])
found = {}
for place in sys.argv[1:]:
    outputs = runtimes.open(place).run(runtimes.Batch(ids, np.ones_like(ids), np.zeros_like(ids)))
    found[place] = {name: list(values.shape) for name, values in outputs.items()}
print(json.dumps(found))
"""
HELP = """
import contextlib, io, json
from exporter.cli.main import COMMANDS, main
found = {}
for command in ("", *COMMANDS):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            main([command, "--help"] if command else ["--help"])
        except SystemExit as end:
            found[command] = end.code if "usage: " in said.getvalue() else said.getvalue()
print(json.dumps(found))
"""
VERSIONED = {"coreml": ("--deployment-target", "iOS18")}
"""What every scheme of a target can be written with."""


@dataclass(frozen=True)
class Python:
    """An interpreter that lacks them."""

    executable: str
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments, cwd):
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", **self.environment}
        command = [self.executable, *arguments]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    def told(self, program, *arguments, cwd):
        """What a program prints as JSON."""
        done = self.run("-c", program, *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def bertport(self, *arguments, cwd):
        return self.run("-m", "exporter", *arguments, cwd=cwd)


HERE = Python(sys.executable, {"PYTHONPATH": str(ROOT)})
"""This one, to which nothing is hidden."""


@pytest.fixture(scope="module")
def lean():
    return Python(sys.executable, {"PYTHONPATH": os.pathsep.join([str(HIDDEN), str(ROOT)])})


def export(python, target, schemes, place, model="demo"):
    """A bundle by one scheme, or a folder of them by several."""
    named = [word for scheme in schemes for word in ("--quantize", scheme)]
    options = ["--no-verify", "--target", target, *named, *VERSIONED.get(target, ()), "-o", str(place)]
    done = python.bertport("export", model, *options, cwd=place.parent)
    assert done.returncode == 0, done.stderr
    places = [place / f"{target}-{scheme}" for scheme in schemes] if len(schemes) > 1 else [place]
    for one in places:
        check_files(read_bundle(one))
    return place


@pytest.fixture(scope="module")
def exported(lean, tmp_path_factory):
    """A bundle of each target."""
    place = tmp_path_factory.mktemp("exported")
    return {target: export(lean, target, ["int8"], place / target) for target in HERE_TARGETS}


def all_of_it(python, tmp_path):
    """What an interpreter without them can do."""
    assert python.told(ABSENT, "torch", "transformers", cwd=tmp_path) == []
    absent = APPLES if missing("coreai") else set()
    assert python.told(MODULES, cwd=tmp_path).keys() == NEED_THEM | absent


def test_every_module_but_those_of_torch_imports(lean, tmp_path):
    all_of_it(lean, tmp_path)


def test_here_they_are(tmp_path):
    """The control: the same programs where nothing is hidden."""
    assert HERE.told(ABSENT, "torch", "transformers", cwd=tmp_path) == ["torch", "transformers"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_scheme_exports(lean, checkpoint, target, tmp_path):
    export(lean, target, list(TARGETS[target].schemes), tmp_path / "out", str(checkpoint))


def test_bundles_are_the_same_bytes(lean, exported, tmp_path, tree):
    for target, place in exported.items():
        assert tree(export(HERE, target, ["int8"], tmp_path / target)) == tree(place)


def test_bundles_run_and_are_inspected(lean, exported, tmp_path):
    places = [str(place) for place in exported.values()]
    assert lean.told(RUN, *places, cwd=tmp_path) == {place: {"logits": [1, 4]} for place in places}
    for place in places:
        done = lean.bertport("inspect", place, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_help(lean, tmp_path):
    assert lean.told(HELP, cwd=tmp_path) == {"": 0, **dict.fromkeys(COMMANDS, 0)}


def refusals(exported, tmp_path):
    """What needs them → the commands."""
    (tmp_path / "rows.jsonl").write_text('{"text": "Stocks fell", "label": "Business"}\n' * 4)
    (tmp_path / "bertport.toml").write_text('[[export]]\nmodel = "demo"\n')
    onnx, comparing = str(exported["onnx"]), "comparing with PyTorch (export --no-verify goes without)"
    rows = ("--data", "rows.jsonl")
    return {
        "export": (["export", "demo", "-o", "out"], comparing),
        "verify": (["verify", onnx], comparing),
        "verify --explain": (["verify", str(exported["coreml"]), "--explain"], comparing),
        "verify --against": (["verify", "--against", "demo", f"{onnx}/model.onnx"], comparing),
        "evaluate": (["evaluate", onnx, *rows], comparing),
        "tune": (["tune", "demo", "--target", "onnx", *rows, "-o", "tuned"], comparing),
        "check": (["check", "bertport.toml"], comparing),
        "codes": (["export", "demo", "--quantize", "pq", "--finetune-codes", "rows.jsonl"], "--finetune-codes"),
    }


NAMES = ("export", "verify", "verify --explain", "verify --against", "evaluate", "tune", "check", "codes")


@pytest.mark.parametrize("name", NAMES)
def test_what_needs_them_says_so_in_one_line(lean, exported, tmp_path, name):
    command, what = refusals(exported, tmp_path)[name]
    before = sorted(tmp_path.iterdir())
    done = lean.bertport(*command, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    needs = "needs torch and transformers, which are not installed: pip install torch transformers"
    last = done.stderr.splitlines()[-1]
    assert last.startswith("bertport: ")
    assert last.endswith(f": {what} {needs}")
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_pickle_needs_torch(lean, make_checkpoint, tmp_path):
    folder = make_checkpoint()
    torch.save(
        {name: torch.from_numpy(one) for name, one in load_file(folder / "model.safetensors").items()}, folder / PICKLE
    )
    (folder / "model.safetensors").unlink()
    options = ["--no-verify", "--allow-pickle", "-o", "out"]
    done = lean.bertport("export", str(folder), *options, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert f"{PICKLE}: a pickle needs torch, which is not installed: pip install torch" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_that_transformers_makes_needs_it(lean, make_checkpoint, tmp_path):
    folder = make_checkpoint()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    done = lean.bertport("export", str(folder), "--no-verify", "-o", "out", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "its tokenizer needs transformers, which is not installed: pip install transformers" in done.stderr


def test_a_bench_measures_the_bundles_alone(lean, exported, tmp_path):
    options = ["--runs", "1", "--rounds", "1", "--lengths", "4", "--batches", "1", "--threads", "1", "--json"]
    done = lean.bertport("bench", str(exported["onnx"]), *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert "torch" not in record["versions"]
    assert "onnxruntime" in record["versions"]
    assert {one["name"]: bool(one["note"]) for one in record["subjects"]} == {"PyTorch": True, "onnx-int8": False}
    assert record["measurements"]
    assert "PyTorch is not run: comparing with PyTorch" in done.stderr


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with the wheel and all that it requires but torch, transformers and what brings them."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    python = Python(str(place / ("Scripts" if sys.platform == "win32" else "bin") / "python"), {"PYTHONPATH": ""})
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    others = [one for one in stated if not one.startswith(("torch>", "transformers", "optimum"))]
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for what in (["--constraint", str(ROOT / "constraints.txt"), *others], ["--no-deps", str(wheel)]):
        done = python.run(*install, *what, cwd=place)
        assert done.returncode == 0, done.stderr
    return python


@pytest.mark.slow
def test_a_kit_of_a_bundle_that_was_compared_elsewhere(environment, tmp_path):
    done = HERE.bertport("export", "demo", "--quantize", "int8", "-o", "onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for platform in ("web", "android"):
        done = environment.bertport("app-kit", "onnx", "--platform", platform, "-o", platform, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = environment.bertport("report", "onnx", "-o", "report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_an_environment_without_them(environment, tmp_path):
    """The demo by every scheme, from the wheel; what was made runs, and `verify` says what it lacks."""
    all_of_it(environment, tmp_path)
    assert environment.told(HELP, cwd=tmp_path) == {"": 0, **dict.fromkeys(COMMANDS, 0)}
    for target in HERE_TARGETS:
        export(environment, target, list(TARGETS[target].schemes), tmp_path / target)
        place = str(tmp_path / target / f"{target}-int8")
        assert environment.told(RUN, place, cwd=tmp_path) == {place: {"logits": [1, 4]}}
        assert environment.bertport("inspect", place, cwd=tmp_path).returncode == 0
        done = environment.bertport("verify", place, cwd=tmp_path)
        assert done.returncode == 4
        assert "pip install torch transformers" in done.stderr.splitlines()[-1]
