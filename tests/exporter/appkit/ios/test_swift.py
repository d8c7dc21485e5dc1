"""The generated Swift package on a real Swift: it builds, its tests pass, and it tokenizes as `tokenizers` does.

What speaks to Core ML or Core AI is only type-checked, against stubs of ours.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import transformers

from benchmarks.kits import tokenizer_exactness as exactness
from exporter.appkit.camel_case import camel_json
from exporter.appkit.ios.emit import OF_PAIRS, OF_VALUES, SOURCES
from exporter.appkit.ios.runtimes import RUNTIMES
from runtimes.parity.shown import LONGEST_ANSWER, read_tag

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
TOOLCHAIN = ROOT / ".ci" / "swift-toolchain"
PLANS = [(exactness.short_plan, 500, 100_000), pytest.param(exactness.plan, 200, 3_000_000, marks=pytest.mark.slow)]
"""What is compared, its share, and how many tokens that is at least."""
TASKS = [path.stem for path in sorted((SOURCES / "Samples").iterdir())]
TEXTS = (
    "The cat runs in a red market, un##able!",
    "dogs and CATS   sleep fast\u0301 in\tthe blue \U0001f469\u200d\U0001f467 team",
    "zürich wins [SEP] the fast cat falls; a slow dog",
    "é",
)

MISSING = subprocess.run([TOOLCHAIN, "have"], check=False).returncode != 0
# where CI runs, a missing toolchain is a failure of what comes first
pytestmark = pytest.mark.skipif(MISSING and not os.environ.get("CI"), reason="no Swift here: make swift-toolchain")


def swift(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([TOOLCHAIN, "run", folder, *command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("swift")


@pytest.fixture(scope="module")
def platform(folder):
    """A kit of the demo in TestedKit, with the wrappers of all tasks, and the harness built in release."""
    found = exactness.build_swift(folder)
    for path in (SOURCES / "Sources" / "BertKit" / "Tasks").iterdir():
        content = path.read_text(encoding="utf-8").replace("BertKit", "TestedKit")
        (folder / "TestedKit" / "Sources" / "TestedKit" / "Tasks" / path.name).write_text(content, encoding="utf-8")
    return found


@pytest.mark.parametrize(("plan", "share", "tokens"), PLANS)
def test_the_tokenizer_is_exact(platform, folder, plan, share, tokens):
    """A share of the texts in all modes. The whole: benchmarks/."""
    found = [exactness.compare(platform, folder, step) for step in plan(share)]
    assert sum(one.tokens for one in found) > tokens
    assert {one.mode for one in found} == {mode.name for mode in exactness.MODES}
    assert not [one for one in found if one.mismatches]


def test_a_tokenizer_that_differs_is_noticed(platform, folder):
    """The kit is told other settings than `tokenizers`."""
    step = next(step for step in exactness.short_plan(500) if step.name == "mixed")

    def confused(settings, *rest):
        content = json.loads(settings.read_bytes())
        content["tokenizer"]["stripAccents"] = False
        settings.write_text(json.dumps(content))
        return platform(settings, *rest)

    assert exactness.compare(confused, folder, step).mismatches > 0
    cut = replace(step, mode=replace(step.mode, truncation={"direction": "left"}), longest=16)
    assert exactness.compare(platform, folder, cut).mismatches == 0


def test_long_and_odd_texts_and_vocabularies(platform, folder, hostile_texts, check_odd_vocabulary):
    assert exactness.compare(platform, folder, hostile_texts).mismatches == 0
    check_odd_vocabulary(platform, folder)


def test_its_own_tests_pass_and_its_decisions_are_those_of_python(
    platform, folder, make_checkpoint, entity_labels, find_answer, report_tells
):
    write_fixtures(folder / "decisions", make_checkpoint, entity_labels, find_answer)
    shutil.copy(HERE / "decisions" / "DecisionFixtureTests.swift", folder / "TestedKit" / "Tests" / "TestedKitTests")
    lay_over(folder / "TestedKit", "coreai", "Offsets*.swift")
    done = swift(folder, "swift", "test", "--package-path", "/work/TestedKit", "-Xswiftc", "-warnings-as-errors")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = report_tells(folder / "decisions" / "device.json", "coreml-int8")
    assert 'tests="4"' in told
    assert 'failures="1"' in told
    expected = {"testGoldenTextsGiveTheirIdsExactly", "testEntities", "testNumbersAreReadInTheOrderOfTheShape"}
    expected |= {"testWhatIsPurgedInPartIsCompiledAgain", "testCallsAndCancellationsAtRandomMoments"}
    assert expected <= set(re.findall(r"\.(test\w+)' passed", done.stdout))


@pytest.mark.parametrize(
    ("target", "right", "wrong", "words"),
    [
        ("coreml", "computeUnits = units", 'computeUnits = "all"', "cannot assign value of type 'String'"),
        ("coreai", "loadFunction(named: name)", "loadFunction(name)", "missing argument label 'named:'"),
        ("coreai", "options: SpecializationOptions(self.units)", "options: self.units", "of type 'ComputeUnits'"),
    ],
)
def test_what_runs_the_model_type_checks_and_a_wrong_call_does_not(target, right, wrong, words, platform, folder):
    framework = RUNTIMES[target].framework.replace(" ", "")
    for name in ("CoreMLStub", "CoreAIStub"):
        shutil.copytree(HERE / name, folder / "stubs", dirs_exist_ok=True)
    shutil.copy(HERE / "typecheck.sh", folder)
    kit = kit_for(target, folder)
    check = ("sh", "typecheck.sh", framework, kit.name, "stubs", "TestedKit", *written_samples(folder))
    done = swift(folder, *check)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    runner = kit / "Sources" / "TestedKit" / framework / f"{framework}Runner.swift"
    source = runner.read_text()
    runner.write_text(source.replace(right, wrong, 1))
    assert words in swift(folder, *check).stderr
    runner.write_text(source)


@pytest.mark.parametrize("task", TASKS)
def test_the_samples_of_readme_parse(task, folder):
    blocks = samples(task)
    assert len(blocks) == 2
    assert len(blocks[0].strip().splitlines()) <= 5
    for number, block in enumerate([*blocks, *map(of_pairs_and_values, blocks)]):
        (folder / f"sample{number}.swift").write_text(block)
        done = swift(folder, "swiftc", "-parse", "-swift-version", "6", f"sample{number}.swift")
        assert done.returncode == 0, done.stderr


def kit_for(target: str, folder: Path) -> Path:
    """The tested kit with the sources that speak to another target's framework in place of Core ML's."""
    kit, other = folder / "TestedKit", folder / f"{target}-kit"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(kit, other, ignore=shutil.ignore_patterns(".build", "CoreML*", "CoreAI*", "Offsets*"))
    lay_over(other, target)
    return other


def lay_over(kit: Path, target: str, names: str = "*.swift") -> None:
    """Copy a target's own sources of such names into the tested kit."""
    for path in RUNTIMES[target].sources.rglob(names):
        place = kit / path.relative_to(RUNTIMES[target].sources).as_posix().replace("BertKit", "TestedKit")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path.read_text(encoding="utf-8").replace("BertKit", "TestedKit"), encoding="utf-8")


