"""Files of a tokenizer beside a small checkpoint, as transformers reads and saves them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer

_WORDS = "the a of to and in cat dog runs sleeps market team wins falls un ##able ##s ##ing blue red fast slow"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TOKENS = (*SPECIAL, *_WORDS.split(), *_LETTERS, *(f"##{letter}" for letter in _LETTERS))
"""A vocabulary that splits every lower-case word of ASCII into something."""
TEXTS = tuple(
    f"{a} {b} {c}"
    for a in ("the cat", "a dog", "team of red")
    for b in ("runs", "sleeps fast", "falls")
    for c in ("in the market", "slow", "and wins")
)
_BYTES_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")


def write_vocabulary(folder: Path, tokens: Sequence[str] = TOKENS) -> int:
    """Write vocab.txt, a token a line; return their number."""
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return len(tokens)


def write_byte_level_bpe(folder: Path, texts: Iterable[str] = TEXTS, size: int = 300, least_frequency: int = 1) -> int:
    """Write vocab.json and merges.txt of a byte-level BPE, trained on `texts`; return the number of its tokens."""
    made = ByteLevelBPETokenizer()
    made.train_from_iterator(
        iter(texts),
        vocab_size=size,
        min_frequency=least_frequency,
        special_tokens=list(_BYTES_SPECIAL),
        show_progress=False,
    )
    made.save_model(str(folder))
    return int(made.get_vocab_size())


def write_modern_bpe(folder: Path, texts: Iterable[str] = TEXTS, size: int = 320) -> int:
    """Write the files of a byte-level BPE between [CLS] and [SEP], as ModernBERT's; return its number of tokens."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        iter(texts),
        trainers.BpeTrainer(
            vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=letters, show_progress=False
        ),
    )
    ends = [(token, made.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    return int(made.get_vocab_size())


def write_mpnet_wordpiece(folder: Path) -> int:
    """Write the files of a WordPiece between <s> and </s>, as MPNet's; return its number of tokens."""
    tokens = ("<s>", "<pad>", "</s>", "<unk>", *TOKENS[len(SPECIAL) :], "[UNK]", "<mask>")
    write_vocabulary(folder, tokens)
    transformers.MPNetTokenizer.from_pretrained(folder).save_pretrained(folder)
    return len(tokens)


def bare_wordpiece() -> Tokenizer:
    """BERT's WordPiece and added tokens, with nothing around a text; no entry is in it twice."""
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(TOKENS))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(list(SPECIAL))
    return made


def write_bare_wordpiece(folder: Path) -> int:
    """Write the files of `bare_wordpiece`, as of static embeddings; return its number of tokens."""
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare_wordpiece(), pad_token=SPECIAL[0], unk_token=SPECIAL[1]
    )
    made.save_pretrained(folder)
    return len(made)


def write_settings(folder: Path, **values: Any) -> None:
    """Write tokenizer_config.json."""
    write_json(folder / "tokenizer_config.json", values)


def edit_settings(folder: Path, **changes: Any) -> None:
    """Change keys of tokenizer_config.json."""
    path = folder / "tokenizer_config.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def save_tokenizer(folder: Path, tokens: Sequence[str] = TOKENS, **values: Any) -> None:
    """Write tokenizer.json and tokenizer_config.json as transformers saves them, and nothing else."""
    write_vocabulary(folder, tokens)
    transformers.BertTokenizerFast.from_pretrained(folder, **values).save_pretrained(folder)
    (folder / "vocab.txt").unlink()
