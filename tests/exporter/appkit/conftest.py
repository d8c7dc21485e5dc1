"""Bundles to make kits of, and what transformers answers to the texts that a kit is asked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Encoding, Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from benchmarks.kits import tokenizer_exactness as exactness
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.parity.shown import LONGEST_ANSWER, best_span, whole_words, window_tokens
from runtimes.records.device import DeviceRecord
from runtimes.records.reading import read_record
from runtimes.records.writing import plain

ENTITY_LABELS = ["O", "B-PER", "I-PER", "E-PER", "S-LOC", "B-O", "I-O", "MISC"]
"""BIO, BIOES and bare, of every platform: of schemes that transformers does not know too, and of an entity whose kind
is O, it shows what it shows."""
KINDS: dict[str, dict[str, Any]] = {
    "labels": {"labels": 5},
    "several labels": {"labels": 5, "problem_type": "multi_label_classification"},
    "values": {"labels": 2, "problem_type": "regression"},
    "one score": {"labels": 1},
    "a reranker": {"labels": 1, "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
    "entities": {"architecture": "BertForTokenClassification", "labels": 8},
    "answers": {"architecture": "BertForQuestionAnswering", "labels": 2},
    "embeddings": {"architecture": "BertModel"},
    "prompted": {"architecture": "BertModel"},
}
"""What a kit answers with → a checkpoint of which one is made."""
TEXTS = [
    "The cat runs in a red market, un##able!",
    "dogs and CATS   sleep fast\u0301 in\tthe blue \U0001f469\u200d\U0001f467 team",
    "zürich wins [SEP] the fast cat falls; a slow dog",
    "é",
    "the market " * 60,
]
PROMPT = "a fast dog: "
LONG = "\U0001f469 the cat sleeps fast\u0301 and a dog wins the red market; " * 12


@pytest.fixture
def make_bundle(tmp_path: Path, texts: tuple[str, ...]) -> Callable[..., Path]:
    """Export a checkpoint to Core ML; `settings` are targets.target.Settings, `changes` of the request."""

    def make(checkpoint: Path, name: str = "bundle", settings: Settings | None = None, **changes: object) -> Path:
        place = tmp_path / name
        wanted = {
            "settings": settings or Settings(options={"sequence_lengths": (24,)}),
            "texts": texts,
            "targets": ("coreml",),
            **changes,
        }
        export(Request(str(checkpoint), destination=place, **wanted))  # type: ignore[arg-type]
        return place

    return make


@pytest.fixture(scope="session")
def kind_of(made_once, write_checkpoint, write_sentence_files) -> Callable[[str], Path]:
    """The checkpoint of one of KINDS, which is only read."""

    def write(kind: str, place: Path) -> None:
        folder = write_checkpoint(place / kind, **KINDS[kind])
        config = json.loads((folder / "config.json").read_text())
        if kind == "entities":
            config |= {
                "id2label": dict(enumerate(ENTITY_LABELS)),
                "label2id": {n: i for i, n in enumerate(ENTITY_LABELS)},
            }
            (folder / "config.json").write_text(json.dumps(config))
        if kind == "embeddings":
            write_sentence_files(folder, settings={"max_seq_length": 40})
        if kind == "prompted":  # the length as sentence-transformers 6 saves it
            write_sentence_files(folder, settings={"transformer_task": "feature-extraction"})
            (folder / "tokenizer_config.json").write_text('{"model_max_length": 20}')
            prompts = {"prompts": {"query": PROMPT, "passage": ""}, "default_prompt_name": "query"}
            (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))

    return lambda kind: made_once(f"kinds/{kind}", lambda place: write(kind, place)) / kind


@pytest.fixture(scope="session")
def entity_labels() -> list[str]:
    return ENTITY_LABELS


@pytest.fixture(scope="session")
def kit_of(made_once, kind_of, texts) -> Callable[..., Path]:
    """(platform, target, kind, options of the export) → a kit that is only read; bundles are made once for all."""

    def write_bundle(place: Path, target: str, kind: str, options: dict[str, Any]) -> None:
        wanted = {"destination": place / "bundle", "settings": Settings.of(**options), "texts": texts}
        export(Request(str(kind_of(kind)), (target,), **wanted))

    def get(platform: str, target: str, kind: str, **options: Any) -> Path:
        name = " ".join([target, kind, *(f"{one}={value}" for one, value in options.items())])
        bundle = made_once(f"bundles/{name}", lambda place: write_bundle(place, target, kind, options)) / "bundle"

        def write_kit(place: Path) -> None:
            assert main(["app-kit", str(bundle), "--platform", platform, "-o", str(place / "TestedKit")]) == 0

        return made_once(f"kits/{platform}, {name}", write_kit) / "TestedKit"

    return get


@pytest.fixture(scope="session")
def ask_transformers() -> Callable[[str, Path], list[tuple[list[Any], Any]]]:
    """What a kit of a kind is to be asked, as arguments, each with transformers' answer; positions are of UTF-16."""

    def ask(kind: str, checkpoint: Path) -> list[tuple[list[Any], Any]]:
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint, model_max_length=48)
        with torch.no_grad():
            return _ASKED[kind](checkpoint, tokenizer)

    return ask


