"""Maximum length of a text in tokens, and the side that is truncated, for every command and app kit.

What `SentenceTransformer.encode`, `CrossEncoder.predict` and transformers' pipelines with `truncation=True` take:

1. sentence_bert_config.json (`exporter.checkpoint.sentence_transformers.settings`), where a model of
sentence-transformers says it there; 2. else `model_max_length` of tokenizer_config.json, or `max_len`, as transformers
2 called it; 3. and never more than the model has positions.

Of the `truncation` in tokenizer.json only the direction counts, where tokenizer_config.json has no `truncation_side`:
transformers sets length and strategy (the longest first) with every call.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer

from exporter.checkpoint.json_files import read_bundled
from exporter.checkpoint.sentence_transformers.settings import SentenceSettings, number_of_tokens
from runtimes.bundle.reading import Bundle
from runtimes.errors import BundleError, CheckpointError

TOKENIZER_SETTINGS = "tokenizer_config.json"


def longest_text(
    directory: Path, files: Mapping[str, bytes], tokenizer: Tokenizer, positions: int, settings: SentenceSettings | None
) -> int:
    """Most tokens of a text, special ones included; `files` are the tokenizer's by name.

    Raises CheckpointError for a length that is none, or that leaves no room for a token of text.
    """
    stated = settings.max_tokens if settings else None
    if stated is None:
        stated = _of_tokenizer(directory / TOKENIZER_SETTINGS, files)
    if stated is None:
        return positions
    special = tokenizer.num_special_tokens_to_add(False)
    if stated <= special:
        raise CheckpointError(
            f"{directory}: texts are truncated at {stated} tokens, of which {special} are special ones; correct "
            f"max_seq_length in sentence_bert_config.json or model_max_length in {TOKENIZER_SETTINGS}"
        )
    return min(positions, stated)


def longest_of(bundle: Bundle) -> int:
    """Most tokens of a text for a bundle: what its checkpoint takes, or what a package takes if that is less.

    Raises BundleError for a bundle from before manifests said it whose config.json says nothing either.
    """
    path, longest = bundle.directory / "config.json", bundle.manifest.max_tokens
    if longest is None:
        longest = read_bundled(path).get("max_position_embeddings")
        if type(longest) is not int:
            raise BundleError(f"{path}: no max_position_embeddings; export again")
    return min(longest, max(bundle.manifest.recipe.sequence_lengths, default=longest))


def truncation_side(files: Mapping[str, bytes]) -> str:
    """The end of a text that is dropped, "left" or "right": by tokenizer_config.json, else by tokenizer.json."""
    side = json.loads(files.get(TOKENIZER_SETTINGS, b"{}")).get("truncation_side")
    whole = files.get("tokenizer.json", b"")
    if side is None and b'"Left"' in whole:  # without which a parse of megabytes is for nothing
        side = (json.loads(whole).get("truncation") or {}).get("direction")
    return "left" if str(side).lower() == "left" else "right"


def _of_tokenizer(path: Path, files: Mapping[str, bytes]) -> int | None:
    found = json.loads(files.get(path.name, b"{}"))
    name = "model_max_length" if found.get("model_max_length") is not None else "max_len"
    value = found.get(name)
    return None if value is None else number_of_tokens(path, name, value)


def stating(files: Mapping[str, bytes], longest: int) -> Mapping[str, bytes]:
    """The tokenizer's files with `longest` as the length that transformers and transformers.js truncate at."""
    found = json.loads(files.get(TOKENIZER_SETTINGS, b"{}"))
    if found.get("model_max_length") == longest:
        return files
    stated = {key: value for key, value in found.items() if key != "max_len"} | {"model_max_length": longest}
    return {**files, TOKENIZER_SETTINGS: json.dumps(stated, indent=2, ensure_ascii=False).encode()}
