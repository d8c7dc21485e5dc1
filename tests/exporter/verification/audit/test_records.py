"""What a bundle says of its model and of its answers is held against the checkpoint and what is measured now."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import find_scheme
from exporter.verification.audit import answers
from exporter.verification.audit.answers import Answers, _holds, audit_answers
from exporter.verification.audit.bundle import audit_subject
from exporter.verification.audit.description import audit_description
from runtimes.bundle.manifest import GOLDEN, PARITY, Budget, Finetuning, TensorSpec
from runtimes.bundle.reading import read_bundle
from runtimes.files.json_text import to_json

BUDGET = find_scheme("onnx", "int8").budget


@pytest.fixture(scope="module")
def honest(checkpoint, texts, tmp_path_factory):
    """A bundle of int8 with what was measured, and the checkpoint."""
    place = tmp_path_factory.mktemp("records") / "made"
    (item,) = export(Request(str(checkpoint), schemes=("int8",), destination=place, texts=texts, keep_failing=True))
    return place, item.parity, load(resolve(str(checkpoint), HubOptions()))


@pytest.fixture
def made(honest, tmp_path):
    """A copy to spoil, as it is audited."""
    place, parity, checkpoint = honest
    copy = shutil.copytree(place, tmp_path / "copy")
    return SimpleNamespace(directory=copy, checkpoint=checkpoint, parity=parity)


def rewrite(path, change):
    """Change the JSON in a file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_bytes(to_json(content))


def audited(made, **changes):
    bundle = read_bundle(made.directory)
    return audit_subject(replace(bundle, manifest=replace(bundle.manifest, **changes)), made.checkpoint)


def answered(made, own=BUDGET, comparable=True, golden=None, **changes):
    """The subjects of what is wrong with a bundle's answers, where PyTorch gives what `golden` says."""
    wanted = golden or json.loads((made.golden if hasattr(made, "golden") else made.directory / GOLDEN).read_text())
    with mock.patch.object(answers, "golden_record", return_value=wanted):
        found = audit_answers(audited(made, **changes), Answers(SimpleNamespace(), made.parity, own, comparable))
    return [(one.file, one.subject) for one in found.findings]


def described(made, **changes):
    return [(one.file, one.subject) for one in audit_description(audited(made, **changes)).findings]


def test_what_an_export_writes_is_found_right(made):
    assert described(made) == []
    assert answered(made) == []
    assert audit_description(audited(made)).facts > 20


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (lambda c: c["id2label"].update({"0": "LABEL_1", "1": "LABEL_0"}), "id2label"),
        (lambda c: c.update(max_position_embeddings=512), "max_position_embeddings"),
        (lambda c: c.update(hidden_act="gelu_new"), "hidden_act"),
        (lambda c: c.update(pad_token_id=3), "pad_token_id"),
        (lambda c: c.update(pad_token_id=False), "pad_token_id"),
        (lambda c: c.update(more=1), "more"),
        (lambda c: c.pop("architectures"), "architectures"),
    ],
)
def test_another_config_is_named_by_its_key(made, change, subject):
    rewrite(made.directory / "config.json", change)
    assert described(made) == [("config.json", subject)]


@pytest.mark.parametrize(
    "content", [b"not JSON", b"", b"[1]", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"[" * 100_000]
)
def test_a_config_that_is_not_json_is_named(made, content):
    (made.directory / "config.json").write_bytes(content)
    assert described(made) == [("config.json", "file")]
    (made.directory / "config.json").unlink()
    assert described(made) == [("config.json", "file")]


def test_a_config_in_other_bytes_is_the_same(made):
    path = made.directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert described(made) == []


TUNED = Finetuning("ab", 9, 1, 3, 2, 0, ("everything",), {"loss": 0.2}, {"loss": 0.1})


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"pad_id": 1}, "pad_id"),
        ({"max_tokens": 40}, "max_tokens"),
        ({"models": ("other.onnx",)}, "models"),
        ({"labels": ("LABEL_1", "LABEL_0", "LABEL_2")}, "labels"),
        ({"problem": "regression"}, "problem"),
        ({"architecture": "BertModel"}, "architecture"),
        ({"outputs": (TensorSpec("logits", "float32", ("batch_size", 2)),)}, "outputs"),
        ({"inputs": (TensorSpec("input_ids", "int64", ("batch_size", "sequence_length")),)}, "inputs"),
        ({"finetuning": TUNED}, "finetuning"),
    ],
)
def test_another_manifest_is_named_by_its_field(made, changes, subject):
    assert described(made, **changes) == [("bertport.json", subject)]


def test_a_recipe_of_another_vocabulary_is_named(made):
    recipe = replace(audited(made).recipe, vocabulary_size=7)
    assert described(made, recipe=recipe) == [("bertport.json", "recipe.vocabulary_size")]