@pytest.fixture(scope="session")
def answers_agree() -> Callable[[list[Any], list[Any]], None]:
    """Compare a kit's answers with those expected: words and positions exactly, numbers nearly."""

    def compare(found: list[Any], expected: list[Any]) -> None:
        assert len(found) == len(expected) > 3
        assert found == [_near(one) for one in expected]
        assert [one for one in found if one]

    return compare


@pytest.fixture(scope="session")
def hostile_texts() -> exactness.Step:
    """A megabyte of news, nothing, what is removed, a word without end, marks without end."""
    megabyte = (" ".join(exactness.news()) * 9)[:1_000_000]
    texts = [megabyte, "", " \u200b\ufffd\0", "x" * 100_000, "\u0301\u0323" * 50_000]
    return exactness.Step(exactness.MODES[0], "long", texts)


@pytest.fixture
def check_odd_vocabulary(tmp_path) -> Callable[[Any, Path], None]:
    """`tokenizers` takes the last of equal pieces; an empty line is an id that nothing has."""
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "", "cat", "##s", "dog", "cat", "", "run", "##s", "s\r", ""]
    (tmp_path / "vocab.txt").write_bytes("\n".join(lines).encode())
    tokenizer = Tokenizer.from_str(BertWordPieceTokenizer(str(tmp_path / "vocab.txt")).to_str())

    def check(platform: Any, folder: Path) -> None:
        settings, vocabulary = exactness.write_settings(folder, tokenizer)
        texts = ["cats run", "dogs s cat", "", "[SEP] dogcat"]
        (folder / "texts.json").write_text(json.dumps(texts))
        platform(settings, vocabulary, folder / "texts.json", folder / "output.bin", ())
        answers = exactness.rows(np.fromfile(folder / "output.bin", "<i4"))
        expected = [exactness.encoded(tokenizer, text)[0] for text in texts]
        assert [list(row) for row in answers] == [list(row) for row in expected]

    return check


@pytest.fixture
def report_tells(tmp_path) -> Callable[[Path, str], str]:
    """Put a record that a kit wrote before `bertport report`; give what its JUnit file says of the verdict."""

    def report(record: Path, name: str) -> str:
        found = read_record(record)
        assert isinstance(found, DeviceRecord)
        assert plain(found) == json.loads(record.read_text())  # every field that the kit writes, and no other
        assert found.vectors > 0
        assert all(run.latency_s and run.load_s > 0 for run in found.runs)
        (folder := tmp_path / "records").mkdir(exist_ok=True)
        shutil.copy(record, folder / "device.json")
        assert main(["report", str(folder), "-o", str(tmp_path / "report")]) == 0
        assert "On the device" in (tmp_path / "report" / "report.md").read_text()
        told = (tmp_path / "report" / "junit.xml").read_text()
        assert name in told
        return told

    return report


@pytest.fixture(scope="session")
def check_constants_are_read() -> Callable[[Callable[[list[Any]], list[Any]], Path], None]:
    """Hold a kit of KINDS["answers"] to the constants of its kit.json: other ones give what it gives when told them."""

    def check(ask: Callable[[list[Any]], list[Any]], settings: Path) -> None:
        own, told = ask([[TEXTS[3], LONG, None, None], [TEXTS[3], LONG, 1, 3]])
        assert own != told
        content = json.loads(settings.read_bytes())
        content["shown"] |= {"longestAnswer": 1, "sharedTokens": 3}
        settings.write_text(json.dumps(content))
        assert ask([[TEXTS[3], LONG, None, None], [TEXTS[3], LONG, 1, 3]]) == [told, told]

    return check


@pytest.fixture(scope="session")
def find_answer() -> Callable[..., dict[str, Any]]:
    return likeliest_answer


def likeliest_answer(windows: list[Encoding], starts: Any, ends: Any, longest: int = LONGEST_ANSWER) -> dict[str, Any]:
    """The answer of `runtimes.parity.shown` in the likeliest window, with the pipeline's probabilities.

    `starts` and `ends` are logits, a row for each window. Positions count scalars.
    """
    spans = [_span(*one, longest) for one in zip(windows, starts, ends, strict=True)]
    return max(spans, key=lambda span: span["score"]) | {"noAnswer": min(span["noAnswer"] for span in spans)}


