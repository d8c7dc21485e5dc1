"""Bundles of the demo of half a megabyte and less: size, accuracy over seeds, and latency beside `int8`.

    python -m benchmarks.accuracy.smallest --data ../shared/data half half-cost half-sentences

`half` trains `pq4` once for each size and seed, exports both targets from it, and puts the official AG News test to
both; Core ML is `simulated`. `half-cost` times them beside `int8` in one interleaved run: what is trained changes
no time. `half-sentences` is what `pq4` leaves of MiniLM-L6's embeddings, where nothing is trained. What decides the
sizes is how many tokens stay.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.accuracy.bundle_figures import figures
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.compression.calibration import Finetune
from exporter.options.request import Request
from exporter.pipeline import Exported, export
from exporter.targets.target import Settings
from exporter.verification.labelled.answers import Evaluation, Examiner
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.evaluation.data.dataset import DataFile
from runtimes.measurement.measure import Case, Plan, measure
from runtimes.parity.agreement import Z95
from runtimes.runner import Batch

TOKENS, EPOCHS, SEEDS, LENGTH, COMPARED = (15_300, 6_000), 3, (0, 1, 2), 128, 3000
SENTENCES = {"onnx": 1000, "coreml": 96}
Texts = tuple[str, ...]
Record = dict[str, Any]


@dataclass(frozen=True)
class Half:
    """One training: how many tokens stay, and what seed draws its texts."""

    tokens: int
    seed: int

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"pq4, 8 dims, {self.tokens:,} tokens, fine-tuned, seed {self.seed}"

    def settings(self, texts: Texts) -> Settings:
        """For an export of both targets."""
        return Settings(
            options={"sequence_lengths": (LENGTH,), "deployment_target": "iOS18"},
            pq_dims=8,
            frequent_texts=texts,
            trim=Trim(texts, keep_entries=self.tokens),
            finetune=Finetune(texts, EPOCHS, self.seed),
        )


HALVES = [Half(tokens, seed) for tokens in TOKENS for seed in SEEDS]


def trained(half: Half, texts: Texts, place: Path) -> tuple[list[Exported], float]:
    """The bundles of both targets, kept whatever parity says of them, and the seconds that all of it took.

    Of so few tokens no built-in text keeps all of its own: the training rows that do are compared.
    """
    settings, compared = half.settings(texts), tuple(texts[:COMPARED])
    asked = Request(DEMO, ("onnx", "coreml"), ("pq4",), place, settings=settings, texts=compared, keep_failing=True)
    start = time.perf_counter()
    return export(asked), time.perf_counter() - start


def judged(done: Exported, data: Path) -> Record:
    """The figures of one bundle."""
    assert done.directory is not None
    bundle = read_bundle(done.directory)
    return figures(done.recipe.name, done, bundle, _examined(bundle, data))


def _examined(bundle: Bundle, data: Path) -> Evaluation:
    return _examiner(data).examine(bundle, bundle.manifest.recipe.name)


@cache
def _examiner(data: Path) -> Examiner:
    return Examiner(load(resolve(DEMO, HubOptions())), DataFile(data / "ag_news" / "test.csv"))


def halves(data: Path, texts: Texts, only: str, before: Record) -> Iterator[Record]:
    """Every row whose name holds `only`, the others as they were `before`; what there is, after each.

    A bundle is judged in a process of its own while the next one learns.
    """
    known = {row["name"]: row for row in before.get("bundles", ())} if only else {}
    with TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        waiting: list[tuple[Half, float, list[Future[Record]]]] = []
        for half in (half for half in HALVES if only in half.name):
            done, seconds = trained(half, texts, Path(folder) / f"{half.tokens} {half.seed}")
            waiting.append((half, seconds, [pool.submit(judged, one, data) for one in done]))
            if len(waiting) > 1:
                yield _recorded(known, *waiting.pop(0))
        for one in waiting:
            yield _recorded(known, *one)


def _recorded(known: dict[str, Record], half: Half, seconds: float, found: list[Future[Record]]) -> Record:
    for one in found:
        row = one.result()
        name = f"{row['name'].partition('-')[0]} {half.name}"
        known[name] = row | {"name": name, "seed": half.seed, "tokens": half.tokens, "trained_s": round(seconds, 1)}
        print({key: known[name][key] for key in ("name", "size_bytes", "drop_points", "interval_points")}, flush=True)
    names = [f"{target} {half.name}" for target in ("onnx", "coreml") for half in HALVES]
    bundles = [known[name] for name in names if name in known]
    return {"bundles": bundles, "over seeds": over_seeds(bundles)}


def over_seeds(bundles: list[Record]) -> list[Record]:
    """Of each target and size, the mean drop over the seeds, in points, and its interval over rows.

    What a row adds is its mean over the seeds, so that the interval is of paired rows (normal, 95 %): how other rows
    would have it, with these trainings.
    """
    found = []
    for target in ("onnx", "coreml"):
        for tokens in TOKENS:
            rows = [one for one in bundles if one["name"].startswith(target) and one["tokens"] == tokens]
            if rows:
                lost = np.mean([[int(digit) for digit in one["lost"]] for one in rows], 0) - 1  # digits are 0, 1, 2
                half = Z95 * float(lost.std(ddof=1)) / float(np.sqrt(len(lost)))
                drop = float(lost.mean())
                found.append(
                    {
                        "target": target,
                        "tokens": tokens,
                        "seeds": [one["seed"] for one in rows],
                        "size_bytes": max(one["size_bytes"] for one in rows),
                        "drop_points": 100 * drop,
                        "interval_points": [100 * (drop - half), 100 * (drop + half)],
                        "drops": [one["drop_points"] for one in rows],
                        "agreement": float(np.mean([one["agreement"] for one in rows])),
                    }
                )
    return found


def half_cost(texts: Texts) -> list[Record]:
    """Load, latency and memory of ONNX bundles beside `int8`, every raw value."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        plain = Request(DEMO, ("onnx",), ("int8",), place / "int8", verify=False)
        requests = {"int8": plain}
        for tokens in TOKENS:
            settings = replace(Half(tokens, 0).settings(texts), finetune=None)
            requests[f"pq4, 8 dims, {tokens:,} tokens"] = replace(
                plain,
                schemes=("pq4",),
                destination=place / str(tokens),
                settings=settings,
                texts=tuple(texts[:COMPARED]),
            )
        cases = [_case(name, asked) for name, asked in requests.items()]
        return [{**asdict(one), "case": one.case.name} for one in measure(cases, Plan(rounds=15))]


