"""What Python programs call: the command's work and errors, from many threads and processes, with the same numbers."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

import exporter
import runtimes
from runtimes.errors import BertportError, BundleError, ExportError, UsageError
from runtimes.parity.compare import Verdict
from runtimes.runner import full_batch

THREADS, TIMES = 8, 12
KINDS = [("onnx", "int8"), ("onnx", "none"), ("coreml", "int8")]


@pytest.fixture(scope="module")
def bundles(checkpoint, tmp_path_factory):
    """A bundle of each of KINDS."""
    place, made = tmp_path_factory.mktemp("api"), {}
    for target, scheme in KINDS:
        exporter.export(checkpoint, target=target, quantize=scheme, output=place / target / scheme, verify=False)
        made[target, scheme] = place / target / scheme
    return made


def batches(model):
    random = np.random.default_rng(3)
    found = [full_batch(random.integers(5, 40, (1, tokens))) for tokens in (3, 9, 17, 9, 30)]
    return [model.fit(batch) for batch in found]


def test_export_does_what_the_command_does(checkpoint, texts, tmp_path, tree, said):
    (made,) = exporter.export(checkpoint, quantize=["none", "none"], output=tmp_path / "a", texts=texts)
    assert made.parity.verdict is Verdict.PASS
    assert any("comparing with PyTorch" in line for line in said)
    (tmp_path / "texts").write_text("\n".join(texts))
    arguments = ["export", str(checkpoint), "--texts", str(tmp_path / "texts")]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as here: PyTorch's sums are in the order of its threads
    command = [sys.executable, "-m", "exporter", *arguments, "-o", str(tmp_path / "b")]
    subprocess.run(command, check=True, env=one_thread)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_every_combination_has_a_folder(checkpoint, tmp_path):
    settings = exporter.Settings(options={"sequence_lengths": (8,)})
    made = exporter.export(
        checkpoint, target=("onnx", "coreml"), quantize="int8", output=tmp_path, verify=False, settings=settings
    )
    assert [item.directory for item in made] == [tmp_path / "onnx-int8", tmp_path / "coreml-int8"]
    assert runtimes.open(tmp_path / "coreml-int8").positions == 8


def test_the_errors_are_the_commands(bundles, tmp_path):
    with pytest.raises(UsageError):
        exporter.export(tmp_path / "nowhere", output=tmp_path / "out")
    with pytest.raises(UsageError) as found:
        runtimes.open(tmp_path)
    assert isinstance(found.value, BertportError)
    assert found.value.exit_code == 2


def test_a_changed_bundle_is_not_opened(checkpoint, tmp_path):
    exporter.export(checkpoint, output=tmp_path / "made", verify=False)
    (tmp_path / "made" / "vocab.txt").write_text("other")
    with pytest.raises(BundleError, match=r"changed vocab\.txt"):
        runtimes.open(tmp_path / "made")


def test_what_fails_is_a_verdict_and_not_kept(checkpoint, texts, tmp_path):
    (made,) = exporter.export(
        checkpoint, quantize="int8", output=tmp_path / "out", texts=texts, limit=exporter.Limit(max_absolute=1e-12)
    )
    assert (made.parity.verdict, made.directory) == (Verdict.FAIL, None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_one_runner_in_many_threads_gives_the_same_numbers(bundles, kind):
    model = runtimes.open(bundles[kind])
    wanted = batches(model)
    alone = [model.run(batch)["logits"] for batch in wanted]
    assert not np.array_equal(alone[0], alone[1])

    def work(start):
        order = [(start + step) % len(wanted) for step in range(TIMES)]
        return all(np.array_equal(model.run(wanted[at])["logits"], alone[at]) for at in order)

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))


def test_exports_in_threads_are_the_same_bytes(checkpoint, texts, tmp_path, tree):
    wanted = [*KINDS, *KINDS]

    def make(target, scheme, place):
        exporter.export(checkpoint, target=target, quantize=scheme, output=place, texts=texts[:6], keep_failing=True)

    def work(number):
        target, scheme = wanted[number]
        place = tmp_path / str(number)
        make(target, scheme, place)
        return tree(place)

    with ThreadPoolExecutor(len(wanted)) as pool:
        found = list(pool.map(work, range(len(wanted))))
    for number, (target, scheme) in enumerate(KINDS):
        assert found[number] == found[number + len(KINDS)]
        make(target, scheme, tmp_path / "alone")
        assert found[number] == tree(tmp_path / "alone")


def test_threads_that_write_to_one_folder_leave_one_whole_bundle(checkpoint, tmp_path):
    def work(scheme):
        try:
            exporter.export(checkpoint, quantize=scheme, output=tmp_path / "out", verify=False)
        except ExportError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(work, ["none", "int8", "fp16", "int8-weights"]))
    assert "" in said
    assert all(not words or "another process wrote there meanwhile" in words for words in said)
    runtimes.open(tmp_path / "out")


def test_importing_is_cheap():
    program = "import sys, exporter, runtimes; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {"exporter", "runtimes"} <= set(modules)
    assert not {"numpy", "onnx", "torch", "transformers", "onnxruntime"} & set(modules)


PAGE = Path(__file__).parent.parent / "docs" / "reference" / "python-api.md"
MODULES = {"exporter": exporter, "runtimes": runtimes}


@pytest.mark.parametrize("name", MODULES)
def test_the_page_of_the_api_lists_what_is_public_and_nothing_else(name):
    part = PAGE.read_text(encoding="utf-8").split(f"## `{name}`")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == set(MODULES[name].__all__)


def our_types(hint):
    """The classes of ours in an annotation."""
    if isinstance(hint, type) and hint.__module__.split(".")[0] in MODULES:
        yield hint
    for inner in get_args(hint):
        yield from our_types(inner)


def test_whatever_a_public_object_holds_is_public_too():
    public = {getattr(module, name) for module in MODULES.values() for name in module.__all__ if name != "__version__"}
    classes = {one for one in public if isinstance(one, type) and is_dataclass(one)}
    held = {found for one in classes for hint in get_type_hints(one).values() for found in our_types(hint)}
    assert len(classes) > 5
    assert held <= public


def test_what_is_promised_is_there_and_typed():
    for module in (exporter, runtimes):
        assert all(hasattr(module, name) for name in module.__all__)
        assert (Path(module.__file__).parent / "py.typed").exists()
        with pytest.raises(AttributeError, match="nothing_of_ours"):
            _ = module.nothing_of_ours