def _span(window: Encoding, starts: Any, ends: Any, longest: int) -> dict[str, Any]:
    logits = [np.asarray(one, np.float64) for one in (starts, ends)]
    context = np.flatnonzero(np.array(window.sequence_ids) == 1)
    start, end = (_softmax(np.where(np.isin(np.arange(len(one)), [0, *context]), one, -np.inf)) for one in logits)
    with patch("runtimes.parity.shown.LONGEST_ANSWER", longest):
        span = best_span(*logits, context, or_none=False)
    assert span is not None
    first, last = whole_words(span, list(zip(window.sequence_ids, window.word_ids, strict=True)))
    return {
        "start": window.offsets[first][0],
        "end": window.offsets[last][1],
        "score": float(start[span[0]] * end[span[1]]),
        "noAnswer": float(start[0] * end[0]),
    }


def _softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def _labels(checkpoint: Path, tokenizer: Any) -> list[tuple[list[Any], Any]]:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint)
    problem = model.config.problem_type or "single_label_classification"
    decide = {"single_label_classification": lambda x: x.softmax(-1), "multi_label_classification": torch.sigmoid}
    if model.config.num_labels == 1 and not getattr(model.config, "sentence_transformers", None):
        decide["single_label_classification"] = torch.sigmoid  # as the pipeline; a test of activation.py asks it
    elif model.config.num_labels == 1:
        decide["single_label_classification"] = lambda x: x
    found = []
    reads_pairs = bool(getattr(model.config, "sentence_transformers", None))
    pairs = [[one, other] for one, other in zip(TEXTS, reversed(TEXTS), strict=True)]
    for arguments in pairs if reads_pairs else [[text] for text in TEXTS]:
        read = tokenizer(*arguments, truncation=True, return_tensors="pt")
        scores = decide.get(problem, lambda x: x)(model(**read).logits[0]).tolist()
        ranked = [{"label": model.config.id2label[at], "score": score} for at, score in enumerate(scores)]
        if problem != "regression":
            ranked.sort(key=lambda one: -one["score"])
        found.append((arguments, ranked))
    return found


def _entities(checkpoint: Path, tokenizer: Any) -> list[tuple[list[Any], Any]]:
    pipe = transformers.pipeline(
        "token-classification", str(checkpoint), tokenizer=tokenizer, aggregation_strategy="simple"
    )
    return [
        (
            [text],
            [
                {"label": one["entity_group"], "score": float(one["score"])} | _units(text, one["start"], one["end"])
                for one in pipe(text)
            ],
        )
        for text in TEXTS
    ]


def _answers(checkpoint: Path, tokenizer: Any) -> list[tuple[list[Any], Any]]:
    """Arguments are question, context, most tokens of an answer, and the stride: null for those of the pipeline."""
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(checkpoint)
    window, shared_tokens = window_tokens(48)
    asked = [(text, None, None) for text in (*TEXTS, LONG)] + [(LONG, 3, 5), (LONG, 30, 0), (LONG, 15, 37)]
    found: list[tuple[list[Any], Any]] = [([TEXTS[3], "", None, None], None)]
    for context, longest, stride in asked:
        shared = {"max_length": window, "stride": shared_tokens if stride is None else stride}
        read = tokenizer(TEXTS[3], context, truncation="only_second", return_overflowing_tokens=True, **shared)
        outputs = [
            model(*map(torch.tensor, ([one.ids], [one.attention_mask], [one.type_ids]))) for one in read.encodings
        ]
        logits = [(one.start_logits[0].tolist(), one.end_logits[0].tolist()) for one in outputs]
        most = LONGEST_ANSWER if longest is None else longest
        span = likeliest_answer(read.encodings, *zip(*logits, strict=True), most)
        found.append(([TEXTS[3], context, longest, stride], span | _units(context, span["start"], span["end"])))
    return found


def _embeddings(checkpoint: Path, tokenizer: Any) -> list[tuple[list[Any], Any]]:
    model = transformers.AutoModel.from_pretrained(checkpoint)
    found = []
    for text in TEXTS:
        read = tokenizer(text, truncation=True, max_length=40, return_tensors="pt")
        mean = model(**read).last_hidden_state[0].mean(0)
        found.append(([text], (mean / mean.norm()).tolist()))
    return found


def _prompted(checkpoint: Path, _tokenizer: Any) -> list[tuple[list[Any], Any]]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(checkpoint), device="cpu")
    assert model.max_seq_length == 20
    return [([text], model.encode(text).tolist()) for text in TEXTS]


def _near(answer: Any) -> Any:
    """The same with every fraction as a range of 1e-4."""
    if isinstance(answer, dict):
        return {name: _near(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [_near(value) for value in answer]
    return pytest.approx(answer, abs=1e-4) if isinstance(answer, float) else answer


def _units(text: str, start: int, end: int) -> dict[str, Any]:
    first, last = (len(text[:at].encode("utf-16-le")) // 2 for at in (start, end))
    return {"start": first, "end": last, "text": text[start:end]}


_ASKED = {
    "labels": _labels,
    "several labels": _labels,
    "values": _labels,
    "one score": _labels,
    "a reranker": _labels,
    "entities": _entities,
    "answers": _answers,
    "embeddings": _embeddings,
    "prompted": _prompted,
}
