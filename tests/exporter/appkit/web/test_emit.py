"""Web kits for real: transformers.js and the kit's own tests in Node, its page in Chromium, its tokenizer in Node."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import transformers

from benchmarks.kits import kit_figures
from benchmarks.kits import tokenizer_exactness as exactness
from benchmarks.kits.tokenizer_kits import build_web
from exporter.appkit.web.emit import ONNXRUNTIME_WEB, dtype_of
from exporter.cli.main import main
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
PACKAGES = ROOT / ".npm" / "node_modules"
TASKS = {
    "text-classification": "labels",
    "token-classification": "entities",
    "question-answering": "answers",
    "sentence-similarity": "embeddings",
}
KINDS = [*TASKS.values(), "several labels", "values", "one score", "a reranker", "prompted"]

PLANS = [(exactness.short_plan, 100_000), pytest.param(exactness.plan, 3_000_000, marks=pytest.mark.slow)]
"""What is compared, and how many tokens that is at least."""
CI = bool(os.environ.get("CI"))
"""CI has what these tests need: there its absence is a failure."""
needs_node = pytest.mark.skipif(
    not (ROOT / ".npm" / "made").is_file() and not CI, reason="no packages: make npm-packages"
)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(BROWSER is None and not CI, reason="no browser: apt-get install chromium")


def node(script: Path | str, *arguments: Path | str, cwd: Path | None = None) -> str:
    done = subprocess.run(["node", script, *arguments], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def open_in_chromium(kit: Path, folder: Path) -> dict:
    """What `harness/chromium.mjs` found; the browser's profile stays in `folder`, for pytest to remove."""
    return json.loads(node(HERE / "harness" / "chromium.mjs", kit, BROWSER or "chromium", folder / "profile"))


def make_kit(bundle: Path, place: Path, *more: str) -> int:
    code = main(["app-kit", str(bundle), "--platform", "web", "-o", str(place), *more])
    if code == 0 and PACKAGES.is_dir():
        (place / "node_modules").symlink_to(PACKAGES)
    return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def platform(folder):
    return build_web(folder)


@pytest.fixture
def make_onnx(make_bundle):
    def make(checkpoint, **changes):
        return make_bundle(checkpoint, **{"settings": Settings(), "targets": ("onnx",), **changes})

    return make


@pytest.fixture
def kits(kit_of, kind_of, tmp_path):
    """A copy of the kit of a kind, and the checkpoint it was made of."""

    def make(kind: str) -> tuple[Path, Path]:
        kit = shutil.copytree(kit_of("web", "onnx", kind), tmp_path / f"{kind}-kit")
        (kit / "node_modules").symlink_to(PACKAGES)
        return kit, kind_of(kind)

    return make


def vectors(kit: Path) -> list[dict]:
    return json.loads((kit / "model" / "golden.json").read_bytes())["vectors"]


def items(kit: Path) -> list:
    return [[one["text"], one["text_pair"]] if "text_pair" in one else one["text"] for one in vectors(kit)]


@needs_node
@pytest.mark.parametrize("task", [task for task, kind in TASKS.items() if kind != "labels"])  # those: the next test
def test_the_kits_own_tests_pass(kits, task):
    kit, _ = kits(TASKS[task])
    assert "fail 0" in node("--test", "test/", cwd=kit)


@needs_node
def test_a_report_tells_of_the_record_of_its_tests(kits, report_tells, tmp_path, monkeypatch):
    kit, _ = kits("labels")
    monkeypatch.setenv("BERTPORT_RECORD", str(tmp_path / "record.json"))
    assert "fail 0" in node("--test", "test/", cwd=kit)
    told = report_tells(tmp_path / "record.json", "onnx-none")
    assert 'tests="1"' in told
    assert 'failures="0"' in told
    golden = json.loads((kit / "model" / "golden.json").read_bytes())
    golden["vectors"][0]["logits"][0] += 1
    (kit / "model" / "golden.json").write_text(json.dumps(golden))
    subprocess.run(["node", "--test", "test/"], cwd=kit, capture_output=True, check=False)
    assert 'failures="1"' in report_tells(tmp_path / "record.json", "onnx-none")


