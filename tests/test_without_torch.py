"""Exports, inspects and runs bundles where torch and transformers are not installed, and says what needs them.

Quick: an interpreter, and its children, to which they are hidden. Slow: an environment that pip made without them.
"""

import json
import os
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file

from exporter.cli.main import COMMANDS
from exporter.targets.registry import TARGETS
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.extras import EXTRAS, missing
from tests.lean_python import ABSENT, HELP, MODULES, RUN, Python

ROOT = Path(__file__).parent.parent
PICKLE = "pytorch_model.bin"
HIDDEN = Path(__file__).with_name("without_torch")
NEED_THEM = {
    "exporter.finetuning.distillation",
    "runtimes.backends.pytorch.own_configs",
    "runtimes.backends.pytorch.own_models",
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
INT8 = ("int8",)
VERSIONED = {"coreml": ("--deployment-target", "iOS18")}
"""What every scheme of a target can be written with."""


HERE = Python(sys.executable, {"PYTHONPATH": str(ROOT)})
"""This one, to which nothing is hidden."""


@pytest.fixture(scope="module")
def lean():
    return Python(sys.executable, {"PYTHONPATH": os.pathsep.join([str(HIDDEN), str(ROOT)])})


def exports(python, schemes, place, model="demo"):
    """Target → schemes; a folder below `place` for each target, with a bundle for each scheme if there are several."""
    commands = []
    for target, names in schemes.items():
        named = [word for scheme in names for word in ("--quantize", scheme)]
        options = ["--no-verify", "--target", target, *named, *VERSIONED.get(target, ())]
        commands.append(["export", model, *options, "-o", str(place / target)])
    return dict(zip(schemes, python.calls(commands, cwd=place), strict=True))


def bundles(place, target, schemes):
    """The bundles that were exported, whole."""
    places = [place / target / f"{target}-{scheme}" for scheme in schemes] if len(schemes) > 1 else [place / target]
    for one in places:
        check_files(read_bundle(one))
    return places


@pytest.fixture(scope="module")
def exported(lean, tmp_path_factory):
    """A bundle of each target."""
    place, wanted = tmp_path_factory.mktemp("exported"), dict.fromkeys(HERE_TARGETS, INT8)
    assert [said for code, said in exports(lean, wanted, place).values() if code] == []
    return {target: bundles(place, target, INT8)[0] for target in HERE_TARGETS}


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


ALL = {target: list(TARGETS[target].schemes) for target in TARGETS}


@pytest.fixture(scope="module")
def every_scheme(lean, checkpoint, tmp_path_factory):
    """Where each target's bundles are, and what was said of each."""
    place = tmp_path_factory.mktemp("schemes")
    return place, exports(lean, ALL, place, str(checkpoint))


@pytest.mark.parametrize("target", TARGETS)
def test_every_scheme_exports(every_scheme, target):
    place, found = every_scheme
    code, said = found[target]
    assert code == 0, said
    assert len(bundles(place, target, ALL[target])) == len(ALL[target]) > 1


def test_bundles_are_the_same_bytes(exported, tmp_path, tree):
    assert {code for code, _ in exports(HERE, dict.fromkeys(exported, INT8), tmp_path).values()} == {0}
    for target, place in exported.items():
        assert tree(bundles(tmp_path, target, INT8)[0]) == tree(place)


def test_bundles_run_and_are_inspected(lean, exported, tmp_path):
    places = [str(place) for place in exported.values()]
    assert lean.told(RUN, *places, cwd=tmp_path) == {place: {"logits": [1, 4]} for place in places}
    for code, said in lean.calls([["inspect", place] for place in places], cwd=tmp_path):
        assert code == 0, said


def test_help(lean, tmp_path):
    assert lean.told(HELP, cwd=tmp_path) == {"": 0, **dict.fromkeys(COMMANDS, 0)}


COMPARING = "comparing with PyTorch (export --no-verify goes without)"
ROWS = ("--data", "rows.jsonl")
NEEDING = {
    "export": (["export", "demo", "-o", "out"], COMPARING),
    "verify": (["verify", "{onnx}"], COMPARING),
    "verify --explain": (["verify", "{coreml}", "--explain"], COMPARING),
    "verify --against": (["verify", "--against", "demo", "{onnx}/model.onnx"], COMPARING),
    "evaluate": (["evaluate", "{onnx}", *ROWS], COMPARING),
    "tune": (["tune", "demo", "--target", "onnx", *ROWS, "-o", "tuned"], COMPARING),
    "check": (["check", "bertport.toml"], COMPARING),
    "codes": (["export", "demo", "--quantize", "pq", "--finetune-codes", "rows.jsonl"], "--finetune-codes"),
}
"""What needs them: the command, and what of it does."""
INPUTS = {
    "rows.jsonl": '{"text": "Stocks fell", "label": "Business"}\n' * 4,
    "bertport.toml": '[[export]]\nmodel = "demo"\n',
}


@pytest.fixture(scope="module")
def refused(lean, exported, tmp_path_factory):
    """Name → exit code and stderr; and what lies in the folder then."""
    place = tmp_path_factory.mktemp("refused")
    for name, text in INPUTS.items():
        (place / name).write_text(text)
    commands = [[word.format(**exported) for word in command] for command, _ in NEEDING.values()]
    said = dict(zip(NEEDING, lean.calls(commands, cwd=place), strict=True))
    return said, {path.name for path in place.iterdir()}


@pytest.mark.parametrize("name", NEEDING)
def test_what_needs_them_says_so_in_one_line(refused, name):
    code, said = refused[0][name]
    assert code == 4, said
    needs = "needs torch and transformers, which are not installed: pip install torch transformers"
    last = said.splitlines()[-1]
    assert last.startswith("bertport: ")
    assert last.endswith(f": {NEEDING[name][1]} {needs}")
    assert "Traceback" not in said


def test_it_leaves_nothing_behind(refused):
    assert refused[1] == set(INPUTS)


def test_a_pickle_and_a_tokenizer_that_transformers_makes_need_them(lean, make_checkpoint, tmp_path):
    pickled, made = make_checkpoint("pickled"), make_checkpoint("made")
    tensors = load_file(pickled / "model.safetensors")
    torch.save({name: torch.from_numpy(one) for name, one in tensors.items()}, pickled / PICKLE)
    (pickled / "model.safetensors").unlink()
    (made / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    options = ["--no-verify", "--allow-pickle", "-o", "out"]
    of_pickle, of_tokenizer = lean.calls([["export", str(one), *options] for one in (pickled, made)], cwd=tmp_path)
    assert (of_pickle[0], of_tokenizer[0]) == (4, 4)
    assert f"{PICKLE}: a pickle needs torch, which is not installed: pip install torch" in of_pickle[1]
    needs = "its tokenizer needs transformers, which is not installed: pip install transformers"
    assert needs in of_tokenizer[1]
    assert not (tmp_path / "out").exists()


def test_a_process_of_its_own_ends_with_the_same_code(lean, tmp_path):
    """As a shell calls it: the commands above share one."""
    done = lean.bertport("export", "demo", "-o", "out", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines()[-1].startswith("bertport: ")


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
    for code, said in exports(environment, {target: ALL[target] for target in HERE_TARGETS}, tmp_path).values():
        assert code == 0, said
    for target in HERE_TARGETS:
        assert len(bundles(tmp_path, target, ALL[target])) > 1
        place = str(tmp_path / target / f"{target}-int8")
        assert environment.told(RUN, place, cwd=tmp_path) == {place: {"logits": [1, 4]}}
        assert environment.bertport("inspect", place, cwd=tmp_path).returncode == 0
        done = environment.bertport("verify", place, cwd=tmp_path)
        assert done.returncode == 4
        assert "pip install torch transformers" in done.stderr.splitlines()[-1]