def test_a_wider_budget_is_the_callers_alone(made):
    wide = replace(BUDGET, max_relative=0.9, min_agreement=0.1)
    named = [("bertport.json", f"budget.{limit}") for limit in ("max_relative", "min_agreement")]
    assert answered(made, budget=wide) == named
    assert answered(made, budget=wide, own=wide) == []
    assert answered(made, budget=replace(BUDGET, max_relative=0.01)) == []
    assert ("bertport.json", "budget.max_relative") in answered(made, budget=Budget(max_absolute=1e9))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(logits=[-value for value in one["logits"]]),
        lambda one: one.update(logits=one["logits"][:2]),
        lambda one: one.update(logits=[value + 0.02 for value in one["logits"]]),
        lambda one: one["input_ids"].reverse(),
        lambda one: one.update(attention_mask=[0 for _ in one["attention_mask"]]),
        lambda one: one.update(logits="high"),
        lambda one: one.pop("logits"),
        lambda one: one.update(more=1),
    ],
)
def test_golden_vectors_are_pytorchs(made, change):
    wanted = json.loads((made.directory / GOLDEN).read_text())
    rewrite(made.directory / GOLDEN, lambda content: change(content["vectors"][3]))
    assert answered(made, golden=wanted) == [("golden.json", "vectors[3]")]


def test_golden_vectors_of_another_processor_are_right(made):
    wanted = json.loads((made.directory / GOLDEN).read_text())

    def noisy(content):
        for one in content["vectors"]:
            one["logits"] = [value + 2e-5 for value in one["logits"]]

    rewrite(made.directory / GOLDEN, noisy)
    assert answered(made, golden=wanted) == []


BEST = {"top_ids": [[7, 3, 5]], "top_logits": [[2.0, 1.99999, 1.0]]}


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        ([[7, 3, 5]], True),
        ([[3, 7, 5]], True),  # the two tie
        ([[7, 3, 4]], True),  # what the fifth ties with is not told
        ([[5, 3, 7]], False),
        ([[7, 7, 5]], False),
        ([[4, 3, 5]], False),
        ([[7, 3]], False),
    ],
)
def test_the_best_entries_of_a_mask_may_trade_places_where_they_tie(found, holds):
    assert _holds("top_ids", {**BEST, "top_ids": found}, BEST) == holds


@pytest.mark.parametrize("content", [b"{}", b"[]", b"{", b'{"vectors": []}', b'{"vectors": [{"text": 3}]}'])
def test_a_golden_record_of_another_shape_is_named(made, content):
    wanted = json.loads((made.directory / GOLDEN).read_text())
    (made.directory / GOLDEN).write_bytes(content)
    assert answered(made, golden=wanted) == [("golden.json", "file")]


@pytest.mark.parametrize(
    ("changes", "subjects"),
    [
        ({"rows": 5}, {"rows"}),
        ({"verdict": "pass", "failures": []}, {"verdict", "failures"}),
        ({"verdict": "fail", "failures": []}, {"verdict"}),
        ({"status": "simulated"}, {"status"}),
        ({"max_absolute": 1e-9}, {"max_absolute", "max_relative", "mean_absolute"}),
        ({"max_absolute": 0.0, "max_relative": 0.0, "mean_absolute": 0.0}, {"max_absolute", "mean_absolute"}),
        ({"mean_absolute": 1e-9}, {"mean_absolute"}),
        ({"logit_range": 99.0}, {"logit_range", "max_relative"}),
        ({"agreement": 0.5}, {"agreement"}),
        ({"agreement": None}, {"agreement"}),
        ({"absolute_quantiles": {}}, {"absolute_quantiles"}),
        ({"coverage": {"audited_weights": 1}}, {"coverage.audited_weights"}),
    ],
)
def test_other_figures_are_named(made, changes, subjects):
    failed = bool(made.parity.failures)
    if changes.get("verdict") == "pass" and not failed:
        made.parity = replace(made.parity, failures=("another",), verdict=type(made.parity.verdict).FAIL)
    rewrite(made.directory / PARITY, lambda content: content.update(changes))
    found = {subject for file, subject in answered(made) if file == "parity.json"}
    assert subjects <= found
    assert found <= subjects | {f"absolute_quantiles.{key}" for key in made.parity.absolute_quantiles} | {"failures"}


def test_figures_of_another_processor_are_right(made):
    def noisy(content):
        for name in ("max_absolute", "mean_absolute", "padding_max_absolute", "max_relative"):
            content[name] *= 1.2

    rewrite(made.directory / PARITY, noisy)
    assert answered(made) == []


def test_figures_of_another_comparison_are_held_to_themselves(made):
    rewrite(made.directory / PARITY, lambda content: content.update(rows=5))
    assert answered(made, comparable=False) == []
    rewrite(made.directory / PARITY, lambda content: content.update(max_relative=0.0))
    assert answered(made, comparable=False) == [("parity.json", "max_relative")]


@pytest.mark.parametrize("content", [b"{}", b"{", b'{"kind": "bench"}'])
def test_a_parity_record_of_another_shape_is_named(made, content):
    (made.directory / PARITY).write_bytes(content)
    assert answered(made) == [("parity.json", "file")]