def of_pairs_and_values(sample: str) -> str:
    for written, instead in (*OF_PAIRS, *OF_VALUES):
        sample = sample.replace(written, instead)
    return sample


def samples(task: str) -> list[str]:
    return re.findall(r"```swift\n(.*?)```", (SOURCES / "Samples" / f"{task}.md").read_text(), re.DOTALL)


def written_samples(folder: Path) -> list[str]:
    """The first sample of each task, what an app needs at least, in an asynchronous function, beside the kit."""
    for task in TASKS:
        first, body = samples(task)[0].replace("BertKit", "TestedKit").split("\n", 1)
        (folder / f"{task}.swift").write_text(f"{first}\nfunc use() async throws {{{body}}}\n")
    return [f"{task}.swift" for task in TASKS]


def write_fixtures(place: Path, make_checkpoint, labels, find_answer) -> None:
    """kit.json, vocab.txt and fixtures.json of a small tagger: what its logits decide, as Python says."""
    checkpoint = make_checkpoint(architecture="BertForTokenClassification", labels=len(labels))
    model = transformers.AutoModelForTokenClassification.from_pretrained(checkpoint)
    model.config.id2label = dict(enumerate(labels))
    tokenizer = transformers.BertTokenizerFast.from_pretrained(checkpoint)
    place.mkdir()
    exactness.write_settings(place, tokenizer.backend_tokenizer)
    fixtures = {
        "tags": camel_json([read_tag(label) for label in labels]),
        "longestAnswer": LONGEST_ANSWER,
        "entities": entity_cases(model, tokenizer),
        "answers": answer_cases(tokenizer.backend_tokenizer, find_answer),
        "scores": score_cases(),
    }
    (place / "fixtures.json").write_text(json.dumps(fixtures))


def entity_cases(model, tokenizer):
    pipe = transformers.pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple"
    )
    cases = []
    for text in TEXTS:
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        expected = [
            {"label": one["entity_group"], "score": float(one["score"]), "start": one["start"], "end": one["end"]}
            for one in pipe(text)
        ]
        cases.append({"text": text, "logits": logits.flatten().tolist(), "expected": expected})
    assert sum(len(case["expected"]) for case in cases) > 5
    return cases


def answer_cases(tokenizer, find_answer):
    """Random logits of the windows that `tokenizers` makes, and the span that is likeliest."""
    rng = np.random.default_rng(0)
    cases = []
    asked = [(q, c, 99, 0) for q in TEXTS[:2] for c in TEXTS] + [(TEXTS[0], " ".join(TEXTS) * 4, 40, n) for n in (0, 7)]
    for question, context, longest, stride in asked:
        tokenizer.enable_truncation(longest, stride=stride, strategy="only_second")
        first = tokenizer.encode(question, context)
        windows = [first, *first.overflowing]
        logits = [
            [(3 * rng.normal(size=len(one.ids))).astype(np.float32).tolist() for one in windows] for _ in range(2)
        ]
        cases.append(
            {"question": question, "context": context, "maxLength": longest, "stride": stride}
            | {"ids": [one.ids for one in windows], "starts": logits[0], "ends": logits[1]}
            | find_answer(windows, *logits)
        )
    assert len(cases[-1]["ids"]) > 4
    return cases


def score_cases():
    logits = np.array([0.5, -3.0, 2.0, 2.0, 90.0], np.float32)
    wide = logits.astype(np.float64)
    kinds = {
        ("single_label_classification", "softmax"): softmax(wide),
        ("single_label_classification", "none"): wide,
        ("multi_label_classification", "sigmoid"): 1 / (1 + np.exp(-wide)),
    }
    ranked = [
        {
            "problem": kind,
            "activation": activation,
            "logits": logits.tolist(),
            "order": (order := np.argsort(-scores, kind="stable")).tolist(),
            "scores": scores[order].tolist(),
        }
        for (kind, activation), scores in kinds.items()
    ]
    one = {"logits": [0.0], "order": [0]}
    regression = one | {"problem": "regression", "activation": "none", "scores": [0.0]}
    scores = [one | {"problem": kind, "activation": "sigmoid", "scores": [0.5]} for kind in ("score", "text_ranking")]
    return [*ranked, regression, *scores]


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