def _case(name: str, asked: Request) -> Case:
    (done,) = export(asked)
    assert done.directory is not None
    bundle = read_bundle(done.directory)
    return Case(name, "onnx", str(bundle.mapped_model), bundle.manifest.recipe.vocabulary_size or 30522)


def half_sentences() -> Record:
    """Cosine to PyTorch of all-MiniLM-L6-v2, as `embeddings.py` has other schemes: Core ML simulated, so of fewer."""
    from benchmarks.accuracy import embeddings

    model = str(embeddings.get_model_path())
    reference = Reference(load(resolve(model, HubOptions())), embeddings.sentences(SENTENCES["onnx"]))
    batches = [Batch(one.ids, one.mask, one.types) for one in reference.samples(LENGTH)]
    expected, found = embeddings.embed(reference.loaded(), batches), {}
    for target, most in SENTENCES.items():
        with TemporaryDirectory() as folder:
            settings = Settings(options={"deployment_target": "iOS18"})
            export(Request(model, (target,), ("pq4",), Path(folder) / "b", settings=settings, verify=False))
            runner = open_runner(read_bundle(Path(folder) / "b"))
            told = embeddings.cosines(expected[:most], embeddings.embed(runner, batches[:most]))
            found[target] = {"status": runner.status.value, **told}
    return found
