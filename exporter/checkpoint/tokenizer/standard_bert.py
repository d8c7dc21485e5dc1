"""Build BERT's standard tokenizer without transformers, where the files say nothing unusual.

Whatever is unusual, however little, is left to transformers itself (exporter.checkpoint.tokenizer.reading).
"""

from collections.abc import Callable, Mapping
from typing import Any

from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from exporter.checkpoint.tokenizer.kind import Vocabulary
from exporter.checkpoint.tokenizer.kinds import find_kind
from exporter.checkpoint.tokenizer.settings import ID_PARTS, parts_of
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE

ROLES = WORDPIECE.special_tokens
"""What transformers calls the special tokens where nothing else is said."""
_FLAGS = {"do_lower_case": True, "tokenize_chinese_chars": True, "strip_accents": None}
_IGNORED = {
    "model_max_length", "max_len", "max_length", "stride", "truncation_strategy", "truncation_side",
    "pad_to_multiple_of", "pad_token_type_id", "model_input_names", "clean_up_tokenization_spaces", "name_or_path",
    "special_tokens_map_file", "tokenizer_class", "backend", "is_local", "local_files_only",
}  # fmt: skip
"""Keys of tokenizer_config.json that change no id of a text."""


def is_plain(settings: Mapping[str, Any], special: Mapping[str, Any], usual: str) -> bool:
    """Whether tokenizer_config.json and special_tokens_map.json say nothing beside BERT's own settings.

    `usual` is transformers' class for such a checkpoint where `settings` name none.
    """
    usual_class = (settings.get("tokenizer_class") or usual) in WORDPIECE.classes
    usual_roles = all(key in ROLES and _is_role(key, value) for key, value in special.items())
    return usual_class and usual_roles and all(_is_usual(key, value) for key, value in settings.items())


def _is_usual(key: str, value: Any) -> bool:
    if key in ROLES:
        return bool(value == ROLES[key])
    if key in _FLAGS:
        return isinstance(value, bool) or (value is None and key == "strip_accents")
    return key in _IGNORED or _CHECKED.get(key, lambda _: False)(value)


def _is_role(key: str, value: Any) -> bool:
    """A special token as text, or as an object without any of the flags that change how it is found."""
    if isinstance(value, Mapping):
        return value.get("content") == ROLES[key] and not any(flag for name, flag in value.items() if name != "content")
    return bool(value == ROLES[key])


def _usual_tokens(decoder: Any) -> bool:
    """Whether `added_tokens_decoder` lists the five special tokens, as they are added anyway, and no other."""
    tokens = list(decoder.values()) if isinstance(decoder, Mapping) else []
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    found = sorted(
        str(token.get("content")) for token in tokens if isinstance(token, Mapping) and plain.items() <= token.items()
    )
    return found == sorted(ROLES.values()) and len(tokens) == len(found)


_CHECKED: dict[str, Callable[[Any], bool]] = {
    "do_basic_tokenize": lambda value: value is True,
    "never_split": lambda value: value is None,
    "padding_side": lambda value: value == "right",
    "additional_special_tokens": lambda value: not value,
    "extra_special_tokens": lambda value: not value,
    "added_tokens_decoder": _usual_tokens,
}


def from_vocabulary(vocabulary: Vocabulary, settings: Mapping[str, Any]) -> Tokenizer | None:
    """BERT's tokenizer over a vocab.txt; None where that lacks a special token, which transformers would add."""
    if not set(ROLES.values()) <= vocabulary.keys():
        return None
    flags = _flags(settings)
    made = BertWordPieceTokenizer(
        dict(vocabulary),
        lowercase=flags["do_lower_case"],
        strip_accents=flags["strip_accents"],
        handle_chinese_chars=flags["tokenize_chinese_chars"],
    )
    return Tokenizer.from_str(made.to_str())


def is_as_built(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json is, setting by setting, what BERT's classes build over its vocabulary."""
    found = parts_of(tokenizer)
    if find_kind(found["model"]) is not WORDPIECE:
        return False
    built = from_vocabulary(found["model"]["vocab"], settings)
    expected = None if built is None else parts_of(built)
    return expected is not None and all(found[part] == expected[part] for part in ID_PARTS)


def _flags(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: settings.get(key, usual) for key, usual in _FLAGS.items()}
