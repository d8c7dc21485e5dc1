"""The WordPiece tokenizer of a bundle as plain data, for tokenizers in other languages.

Read from tokenizer.json, the reference; what no kit's tokenizer does is refused by name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from exporter.appkit.camel_case import camel, camel_json
from exporter.checkpoint.json_files import MAX_TOKENIZER_BYTES, read_bundled
from exporter.checkpoint.tokenizer.kinds import find_kind
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE
from runtimes.errors import BundleError, UnsupportedError, in_our_words
from runtimes.files.bounded_read import read_bounded

_STEP = "export the checkpoint for a platform that runs tokenizer.json itself: --platform web"
_MOST_HOLES = 1_000_000
_STRATEGIES = {"LongestFirst": "longest_first", "OnlyFirst": "only_first", "OnlySecond": "only_second"}


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in the text before any word is.

    `text` is looked for as it stands in the raw text, or where `normalized` in the normalised text (and is itself
    normalised here). `single_word`: not beside a scalar of the table `word`; `lstrip`, `rstrip`: takes the white
    space beside it.
    """

    text: str
    id: int
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool


@dataclass(frozen=True)
class Slot:
    """A place in what is made of one text or two: a special token's `id`, or all of text `sequence` (0 or 1)."""

    type_id: int
    id: int | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class WordPiece:
    """One tokenizer.

    `pieces[id]` is a piece of the vocabulary, "" where an id has none that could be found in a word. `added` come in
    the order in which equal ones win: the longest wins first. A word of more than `max_word_scalars` is unknown.
    `truncation_strategy` is longest_first, only_first or only_second; `truncate_left` drops from the start.
    """

    pieces: tuple[str, ...]
    unknown_id: int
    prefix: str
    max_word_scalars: int
    clean_text: bool
    chinese_characters: bool
    strip_accents: bool
    lowercase: bool
    added: tuple[AddedToken, ...]
    single: tuple[Slot, ...]
    pair: tuple[Slot, ...]
    pad_id: int
    pad_type_id: int
    truncation_strategy: str
    truncate_left: bool

    def settings(self) -> dict[str, Any]:
        """All but the pieces, for JSON: camelCase keys, as Swift, JavaScript and Kotlin spell them."""
        return camel_json({camel(name): value for name, value in vars(self).items() if name != "pieces"})  # type: ignore[no-any-return]

    def vocabulary(self) -> bytes:
        """vocab.txt: the piece of each id on its line, ended by 0x0A alone; an empty line where there is none."""
        return "".join(f"{piece}\n" for piece in self.pieces).encode()


def read_wordpiece(directory: Path) -> WordPiece:
    """Describe the tokenizer in `directory`. Raises UnsupportedError for one that is no BERT WordPiece tokenizer."""
    path = directory / "tokenizer.json"
    with in_our_words(lambda reason: BundleError(f"{path}: cannot be read ({reason}); export again")):
        content = read_bounded(path, MAX_TOKENIZER_BYTES, BundleError).decode("utf-8")
        tokenizer, raw = Tokenizer.from_str(content), json.loads(content)
    _check_parts(path, raw)
    settings = _read_settings(directory)
    model, flags = raw["model"], _flags(raw["normalizer"])
    truncation, padding = raw.get("truncation") or {}, raw.get("padding") or {}
    return WordPiece(
        pieces=_pieces(model["vocab"]),
        unknown_id=_unknown(path, model),
        prefix=model["continuing_subword_prefix"],
        max_word_scalars=model["max_input_chars_per_word"],
        clean_text=flags["clean_text"],
        chinese_characters=flags["handle_chinese_chars"],
        strip_accents=flags["strip_accents"],
        lowercase=flags["lowercase"],
        added=_added(tokenizer, raw),
        single=_slots(path, raw["post_processor"], pair=False),
        pair=_slots(path, raw["post_processor"], pair=True),
        pad_id=padding.get("pad_id", tokenizer.token_to_id(_token(settings, "pad_token", "[PAD]")) or 0),
        pad_type_id=padding.get("pad_type_id", 0),
        truncation_strategy=_STRATEGIES[truncation.get("strategy", "LongestFirst")],
        truncate_left=str(settings.get("truncation_side") or truncation.get("direction")).lower() == "left",
    )