@needs_node
@pytest.mark.parametrize("task", TASKS)
def test_transformers_js_loads_the_folder_and_decides_as_transformers(kits, task, tmp_path):
    kit, checkpoint = kits(TASKS[task])
    asked, script = tmp_path / "texts.json", kit / "transformers.mjs"  # beside node_modules
    asked.write_text(json.dumps(items(kit)))
    shutil.copy(HERE / "harness" / "transformers.mjs", script)
    found = json.loads(node(script, kit, task, asked))
    assert found["files"] == ["onnx/model.onnx"]
    assert found["ids"] == [one["input_ids"] for one in vectors(kit)]
    assert len(found["answers"]) == len(vectors(kit)) > 3
    if task == "sentence-similarity":
        expected = [one["sentence_embedding"] for one in vectors(kit)]
        assert found["answers"] == [pytest.approx(one, abs=1e-4) for one in expected]
        assert found["extracted"] == [pytest.approx(one, abs=1e-4) for one in expected]
    elif task != "question-answering":
        run = transformers.pipeline(
            task, str(checkpoint), tokenizer=transformers.AutoTokenizer.from_pretrained(checkpoint)
        )
        for text, answer in zip(items(kit), found["answers"], strict=True):
            name = "label" if task == "text-classification" else "entity"
            assert [one[name] for one in answer] == [one[name] for one in run(text)]
            scores = [one["score"] for one in run(text)]
            assert [one["score"] for one in answer] == pytest.approx(scores, abs=1e-4)


@needs_node
@pytest.mark.parametrize("kind", KINDS)
def test_the_wrappers_answer_as_transformers_does(kind, kits, ask_transformers, answers_agree, tmp_path):
    kit, checkpoint = kits(kind)
    asked = ask_transformers(kind, checkpoint)
    shutil.copy(HERE / "harness" / "ask.mjs", kit)
    (tmp_path / "asked.json").write_text(json.dumps([arguments for arguments, _ in asked]))
    answers_agree(json.loads(node(kit / "ask.mjs", tmp_path / "asked.json")), [answer for _, answer in asked])


@needs_node
def test_the_constants_are_those_of_kit_json(kits, check_constants_are_read, tmp_path):
    kit, _ = kits("answers")
    shutil.copy(HERE / "harness" / "ask.mjs", kit)

    def ask(asked):
        (tmp_path / "asked.json").write_text(json.dumps(asked))
        return json.loads(node(kit / "ask.mjs", tmp_path / "asked.json"))

    check_constants_are_read(ask, kit / "model" / "kit.json")


@needs_node
@needs_chromium
def test_in_chromium_a_text_goes_in_and_pytorchs_label_comes_out(make_onnx, tmp_path):
    kit = tmp_path / "Kit"
    assert make_kit(make_onnx("demo", schemes=("int8",), texts=()), kit) == 0
    settings = json.loads((kit / "model" / "kit.json").read_bytes())
    found = open_in_chromium(kit, tmp_path)
    replay = found["replay"]
    assert replay["vectors"] == len(vectors(kit)) > 3
    assert replay["wrongTokens"] == replay["wrongDecisions"] == 0
    assert replay["largestDifference"] <= replay["tolerance"]
    best = [settings["labels"][max(range(len(one["logits"])), key=one["logits"].__getitem__)] for one in vectors(kit)]
    assert all(shown.startswith(label) for shown, label in zip(found["shown"], best, strict=True))
    assert found["violations"] == []
    assert f"/model/{settings['models'][0]['file']}" in found["bytes"]
    assert "/model/tokenizer.json" not in found["bytes"]
    ours = {path: size for path, size in found["bytes"].items() if not path.startswith(("/node_modules", "/harness"))}
    assert sum(ours.values()) < 5_000_000


@needs_node
@needs_chromium
@pytest.mark.parametrize("kind", ["entities", "answers"])
def test_the_page_marks_what_it_finds_and_changes_nothing_else(kits, kind, tmp_path):
    kit, _ = kits(kind)
    found = open_in_chromium(kit, tmp_path)
    assert found["replay"]["wrongTokens"] == found["replay"]["wrongDecisions"] == 0
    for vector, shown in zip(vectors(kit), found["shown"], strict=True):
        whole = vector.get("text_pair", vector["text"])
        assert [word for word in whole.split() if word not in shown] == []


