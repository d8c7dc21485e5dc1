"""What `inspect` says of a .tflite file: its bytes, its operators, and which of them XNNPACK takes."""

import re
from dataclasses import replace

import pytest

from benchmarks.fuzz.seeds import write_checkpoint
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert.file import write
from exporter.targets.litert.inspection import inspect_litert
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.inspection import inspect
from runtimes.backends.litert.placement import measured, obstacle
from runtimes.errors import BundleError
from runtimes.tflite.reading import read_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Scheme and number of lengths → the folder of a bundle."""
    place = tmp_path_factory.mktemp("exported")
    checkpoint, made = write_checkpoint(place / "checkpoint"), {}
    for scheme in TARGETS["litert"].schemes:
        for lengths in ((), (8, 16)):
            folder, settings = place / f"{scheme}-{len(lengths)}", Settings.of(sequence_lengths=lengths)
            export(Request(str(checkpoint), ("litert",), (scheme,), folder, settings=settings, verify=False))
            made[folder.name] = folder
    return made


def numbers(text):
    """The figures of a fact, by what they are of."""
    return {name: int(size.replace(",", "")) for name, size in re.findall(r"([a-z0-9 ]+?) ([\d,]+)(?:, |$)", text)}


def test_every_byte_of_the_file_is_counted_once(exported):
    for folder in exported.values():
        facts = inspect_litert(folder / "model.tflite").facts
        by_type, by_role = numbers(facts["bytes by type"]), numbers(facts["bytes by role"])
        (rest,) = re.findall(r"([\d,]+) bytes", facts["graphs, scales, metadata"])
        whole = sum(by_type.values()) + int(rest.replace(",", ""))
        assert whole == (folder / "model.tflite").stat().st_size
        assert sum(by_role.values()) == sum(by_type.values())
        assert set(by_role) == {"word table", "other tables", "layers", "the rest"}


def test_the_word_table_is_what_the_scheme_makes_of_it(exported):
    """35 rows of 16 numbers: float32, or int8 and a float16 scale for each row."""
    sizes = {name: numbers(inspect_litert(exported[name] / "model.tflite").facts["bytes by role"]) for name in exported}
    assert sizes["none-0"]["word table"] == 35 * 16 * 4
    assert sizes["fp16-2"]["word table"] == 35 * 16 * 2
    assert sizes["int8-2"]["word table"] == 35 * (16 + 2)


def test_operators_have_their_versions_and_a_bundle_shows_them_too(exported):
    found = inspect(exported["int8-0"])
    assert found.operators["FULLY_CONNECTED v12"] == 5
    assert found.facts["input input_ids"] == "int32 ['batch_size', 'sequence_length']"
    assert found.facts["signature serving_default"].endswith("→ logits float32 [-1, 3]")
    assert max(found.weights, key=lambda one: one[3]) == found.weights[0]


def test_each_length_is_a_signature(exported):
    facts = inspect_litert(exported["none-2"] / "model.tflite").facts
    assert facts["signature tokens_8"].startswith("input_ids int32 [1, 8]")
    assert facts["signature tokens_16"].startswith("input_ids int32 [1, 16]")


def test_what_xnnpack_takes_is_measured_and_the_rules_say_the_same(exported):
    """Node by node of every scheme; where they part, `by rules` would be a guess."""
    for folder in exported.values():
        path = folder / "model.tflite"
        model = read_model(path)
        graph = model.subgraphs[0]
        placed = measured(path, graph)
        ruled = {number for number in range(len(graph.nodes)) if not obstacle(model, graph, number)}
        assert placed.taken == ruled
        found = inspect_litert(path)
        assert f"takes {len(ruled)} of {len(graph.nodes)} nodes" in found.facts["XNNPACK"]
        assert "measured with LiteRT" in found.facts["XNNPACK"]
        assert len(found.findings) == len(graph.nodes) - len(ruled)


def test_without_litert_rules_speak_and_say_so(exported, monkeypatch):
    path = exported["int8-0"] / "model.tflite"
    honest = inspect_litert(path)
    monkeypatch.setattr("runtimes.extras.find_spec", lambda _name: None)
    found = inspect_litert(path)
    assert "by rules, not measured" in found.facts["XNNPACK"]
    assert "bertport[litert]" in found.facts["XNNPACK"]
    assert found.findings == honest.findings


def test_a_graph_that_would_not_run_is_shown_and_not_opened(exported, tmp_path, monkeypatch):
    """Whatever another tool put into it: LiteRT sees only what was checked."""
    model = read_model(exported["none-0"] / "model.tflite")
    first, *nodes = model.subgraphs[0].nodes
    wrong = replace(first, inputs=(first.inputs[0], len(model.subgraphs[0].tensors) - 1))
    path = tmp_path / "model.tflite"
    with path.open("wb") as file:
        write(file, replace(model, subgraphs=[replace(model.subgraphs[0], nodes=[wrong, *nodes])]))
    monkeypatch.setattr("exporter.targets.litert.inspection.measured", lambda *_: pytest.fail("opened"))
    found = inspect_litert(path)
    assert found.facts["XNNPACK"].startswith("not asked: ")
    assert found.operators


def test_metadata_and_names_of_others_are_shown_in_short(exported, tmp_path):
    model = read_model(exported["none-0"] / "model.tflite")
    (graph,) = model.subgraphs
    long = [replace(one, name=f"{'module/' * 200}{one.name}") for one in graph.tensors]
    path, metadata = tmp_path / "model.tflite", {"min_runtime_version": b"2.14.0" + bytes(10), "more": bytes(5000)}
    with path.open("wb") as file:
        write(file, replace(model, metadata=metadata, subgraphs=[replace(graph, tensors=long)], signatures=[]))
    found = inspect_litert(path)
    assert found.facts["least runtime"] == "2.14.0"
    assert found.facts["metadata"] == "min_runtime_version (16 bytes), more (5,000 bytes)"
    assert "bytes by role" not in found.facts
    assert "→" in found.facts["inputs and outputs"]
    assert all(len(name) <= 60 for name, *_ in found.weights)


def test_what_is_none_is_one_line(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"\0" * 64)
    with pytest.raises(BundleError, match="damaged, export it again"):
        inspect(tmp_path / "model.tflite")