def _check_parts(path: Path, raw: Mapping[str, Any]) -> None:
    """Each part must be one that the kits' tokenizers are. Raises UnsupportedError that lists all others."""
    wrong = [
        f"its {part} is {_kind(raw, part)}, expected {' or '.join(str(kind) for kind in kinds)}"
        for part, kinds in WORDPIECE.kit_parts.items()
        if _kind(raw, part) not in kinds
    ]
    if wrong:
        raise UnsupportedError(f"{path}: not BERT's WordPiece tokenizer: {'; '.join(wrong)}; {_STEP}")


def _kind(raw: Mapping[str, Any], part: str) -> str | None:
    found = raw.get(part) or {}
    kind = find_kind(found) if part == "model" else None
    stated = kind.model if kind else found.get("type")
    return None if stated is None else str(stated)


def _read_settings(directory: Path) -> dict[str, Any]:
    """tokenizer_config.json. Raises UnsupportedError for padding on the left, which no model here was checked with."""
    path = directory / "tokenizer_config.json"
    settings: dict[str, Any] = read_bundled(path) if path.is_file() else {}
    if settings.get("padding_side", "right") != "right":
        raise UnsupportedError(
            f"{path}: padding_side {settings['padding_side']}, expected right: positions are absolute and parity was "
            "measured with padding on the right; set it to right and export again"
        )
    return settings


def _token(settings: Mapping[str, Any], name: str, default: str) -> str:
    """A special token's text, which is written as text or as an object with `content`."""
    token = settings.get(name) or default
    return str(token["content"] if isinstance(token, dict) else token)


def _flags(normalizer: Mapping[str, Any] | None) -> dict[str, bool]:
    if normalizer is None:
        return dict.fromkeys(("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), False)
    strip = normalizer["strip_accents"]
    return dict(normalizer) | {"strip_accents": normalizer["lowercase"] if strip is None else strip}


def _pieces(vocabulary: Mapping[str, int]) -> tuple[str, ...]:
    """By id; a piece with a line feed can stand in no word, since words end there, and has no line of its own."""
    rows = max(vocabulary.values(), default=-1) + 1
    if rows > len(vocabulary) + _MOST_HOLES:
        raise ValueError(f"an id of {rows - 1:,} in a vocabulary of {len(vocabulary):,} pieces")
    pieces = [""] * rows
    for piece, number in vocabulary.items():
        if "\n" not in piece:
            pieces[number] = piece
    return tuple(pieces)


def _unknown(path: Path, model: Mapping[str, Any]) -> int:
    token = model["unk_token"]
    if token not in model["vocab"]:
        raise BundleError(f"{path}: unk_token {token!r} is not in the vocabulary; add it to the checkpoint's tokenizer")
    return int(model["vocab"][token])


def _added(tokenizer: Tokenizer, raw: Mapping[str, Any]) -> tuple[AddedToken, ...]:
    """The special ones first, as `tokenizers` orders its search."""
    special = {token["content"] for token in raw.get("added_tokens", []) if token["special"]}
    found = sorted(tokenizer.get_added_tokens_decoder().items(), key=lambda item: item[1].content not in special)
    return tuple(
        AddedToken(
            _searched(tokenizer, token.content, token.normalized),
            number,
            token.single_word,
            token.lstrip,
            token.rstrip,
            token.normalized,
        )
        for number, token in found
        if token.content
    )


def _searched(tokenizer: Tokenizer, content: str, normalized: bool) -> str:
    """What is looked for in the text."""
    if not normalized or tokenizer.normalizer is None:
        return content
    return str(tokenizer.normalizer.normalize_str(content))


def _slots(path: Path, processor: Mapping[str, Any] | None, pair: bool) -> tuple[Slot, ...]:
    texts = (Slot(0, sequence=0), Slot(1, sequence=1)) if pair else (Slot(0, sequence=0),)
    if processor is None:
        return texts
    if processor["type"] == "BertProcessing":
        start, end = Slot(0, id=processor["cls"][1]), processor["sep"][1]
        return (start, *(slot for text in texts for slot in (text, Slot(text.type_id, id=end))))
    steps = [slot for step in processor["pair" if pair else "single"] for slot in _template(step, processor)]
    if sorted(slot.sequence for slot in steps if slot.sequence is not None) != list(range(len(texts))):
        raise UnsupportedError(f"{path}: its template does not take every text once; {_STEP}")
    return tuple(steps)


def _template(step: Mapping[str, Any], processor: Mapping[str, Any]) -> Sequence[Slot]:
    if "Sequence" in step:
        return [Slot(step["Sequence"]["type_id"], sequence="AB".index(step["Sequence"]["id"]))]
    special = step["SpecialToken"]
    return [Slot(special["type_id"], id=number) for number in processor["special_tokens"][special["id"]]["ids"]]
