"""The files of a Swift package, without a Swift to build them; test_swift.py does that."""

import json
import re

import pytest

from exporter.appkit.ios.emit import OF_PAIRS, OF_VALUES, module_name, tables_source
from exporter.appkit.ios.runtimes import RUNTIMES
from exporter.cli.main import main
from exporter.targets.target import Settings
from runtimes.errors import UsageError


@pytest.fixture
def make_kit(make_bundle, tmp_path):
    def make(checkpoint, name="My-model kit", **options):
        assert (
            main(["app-kit", str(make_bundle(checkpoint, **options)), "--platform", "ios", "-o", str(tmp_path / name)])
            == 0
        )
        return tmp_path / name

    return make


def settings(kit):
    return json.loads((kit / "Sources" / "MyModelKit" / "ModelFiles" / "kit.json").read_bytes())


def test_every_file_is_there_under_the_kits_name(checkpoint, make_kit):
    kit = make_kit(checkpoint)
    files = {path.relative_to(kit).as_posix() for path in kit.rglob("*") if path.is_file()}
    assert {
        "Package.swift",
        "README.md",
        "Sources/MyModelKit/CharacterTables.swift",
        "Sources/MyModelKit/PrivacyInfo.xcprivacy",
        "Sources/MyModelKit/ModelFiles/vocab.txt",
        "Sources/MyModelKit/ModelFiles/Model.mlpackage/Manifest.json",
        "Tests/MyModelKitTests/golden.json",
        "Tests/MyModelKitTests/DeviceTests.swift",
    } <= files
    texts = [path.read_text() for path in kit.rglob("*") if path.suffix in (".swift", ".md")]
    assert not [text for text in texts if "BertKit" in text or "{facts}" in text or "{sample}" in text]