@needs_node
def test_the_types_fit_the_code_and_an_app_that_uses_them(kits, tmp_path):
    kit, _ = kits("labels")
    (kit / "app.ts").write_text(
        'import * as ort from "onnxruntime-web/wasm";\n'
        "import { AnswerFinder, EntityFinder, KitError, TextClassifier, TextEmbedder, type LabelScore } "
        'from "./bertkit/index.js";\n'
        'const model = await TextClassifier.load(ort, { folder: "/model/" });\n'
        'const labels: LabelScore[] = await model.classify("a", "b", { signal: AbortSignal.timeout(9) });\n'
        'const [first] = await (await EntityFinder.load(ort)).entities("a");\n'
        "const span: string = `${first?.label} ${first?.start}`;\n"
        'const answer = await (await AnswerFinder.load(ort)).answer("a", "b", { longest: 3, stride: 9 });\n'
        "const embedder = await TextEmbedder.load(ort);\n"
        'const near: number = (await embedder.embed("a")).similarity(await embedder.embed("b"));\n'
        "const text: string | undefined = answer?.text;\n"
        'const code = (error: KitError) => error.code === "notText";\n'
        "export { code, labels, near, span, text };\n"
    )
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
    compiler = [PACKAGES / ".bin" / "tsc", *options, "app.ts"]
    done = subprocess.run(compiler, cwd=kit, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (kit / "app.ts").write_text((kit / "app.ts").read_text().replace('classify("a", "b", ', "classify(1, "))
    assert subprocess.run(compiler, cwd=kit, capture_output=True, check=False).returncode != 0


@needs_node
@pytest.mark.parametrize(("plan", "tokens"), PLANS)
def test_the_tokenizer_is_exact_in_node_and_a_difference_is_noticed(platform, folder, plan, tokens):
    """Every 500th text of everything in all modes. The whole: benchmarks/."""
    steps = plan(500)
    found = [exactness.compare(platform, folder, step) for step in steps]
    assert sum(one.tokens for one in found) > tokens
    assert not [one for one in found if one.mismatches]
    rules = folder / "TestedKit" / "bertkit" / "normalized-text.js"
    right = rules.read_text()
    rules.write_text(right.replace("if (settings.lowercase)", "if (!settings.lowercase)"))
    mixed = next(step for step in steps if step.name == "mixed")
    assert exactness.compare(platform, folder, mixed).mismatches > 0
    rules.write_text(right)


@needs_node
def test_long_and_odd_texts_and_vocabularies(platform, folder, hostile_texts, check_odd_vocabulary):
    assert exactness.compare(platform, folder, hostile_texts).mismatches == 0
    check_odd_vocabulary(platform, folder)


@needs_node
def test_transformers_js_differs_where_a_kit_does_not(kits):
    """A share of what benchmarks/kit_figures.py counts."""
    found = {(one["mode"], one["texts"]): one["mismatches"] for one in kit_figures.compare(kits("labels")[0], 100)}
    assert found["uncased", "news"] == 0
    assert found["uncased", "mixed"] > 0
    assert found["cased", "marks"] > 20


def test_every_scheme_has_the_file_that_transformers_js_looks_for():
    assert {scheme: dtype_of(scheme) for scheme in ("none", "fp16", "int8", "int4-embeddings")} == {
        "none": "fp32",
        "fp16": "fp16",
        "int8": "q8",
        "int4-embeddings": "q4",
    }
    assert {dtype_of(scheme) for scheme in TARGETS["onnx"].schemes} <= {"fp32", "fp16", "q8", "q4"}


def test_the_runtime_that_a_kit_names_is_the_tested_one():
    packages = json.loads((ROOT / "tests" / "npm" / "package.json").read_bytes())["dependencies"]
    assert packages["onnxruntime-web"] == ONNXRUNTIME_WEB


def test_int32_inputs_are_refused(checkpoint, make_onnx, tmp_path, capsys):
    bundle = make_onnx(checkpoint, settings=Settings(options={"int32_inputs": True}))
    assert make_kit(bundle, tmp_path / "Kit") == 2
    assert "without --int32-inputs" in capsys.readouterr().err
    assert not (tmp_path / "Kit").exists()


def test_no_file_of_a_kit_refers_to_one_that_is_not_there(tmp_path):
    """An int8 bundle's second file has its weights in the first, which a kit has under another name."""
    assert main(["export", "demo", "--quantize", "int8", "-o", str(tmp_path / "bundle")]) == 0
    assert (tmp_path / "bundle" / "model.mapped.onnx").is_file()
    assert make_kit(tmp_path / "bundle", tmp_path / "Kit") == 0
    models = [path.relative_to(tmp_path / "Kit").as_posix() for path in (tmp_path / "Kit").rglob("*.onnx")]
    assert models == ["model/onnx/model_quantized.onnx"]
