"""Every command on every target, task and family: done, or refused in one line. Found in the registries.

The quick tests hold each pair of command × task, command × family, command × target and target × task at least once;
the slow one holds the whole product. What a new command needs to be called with is asked for by a test.
"""

import functools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.models.seeded import KINDS
from exporter.appkit.platform import WRAPPERS
from exporter.appkit.registry import PLATFORMS
from exporter.cli import main as cli
from exporter.model.families.registry import FAMILIES
from exporter.model.tasks import TASKS
from exporter.targets.registry import TARGETS
from runtimes.measurement import measure
from tests.covering import cover
from tests.exporter.places import SECONDS

LENGTH = 24
OF_TARGET = {key: ["--sequence-length", str(LENGTH)] for key in ("coreml", "coreai")}
"""What an export of a target is told, so that it is small."""


@dataclass(frozen=True)
class Place:
    """A checkpoint of one family and task, its bundle for one target, files beside them, and where results go."""

    family: str
    task: str
    target: str
    model: Path
    bundle: Path
    rows: Path
    texts: Path
    out: Path

    @property
    def checkpoint(self) -> list[str]:
        return ["--checkpoint", str(self.model), "--texts", str(self.texts)]

    @property
    def export(self) -> list[str]:
        asked = [str(self.model), "--task", self.task, "--target", self.target, *OF_TARGET.get(self.target, [])]
        return [*asked, "--texts", str(self.texts)]


def _check(place: Place) -> list[str]:
    """Every budget, so that everything is measured."""
    lengths = f"sequence_length = [{LENGTH}]" if place.target in OF_TARGET else ""
    lines = ["[timing]", "tokens = [8]", "runs = 1", "rounds = 1", "[[export]]", f"model = '{place.model}'"]
    lines += [f"task = '{place.task}'", f"targets = ['{place.target}']", f"texts = '{place.texts}'", lengths]
    lines += ["[export.budget]", "max_size_bytes = 10_000_000", "max_peak_rss_bytes = 100_000_000_000"]
    place.out.mkdir()
    (place.out / "bertport.toml").write_text("\n".join(lines), encoding="utf-8")
    return ["check", str(place.out / "bertport.toml")]


def _app_kit(platform: str) -> Any:
    return lambda place: ["app-kit", str(place.bundle), "--platform", platform, "-o", str(place.out)]


FAST = ["--lengths", "8", "--batches", "1", "--threads", "1", "--runs", "1", "--rounds", "1"]
CALLS: dict[str, Any] = {
    "export": lambda place: ["export", *place.export, "-o", str(place.out)],
    "verify": lambda place: ["verify", str(place.bundle), *place.checkpoint],
    "verify --strict": lambda place: ["verify", str(place.bundle), *place.checkpoint, "--strict"],
    "verify --explain": lambda place: ["verify", str(place.bundle), *place.checkpoint, "--explain"],
    "verify --witness": lambda place: ["verify", str(place.bundle), *place.checkpoint, "--witness"],
    "inspect": lambda place: ["inspect", str(place.bundle)],
    "bench": lambda place: ["bench", str(place.bundle), *place.checkpoint[:2], *FAST, "-o", str(place.out)],
    "evaluate": lambda place: ["evaluate", str(place.bundle), *place.checkpoint[:2], "--data", str(place.rows)],
    "tune": lambda place: [
        "tune",
        *place.export[:-2],
        "--data",
        str(place.rows),
        "--max-drop",
        "100",
        "-o",
        str(place.out),
    ],
    "check": _check,
    "report": lambda place: ["report", str(place.bundle), "-o", str(place.out)],
    "publish": lambda place: ["publish", str(place.bundle), "--repo", "owner/name", "-o", str(place.out)],
    "doctor": lambda place: ["doctor"],
    "completion": lambda place: ["completion", "bash"],
    **{f"app-kit --platform {platform}": _app_kit(platform) for platform in PLATFORMS},
}
"""What is called; the first word is the command."""
OF_MODELS = ("export", "tune", "check", "doctor", "completion")
"""Commands that read no bundle."""

ROWS: dict[str, list[dict[str, Any]]] = {
    "text-classification": [{"text": "the cat runs", "label": "LABEL_0"}, {"text": "a dog falls", "label": "LABEL_1"}],
    "text-ranking": [
        {"query": "the cat runs", "document": "a cat runs fast", "relevance": 1},
        {"query": "the cat runs", "document": "a dog falls", "relevance": 0},
    ],
    "token-classification": [
        {"tokens": ["the", "cat", "runs"], "ner_tags": ["LABEL_0", "LABEL_1", "LABEL_0"]},
        {"tokens": ["a", "dog"], "ner_tags": ["LABEL_0", "LABEL_2"]},
    ],
    "question-answering": [
        {"question": "the dog", "context": "a dog runs fast", "answers": {"text": ["dog"], "answer_start": [2]}},
        {"question": "a cat", "context": "the cat falls", "answers": {"text": ["cat"], "answer_start": [4]}},
    ],
}
"""Labelled rows of the tasks that have them; the others are given the first ones, and refuse."""
UNLABELLED = set(TASKS) - set(ROWS)

OTHER_TOKENIZERS = ("roberta", "xlm-roberta", "camembert", "albert", "mpnet", "modernbert", "deberta-v2")
"""Families whose tokenizer is none that an app kit has."""
UNTIMED = {"coreml": "Core ML needs macOS", "coreai": "whose times say nothing of a device"}
"""Target → why nothing is timed here."""
REFUSED = {
    "evaluate": lambda place: place.task in UNLABELLED and "cannot be evaluated on labelled rows",
    "tune": lambda place: place.task in UNLABELLED and "cannot be evaluated on labelled rows",
    "check": lambda place: UNTIMED.get(place.target, False),
    "verify --witness": lambda place: place.target != "coreml" and "whose figures are simulated; this is",
    "app-kit": lambda place: _no_kit(place),
}
"""Command, or call, → what its one line says of a combination that cannot be; false for one that can."""