def test_a_rankers_sample_passes_a_query_and_a_document(make_checkpoint, make_kit):
    identity = {"labels": 1, "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}
    kit = make_kit(make_checkpoint(**identity))
    assert 'pair: "a document"' in (kit / "README.md").read_text()
    assert settings(kit)["readsPairs"]


@pytest.mark.parametrize("is_reranker", [False, True])
def test_the_sample_passes_what_the_model_reads_and_shows_what_it_gives(is_reranker, make_checkpoint, make_kit):
    """A reranker reads a query and a passage, and gives a number."""
    identity = {"labels": 1, "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}
    kit = make_kit(make_checkpoint(**(identity if is_reranker else {})), task="text-classification")
    readme = (kit / "README.md").read_text()
    assert [instead in readme for _, instead in (*OF_PAIRS[1:], *OF_VALUES)] == [is_reranker] * 3
    assert ('pair: "Another text"' in readme) is is_reranker
    assert settings(kit)["readsPairs"] is is_reranker


@pytest.mark.parametrize(
    ("architecture", "wrapper"),
    [
        ("BertForSequenceClassification", "TextClassifier"),
        ("BertForTokenClassification", "EntityFinder"),
        ("BertForQuestionAnswering", "AnswerFinder"),
    ],
)
def test_each_task_has_its_wrapper_alone(architecture, wrapper, make_checkpoint, make_kit):
    labels = 2 if wrapper == "AnswerFinder" else 3  # a span has a start and an end, and no names for them
    kit = make_kit(make_checkpoint(architecture=architecture, labels=labels))
    assert [path.stem for path in (kit / "Sources" / "MyModelKit" / "Tasks").iterdir()] == [wrapper]
    assert f"try {wrapper}()" in (kit / "README.md").read_text()
    assert settings(kit)["labels"] == [f"LABEL_{n}" for n in range(3 if labels == 3 else 0)]


@pytest.mark.parametrize(
    ("target", "platforms", "models"),
    [
        ("iOS16", '.iOS("16.0"), .macOS("13.0")', [("Model-8.mlpackage", None), ("Model-24.mlpackage", None)]),
        ("iOS18", '.iOS("18.0"), .macOS("15.0")', [("Model.mlpackage", "length_8"), ("Model.mlpackage", "length_24")]),
    ],
)
def test_lengths_are_packages_or_functions_and_the_system_is_the_oldest_that_has_them(
    target, platforms, models, checkpoint, make_kit
):
    chosen = Settings(
        options={"sequence_lengths": (24, 8), "deployment_target": target, "compute_units": "cpu-and-gpu"}
    )
    kit = make_kit(checkpoint, settings=chosen)
    assert f"platforms: [{platforms}]" in (kit / "Package.swift").read_text()
    found = settings(kit)
    assert found["computeUnits"] == "cpu-and-gpu"
    assert [(model["file"], model.get("function"), model["length"]) for model in found["models"]] == [
        (*model, length) for model, length in zip(models, (8, 24), strict=True)
    ]
    assert all((kit / "Sources" / "MyModelKit" / "ModelFiles" / file).is_dir() for file, _ in models)


@pytest.mark.parametrize(
    ("lengths", "functions"), [((24,), [("main", 24)]), ((24, 8), [("length_8", 8), ("length_24", 24)])]
)
def test_a_core_ai_bundle_becomes_a_kit_that_older_systems_can_hold(lengths, functions, checkpoint, make_kit):
    chosen = Settings(options={"sequence_lengths": lengths, "compute_units": "cpu-and-ne"})
    kit = make_kit(checkpoint, targets=("coreai",), settings=chosen)
    sources = kit / "Sources" / "MyModelKit"
    assert 'platforms: [.iOS("16.0"), .macOS("13.0")]' in (kit / "Package.swift").read_text()
    assert [(one["file"], one["function"], one["length"]) for one in settings(kit)["models"]] == [
        ("Model.aimodel", *function) for function in functions
    ]
    assert (settings(kit)["target"], settings(kit)["computeUnits"]) == ("coreai", "cpu-and-ne")
    assert (sources / "ModelFiles" / "Model.aimodel" / "main.mlirb").is_file()
    assert [path.stem for path in (sources / "Tasks").iterdir()] == ["TextClassifier"]
    assert not (sources / "CoreML").exists()
    runner = (sources / "CoreAI" / "CoreAIRunner.swift").read_text()
    assert "if #available(iOS 27, macOS 27" in runner
    readme = (kit / "README.md").read_text()
    assert "`TextClassifier()` throws `KitError.systemTooOld`" in readme
    assert "there is no Core AI" in readme
    assert "Core ML compiles" not in readme


def test_what_touches_core_ai_says_which_systems_have_it():
    """No compiler of Linux checks availability: every declaration beside `import CoreAI` bears it."""
    source = (RUNTIMES["coreai"].sources / "Sources" / "BertKit" / "CoreAI" / "CoreAIRunner.swift").read_text()
    guarded = source[source.index("import CoreAI") :]
    declared = re.findall(r"(?m)^ {4}(.*)\n(?: {4}///.*\n)* {4}(?:actor|extension|struct|class) (\w+)", guarded)
    assert [name for _, name in declared] == ["CoreAIRunner", "NDArray", "SpecializationOptions"]
    assert {before for before, _ in declared} == {"@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)"}


def test_embeddings_are_cut_where_the_checkpoint_cuts_them(make_checkpoint, write_sentence_files, make_kit):
    folder = make_checkpoint(architecture="BertModel")
    write_sentence_files(folder, settings={"max_seq_length": 16})
    kit = make_kit(folder)
    assert [path.stem for path in (kit / "Sources" / "MyModelKit" / "Tasks").iterdir()] == ["TextEmbedder"]
    assert (settings(kit)["maxTokens"], settings(kit)["problem"]) == (16, "embedding")


def test_a_family_without_type_ids_is_fed_none(write_family, tmp_path, make_kit):
    kit = make_kit(write_family(tmp_path / "distil", "distilbert", "DistilBertForSequenceClassification"))
    assert [one["name"] for one in settings(kit)["inputs"]] == ["input_ids", "attention_mask"]


def test_a_task_without_a_wrapper_is_refused_by_name(make_checkpoint, make_bundle, tmp_path, capsys):
    bundle = make_bundle(make_checkpoint(architecture="BertForMaskedLM"))
    assert main(["app-kit", str(bundle), "--platform", "ios", "-o", str(tmp_path / "Kit")]) == 3
    assert "no Swift wrapper for task fill-mask" in capsys.readouterr().err


def test_the_tolerance_is_the_budget_in_logits(checkpoint, make_kit, tmp_path):
    kit = make_kit(checkpoint, schemes=("fp16",))
    parity = json.loads((tmp_path / "bundle" / "parity.json").read_bytes())
    budget = json.loads((tmp_path / "bundle" / "bertport.json").read_bytes())["budget"]
    assert budget["max_absolute"] is None
    assert settings(kit)["parity"]["toleranceAbsolute"] == budget["max_relative"] * parity["logit_range"]


def test_the_same_bundle_gives_the_same_bytes(checkpoint, make_bundle, tmp_path):
    bundle = make_bundle(checkpoint)
    for name in ("a", "b"):
        assert main(["app-kit", str(bundle), "--platform", "ios", "-o", str(tmp_path / name / "Kit")]) == 0
    files = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in "ab"
    ]
    assert list(files[0].values()) == list(files[1].values())


def test_the_demo_kit_without_its_model_is_small(tmp_path, capsys):
    demo = ["export", "demo", "--target", "coreml", "--quantize", "int8", "-o", str(tmp_path / "bundle")]
    assert main(demo) == 0
    capsys.readouterr()
    assert main(["app-kit", str(tmp_path / "bundle"), "--platform", "ios", "-o", str(tmp_path / "Kit"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["other_bytes"] <= 400_000


def test_module_names():
    assert module_name("my-model kit") == "MyModelKit"
    assert module_name("MyModelKit") == "MyModelKit"
    for folder in ("", "3d", "кот", "CoreML", "CoreAI", "TextClassifier"):
        with pytest.raises(UsageError, match="Swift module"):
            module_name(folder)


def test_tables_need_no_escapes_in_swift():
    source = tables_source()
    assert source.isascii()
    assert "\\" not in source
    assert max(map(len, source.splitlines())) < 125
