"""A family is one file and one line; another package adds one by an entry point."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import transformers

import exporter
import runtimes
from exporter.cli import main as cli
from exporter.model.families import registry
from exporter.model.families.registry import FAMILIES, GROUP, find_family
from exporter.model.family import Family
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.errors import ExportError, UnsupportedError
from runtimes.parity.compare import Verdict
from runtimes.plugins import Registry

OWN = Path(sys.modules[find_family.__module__].__file__).parent
PACKAGES = [Path(package.__file__).parent for package in (exporter, runtimes)]
ELSEWHERE = [path for package in PACKAGES for path in sorted(package.rglob("*.py")) if OWN not in path.parents]


def compared(source: str) -> Iterator[str]:
    """Every text that a source compares with, alone or in a list."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare | ast.MatchValue):
            yield from (
                one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def test_no_other_module_compares_with_a_model_type():
    found = {path: FAMILIES.keys() & set(compared(path.read_text(encoding="utf-8"))) for path in ELSEWHERE}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_family_compares_with_another_or_imports_it():
    for path in sorted(OWN.glob("*.py")):
        source, own = path.read_text(encoding="utf-8"), path.stem.partition("_")[0]
        assert FAMILIES.keys() & set(compared(source)) <= {own}
        imported = [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        siblings = [name.rpartition(".")[2] for name in imported if name.startswith("exporter.model.families.")]
        assert path.stem == "registry" or all(name.partition("_")[0] == own for name in siblings)


@pytest.mark.parametrize(
    "source", ['family.model_type == "bert"', '"bert" != x', 'x in ("a", "bert")', "match x:\n case 'bert': pass"]
)
def test_a_comparison_would_be_found(source):
    assert "bert" in set(compared(source))


@pytest.fixture
def ernie(install_plugin, tmp_path, make_checkpoint, monkeypatch):
    """(architecture, settings) → a checkpoint of a family that the example package adds."""
    install_plugin("ernie")
    monkeypatch.setattr(registry, "FAMILIES", Registry(FAMILIES, GROUP, Family))  # a process that starts with it

    def make(architecture: str, **config) -> Path:
        folder = make_checkpoint(architecture="BertModel")  # for its tokenizer
        torch.manual_seed(0)
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        settings = {**shape, "vocab_size": 82, "max_position_embeddings": 48, "initializer_range": 0.4, **config}
        model = getattr(transformers, architecture)(transformers.ErnieConfig(**settings))
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(weight, std=0.3)
        model.save_pretrained(folder)
        return folder

    yield make
    sys.modules.pop("bertport_ernie", None)


@pytest.mark.parametrize("target", ["onnx", "coreml"])
@pytest.mark.parametrize("architecture", ["ErnieForSequenceClassification", "ErnieForMaskedLM"])
def test_a_family_of_another_package_agrees_with_pytorch(ernie, few, tmp_path, architecture, target):
    settings = Settings(options={"sequence_lengths": (24,) if target == "coreml" else ()})
    folder = ernie(architecture)
    request = Request(str(folder), (target,), ("none",), tmp_path / "made", settings=settings, texts=few)
    (item,) = export(request)
    assert item.parity.verdict is Verdict.PASS, item.parity.failures
    assert item.parity.max_absolute <= 1e-4
    found = verify(Check(read_bundle(item.directory), str(folder), few))
    assert found.parity.verdict is Verdict.PASS
    assert found.explain().first is None


def test_the_command_line_exports_it_too(ernie, tmp_path, capsys):
    folder = ernie("ErnieModel")
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "made")]) == 0, capsys.readouterr().err


def test_a_plugin_is_not_imported_for_a_family_of_ours(ernie):
    assert find_family({"model_type": "bert"}) is FAMILIES["bert"]
    assert list(registry.FAMILIES) == [*FAMILIES, "ernie"]
    assert "bertport_ernie" not in sys.modules
    assert find_family({"model_type": "ernie"}).prefix == "ernie."
    assert "bertport_ernie" in sys.modules


def test_without_its_package_a_family_is_not_known():
    with pytest.raises(
        UnsupportedError, match=r"'ernie' is not supported; known: .* \(entry point bertport.families\)"
    ):
        find_family({"model_type": "ernie"})


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("bert = 'bertport_ernie:ERNIE'", "bertport-ernie: .*'bert' has a name that bertport has taken; uninstall"),
        ("ernie = 'bertport_ernie:OTHER'", "bertport-ernie: .*'OTHER'; upgrade or uninstall bertport-ernie$"),
        ("ernie = 'bertport_ernie:ErnieConfig'", "bertport-ernie: .* is .*, expected Family; upgrade or uninstall"),
        ("other = 'bertport_ernie:ERNIE'", "bertport-ernie: .*'other' gives an object named 'ernie', and"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named(ernie, tmp_path, entry, line):
    (listed,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    listed.write_text("[bertport.families]\n" + entry.replace("'", ""), encoding="utf-8")
    with pytest.raises(ExportError, match=line):
        find_family({"model_type": entry.partition(" ")[0]})
    listed.write_text("", encoding="utf-8")
    assert find_family({"model_type": "roberta"}) is FAMILIES["roberta"]
