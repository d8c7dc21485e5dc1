"""Seeded static embeddings, in the folders that sentence-transformers and Model2Vec save them in."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, processors

from benchmarks.models.tokenizer_files import bare_wordpiece, write_json, write_modern_bpe
from benchmarks.models.unigram_files import write_unigram

WIDTH = 32


def wordpiece(_folder: Path) -> Tokenizer:
    """BERT's, with its special tokens around a text, which static embeddings do without."""
    made = bare_wordpiece()
    ends = [(token, made.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    return made


def bpe(folder: Path) -> Tokenizer:
    """A byte-level BPE without an unknown token."""
    write_modern_bpe(folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def unigram(folder: Path) -> Tokenizer:
    """XLM-RoBERTa's."""
    write_unigram(folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


TOKENIZERS: Mapping[str, Callable[[Path], Tokenizer]] = {"WordPiece": wordpiece, "BPE": bpe, "Unigram": unigram}


def _random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def write_static(
    folder: Path, tokenizer: str = "WordPiece", where: str = "0_StaticEmbedding", rest: tuple[str, ...] = ()
) -> Path:
    """What `SentenceTransformer([StaticEmbedding(…)]).save` writes; `rest` are the classes of modules without files."""
    own = folder / where
    own.mkdir(parents=True)
    made = TOKENIZERS[tokenizer](own)
    _save(own, made, **{"embedding.weight": _random().normal(size=(made.get_vocab_size(), WIDTH))})
    kinds = [("StaticEmbedding", where), *((kind, f"{number}_{kind}") for number, kind in enumerate(rest, 1))]
    write_json(folder / "modules.json", [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(kinds)
    ])  # fmt: skip
    for _, path in kinds[1:]:
        (folder / path).mkdir()
    write_json(folder / "config_sentence_transformers.json", {"prompts": {}, "default_prompt_name": None})
    return folder


def write_model2vec(
    folder: Path,
    tokenizer: str = "WordPiece",
    quantised: bool = False,
    rows: int = 0,
    width: int = WIDTH,
    **config: Any,
) -> Path:
    """What `StaticModel.save_pretrained` writes; `quantised`: the vocabulary, with a mapping and weights.

    With `rows` the vocabulary is filled up to so many entries, which no text reaches.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made, random = TOKENIZERS[tokenizer](folder), np.random.default_rng(1)
    made = _filled(made, rows)
    entries = made.get_vocab_size()
    stored = 17 if quantised else entries
    more = {"mapping": random.integers(0, stored, entries), "weights": random.uniform(0.2, 2, entries)}
    _save(folder, made, embeddings=random.normal(size=(stored, width)), **(more if quantised else {}))
    told = {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True, **config}
    write_json(folder / "config.json", told)
    return folder


def _filled(tokenizer: Tokenizer, entries: int) -> Tokenizer:
    document = json.loads(tokenizer.to_str())
    vocabulary = document["model"]["vocab"]
    for number in range(len(vocabulary), entries):
        vocabulary[f"unused{number}"] = number
    return Tokenizer.from_str(json.dumps(document))


def _save(folder: Path, tokenizer: Tokenizer, **tensors: Any) -> None:
    """The two files of a table, and nothing of what the tokenizer's writer left there."""
    for path in folder.iterdir():
        path.unlink()
    tokenizer.save(str(folder / "tokenizer.json"))
    whole = {name: values if name == "mapping" else values.astype(np.float32) for name, values in tensors.items()}
    save_file(whole, folder / "model.safetensors")