def _no_kit(place: Place) -> Any:
    platform = PLATFORMS[place.out.name.rpartition("_")[2]]
    if place.target not in platform.targets:
        return f"expected a bundle of target {' or '.join(platform.targets)}"
    if platform.emit_model:  # what has no wrapper there is the model alone
        return False
    if place.task not in WRAPPERS:
        return "wrapper for task"
    return place.family in OTHER_TOKENIZERS and "WordPiece"


PRODUCT = [(call, target, *model) for model in KINDS for target in TARGETS for call in CALLS]


@functools.cache
def _covering() -> list[tuple[str, str, str, str]]:
    """Of the tasks one family each, and more where a family has none yet; there every command, on some target."""
    models = set(cover(KINDS, [(0,), (1,)]))
    every = [one for one in PRODUCT if one[2:] in models]
    chosen = cover(every, [(0, 2, 3), (0, 1), (1, 3)], cost=lambda one: SECONDS.get(one[1], 1.0))
    return sorted(chosen, key=lambda one: (one[3], one[1]))


@pytest.fixture(scope="module")
def place_of(tmp_path_factory, checkpoint_of, texts):
    """(family, task, target) → a Place; models and bundles are made once."""
    bundles: dict[tuple[str, str, str], Path] = {}

    @functools.cache
    def beside(family, task):
        """Where its bundles go, and what commands are given of it."""
        folder = tmp_path_factory.mktemp(f"{family}-{task}")
        rows = ROWS.get(task, ROWS["text-classification"])
        (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        (folder / "texts.txt").write_text("\n".join(texts[::3]), encoding="utf-8")
        return folder

    def get(call, target, family, task):
        model, folder = checkpoint_of(family, task), beside(family, task)
        key = (family, task, target)
        out = tmp_path_factory.mktemp("out") / call.replace(" ", "_")
        made = Place(family, task, target, model, folder / target, folder / "rows.jsonl", folder / "texts.txt", out)
        if key not in bundles and call.split()[0] not in OF_MODELS:
            assert cli.main(["export", *made.export, "-o", str(made.bundle)]) == 0
            bundles[key] = made.bundle
        return made

    return get


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nothing in a process of its own, one warm-up, and of the schemes two: what they do is tested elsewhere."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(measure, "WARM_UP_RUNS", 1)
    monkeypatch.setattr(measure, "subprocess", SimpleNamespace(run=_here))
    for name, target in TARGETS.items():
        monkeypatch.setitem(
            TARGETS, name, replace(target, schemes={one: target.schemes[one] for one in ("none", "int8")})
        )


def _here(command, input, **_):  # noqa: A002 - subprocess's name
    asked = json.loads(input)
    found = measure._child(measure.Case(**asked["case"]), measure.Plan(**asked["plan"]), asked["started_s"])
    return SimpleNamespace(returncode=0, stdout=json.dumps(found), stderr="")


def _holds(place: Place, call: str, capsys) -> None:
    """Done with 0; or as REFUSED says, with 2, 3 or 4 and one line for it."""
    code = cli.main(CALLS[call](place))
    out, error = capsys.readouterr()
    known = REFUSED.get(call, REFUSED.get(call.split()[0]))
    refusal = known(place) if known else False
    last = error.strip().splitlines()[-1:] or [""]
    assert "Traceback" not in out + error
    if not refusal:
        assert code == 0, last
        return
    assert code in (2, 3, 4), (code, last)
    assert last[0].startswith("bertport: ")
    assert refusal in error


@pytest.mark.parametrize(("call", "target", "family", "task"), _covering())
def test_a_command_is_done_or_refused_in_one_line(place_of, capsys, call, target, family, task):
    place = place_of(call, target, family, task)
    capsys.readouterr()
    _holds(place, call, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(("call", "target", "family", "task"), PRODUCT)
def test_so_is_the_whole_product(place_of, capsys, call, target, family, task):
    place = place_of(call, target, family, task)
    capsys.readouterr()
    _holds(place, call, capsys)


def test_every_command_is_called():
    assert {call.split()[0] for call in CALLS} == set(cli.COMMANDS)


def test_the_quick_ones_cover_every_pair():
    covered = _covering()
    columns = {"call": CALLS, "target": TARGETS, "family": FAMILIES, "task": TASKS}
    for one, other in [("call", "task"), ("call", "family"), ("call", "target"), ("target", "task")]:
        at, to = list(columns).index(one), list(columns).index(other)
        assert {(row[at], row[to]) for row in covered} == {(a, b) for a in columns[one] for b in columns[other]}


def test_a_traceback_would_be_seen(place_of, monkeypatch, capsys):
    """The control: what no command catches is an error here."""
    place = place_of("inspect", next(iter(TARGETS)), *KINDS[0])
    monkeypatch.setattr("exporter.verification.inspection.inspect", lambda _: {}["a bug"])
    with pytest.raises(KeyError):
        _holds(place, "inspect", capsys)


def test_a_refusal_that_is_not_known_would_be_seen(place_of, capsys):
    place = place_of("inspect", next(iter(TARGETS)), *KINDS[0])
    with pytest.raises(AssertionError):
        _holds(Place(**asdict(place) | {"bundle": place.out}), "inspect", capsys)
