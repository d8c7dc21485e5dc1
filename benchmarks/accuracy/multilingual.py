"""A multilingual MiniLM's geometry through `pq` with its vocabulary trimmed: size, and directions of its embeddings.

    python -m benchmarks.accuracy.multilingual [--rows 32000]      → artifacts/multilingual.json

12 layers of 384, a table of 250,037 rows, mean pooling: paraphrase-multilingual-MiniLM-L12-v2's and
multilingual-e5-small's. The weights are seeded, with transformers' own deviation of 0.02, and the words are made up:
syllables in six scripts, as common as their rank says (Zipf), each an entry of a Unigram tokenizer beside every letter.
Bytes are those of a trained model. Cosines say what rounding does to weights without structure, where codes are worst.

Texts of one draw say which entries stay; of another draw those are embedded whose tokens all stay, each alone, and
compared with PyTorch's float32 model of the whole vocabulary.
"""

import argparse
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.accuracy.embeddings import cosines, embed
from benchmarks.models.seeded import write_sentence_files
from benchmarks.models.unigram_files import LAYOUTS, unigram
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim, choose_entries
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.runner import Batch

ROWS = 250_037
GEOMETRY = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536}
_SCRIPTS = (
    "bdfgklmnprst|aeiou",
    "бвгдклмнпрст|аеиоу",
    "βγδκλμνπρστ|αεηιο",
    "בגדכלמנפרשת|אוי",
    "かきくけこさしす|いうえお",
    "北南東西山川水|人大小中",
)
"""Consonants and vowels, or what takes their places."""
_TEXTS, _WORDS, _STEEPNESS = 40_000, (6, 24), 1.15
_EVALUATED, _TOKENS = 200, 64


@dataclass(frozen=True)
class Row:
    """One bundle of the trimmed vocabulary: `dims` numbers in a code."""

    scheme: str
    dims: int = 4

    @property
    def name(self) -> str:
        """As the record calls it."""
        return f"{self.scheme}, {self.dims} numbers in a code" if self.scheme == "pq" else self.scheme


BUNDLES = (Row("pq"), Row("pq", 8), Row("int8"))


def words() -> list[str]:
    """Made-up words, of each script in turn, short ones first."""
    syllables = [["".join(pair) for pair in product(*script.split("|"))] for script in _SCRIPTS]
    found: list[str] = []
    for length in (2, 3, 4):
        for every in syllables:
            drawn = np.random.default_rng(length).permutation(min(len(every) ** length, 60_000))
            found += ["".join(_nth(every, int(number), length)) for number in drawn]
    return list(dict.fromkeys(found))


def _nth(syllables: list[str], number: int, length: int) -> list[str]:
    return [syllables[number // len(syllables) ** place % len(syllables)] for place in range(length)]


def write_checkpoint(folder: Path) -> list[str]:
    """Write the seeded model with its tokenizer; return the words that are entries, the commonest first."""
    letters = sorted({letter for script in _SCRIPTS for letter in script if letter != "|"})
    special = len(LAYOUTS["xlm-roberta"].first) + len(LAYOUTS["xlm-roberta"].last)
    known = words()[: ROWS - special - len(letters) - 1]
    scores = [("▁", -8.0), *((letter, -14.0) for letter in letters)]
    scores += [(f"▁{word}", -3.0 - math.log(rank)) for rank, word in enumerate(known, 1)]
    folder.mkdir()
    tokenizer = unigram("xlm-roberta", scores)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer"}))
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=ROWS, pad_token_id=1, tokenizer_class="XLMRobertaTokenizer", **GEOMETRY)
    transformers.BertModel(config).save_pretrained(folder)
    write_sentence_files(
        folder, (), {"max_seq_length": 128}, word_embedding_dimension=384, pooling_mode_mean_tokens=True
    )
    return known


def texts(known: list[str], count: int, seed: int) -> list[str]:
    """Words drawn by their rank."""
    choice = np.random.default_rng(seed)
    shares = np.arange(1, len(known) + 1, dtype=np.float64) ** -_STEEPNESS
    lengths = choice.integers(*_WORDS, count)
    drawn = iter(choice.choice(len(known), int(lengths.sum()), p=shares / shares.sum()).tolist())
    return [" ".join(known[next(drawn)] for _ in range(length)) for length in lengths]


def run(folder: Path, rows: int, keep: Callable[[dict[str, Any]], None]) -> None:
    """Every bundle: its bytes, and how its embeddings lie to PyTorch's; `keep` saves what there is after each."""
    known = write_checkpoint(folder / "checkpoint")
    checkpoint = load(resolve(str(folder / "checkpoint"), HubOptions()))
    tokenizer, trim = checkpoint.tokenizer.tokenizer, Trim(tuple(texts(known, _TEXTS, 1)), keep_entries=rows)
    kept = choose_entries(tokenizer, trim, checkpoint.geometry.pad)
    drawn = texts(known, 20 * _EVALUATED, 2)
    staying = {*kept.tolist()}
    stay = [one for one in drawn if staying.issuperset(tokenizer.encode(one).ids)]
    reference = Reference(checkpoint, stay[:_EVALUATED])
    batches = [Batch(one.ids, one.mask, one.types) for one in reference.samples(_TOKENS)]
    theirs = embed(reference.loaded(), batches)
    found = {"rows": len(kept), "texts_that_keep_their_tokens": len(stay) / len(drawn), "bundles": {}}
    for row in BUNDLES:
        place = folder / "bundle"
        settings = Settings(pq_dims=row.dims, trim=trim)
        request = Request(str(folder / "checkpoint"), ("onnx",), (row.scheme,), place, settings=settings, verify=False)
        (done,) = export(request)
        runner = open_runner(read_bundle(place))
        own = Reference(checkpoint, stay[:_EVALUATED], kept=kept).as_asked(runner)
        found["bundles"][row.name] = {"size_bytes": done.size_bytes, **cosines(theirs, embed(own, batches))}
        print(row.name, found["bundles"][row.name], flush=True)
        keep(found)


def main() -> None:
    """Run, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=32_000)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/multilingual.json"))
    given = parser.parse_args()
    torch.set_num_threads(1)

    def keep(found: dict[str, Any]) -> None:
        record = {"weights": "seeded", "geometry": {**GEOMETRY, "rows": ROWS}, "host": fingerprint(), **found}
        record["load_average"] = os.getloadavg()
        given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    with TemporaryDirectory() as folder:
        run(Path(folder), given.rows, keep)


if __name__ == "__main__":
    main()
