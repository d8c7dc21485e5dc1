"""What a folder says of its tokenizer, in every place where transformers looks: the ids are AutoTokenizer's."""

import json

import pytest
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from benchmarks.models.tokenizer_files import (
    edit_settings,
    save_tokenizer,
    write_json,
    write_settings,
    write_vocabulary,
)
from exporter.checkpoint.tokenizer.reading import Reader, read_tokenizer
from runtimes.errors import BertportError

WORDS = [
    "the",
    "cat",
    "Cat",
    "café",
    "cafe",
    "a",
    "b",
    "c",
    "##a",
    "##b",
    "e",
    "##e",
    "1",
    "2",
    "<",
    ">",
    "/",
    "[",
    "]",
    "中",
]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
ROWS = len(PIECES) + 20
MARKS = ["[E1]", "<e2>", "</e2>"]
TEXTS = (
    "The Cat [E1] the cat <e2> café </e2> .",
    "the[E1]cat  <e2>the </e2>",
    "[MASK] the <mask> cat [SEP] [UNK]</s> 中中 [e1]",
    "",
    "aaaaaa CAFÉ \n b",
)
TOLD = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
CUSTOM = {"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
ROLES = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}


def vocabulary(folder, pieces=PIECES):
    write_vocabulary(folder, pieces)


def saved(folder, pieces=PIECES, **values):
    save_tokenizer(folder, pieces, **values)


def added_tokens_json(folder):
    vocabulary(folder)
    write_json(folder / "added_tokens.json", {mark: len(PIECES) + number for number, mark in enumerate(MARKS)})


def special_tokens_map(folder):
    vocabulary(folder)
    write_json(folder / "special_tokens_map.json", {"additional_special_tokens": MARKS})


def map_of_objects(folder):
    vocabulary(folder)
    flags = {name: flag for name, flag in TOLD.items() if name != "special"}
    marks = [{"content": mark, **flags, "rstrip": True} for mark in MARKS]
    write_json(
        folder / "special_tokens_map.json",
        {"extra_special_tokens": marks, "mask_token": {"content": "[MASK]", **TOLD, "lstrip": True}},
    )


def decoder(folder, **flags):
    vocabulary(folder)
    told = {str(len(PIECES) + at): {"content": mark, **TOLD, **flags} for at, mark in enumerate(MARKS)}
    write_settings(folder, added_tokens_decoder=told)


def tokenizer_config_alone(folder):
    saved(folder)
    edit_settings(folder, extra_special_tokens=MARKS)


def token_of_its_own(folder):
    saved(folder)
    edit_settings(folder, entity_token="<e2>")


def json_tokens(folder, **flags):
    saved(folder)
    path = folder / "tokenizer.json"
    raw = json.loads(path.read_text())
    raw["added_tokens"] += [{"id": len(PIECES) + at, "content": mark, **TOLD, **flags} for at, mark in enumerate(MARKS)]
    path.write_text(json.dumps(raw))


def json_part(folder, kind="BertTokenizer", **parts):
    saved(folder)
    raw = json.loads((folder / "tokenizer.json").read_text())
    for name, part in parts.items():
        raw[name] = {**raw[name], **part} if isinstance(part, dict) and isinstance(raw[name], dict) else part
    write_json(folder / "tokenizer.json", raw)
    edit_settings(folder, tokenizer_class=kind)


def custom(folder, name):
    vocabulary(folder, [CUSTOM.get(piece, piece) for piece in PIECES])
    write_json(folder / name, ROLES)


def custom_objects(folder):
    vocabulary(folder, [CUSTOM.get(piece, piece) for piece in PIECES])
    roles = {role: {"content": token, "__type": "AddedToken", **TOLD} for role, token in ROLES.items()}
    write_settings(
        folder, **{role: {k: v for k, v in token.items() if k != "special"} for role, token in roles.items()}
    )


def unigram(folder, kind="XLMRobertaTokenizer"):
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁the", "▁cat", "c", "a", "t", "e", "▁a", "b", "<mask>"]
    made = Tokenizer(models.Unigram([(word, -float(at)) for at, word in enumerate(words)], unk_id=3))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    made.save(str(folder / "tokenizer.json"))
    write_settings(
        folder,
        tokenizer_class=kind,
        cls_token="<s>",
        sep_token="</s>",
        **{k: v for k, v in ROLES.items() if k != "cls_token" and k != "sep_token"},
    )


CUT = {"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
PADDED = {
    "strategy": {"Fixed": 9},
    "direction": "Right",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "[PAD]",
}
SHORT = {"max_input_chars_per_word": 4}
CASES = {
    "vocab.txt alone": vocabulary,
    "an entry twice": lambda f: vocabulary(f, [*PIECES, "the", "cat", "zz"]),
    "no mask in the vocabulary": lambda f: vocabulary(f, [p for p in PIECES if p != "[MASK]"]),
    "saved": saved,
    "holes between the ids": lambda f: saved(f, [*PIECES, "the", "cat", "zz"]),
    "saved cased": lambda f: saved(f, do_lower_case=False),
    "saved with accents": lambda f: saved(f, strip_accents=False),
    "Chinese as words": lambda f: saved(f, tokenize_chinese_chars=False),
    "cased, by the config alone": lambda f: (vocabulary(f), write_settings(f, do_lower_case=False)),
    "no basic tokenizer": lambda f: (vocabulary(f), write_settings(f, do_basic_tokenize=False)),
    "json lower, config cased": lambda f: (saved(f), edit_settings(f, do_lower_case=False)),
    "json cased, config lower": lambda f: (saved(f, do_lower_case=False), edit_settings(f, do_lower_case=True)),
    "json and config differ in accents": lambda f: (
        saved(f, strip_accents=False),
        edit_settings(f, strip_accents=True),
    ),
    "json cased, config silent": lambda f: (saved(f, do_lower_case=False), (f / "tokenizer_config.json").unlink()),
    "json cased, empty config": lambda f: (saved(f, do_lower_case=False), write_settings(f)),
    "added_tokens.json": added_tokens_json,
    "special_tokens_map.json": special_tokens_map,
    "special_tokens_map.json of objects": map_of_objects,
    "added_tokens_decoder": decoder,
    "added_tokens_decoder, lstrip": lambda f: decoder(f, lstrip=True),
    "added_tokens_decoder, normalized": lambda f: decoder(f, normalized=True, special=False),
    "tokenizer_config.json alone": tokenizer_config_alone,
    "a token with a name of its own": token_of_its_own,
    "additional_special_tokens": lambda f: (vocabulary(f), write_settings(f, additional_special_tokens=MARKS)),
    "named extra tokens": lambda f: (vocabulary(f), write_settings(f, extra_special_tokens={"mark": "[E1]"})),
    "tokenizer.json alone": json_tokens,
    "tokenizer.json, single word": lambda f: json_tokens(f, single_word=True, normalized=True),
    "tokenizer.json, no special ones": lambda f: json_tokens(f, special=False, rstrip=True),
    "custom roles in the config": lambda f: custom(f, "tokenizer_config.json"),
    "custom roles in the map": lambda f: custom(f, "special_tokens_map.json"),
    "custom roles as objects": custom_objects,
    "custom roles saved": lambda f: saved(f, pieces=[CUSTOM.get(p, p) for p in PIECES], **ROLES),
    "BertTokenizerFast": lambda f: (saved(f), edit_settings(f, tokenizer_class="BertTokenizerFast")),
    "ElectraTokenizer": lambda f: (vocabulary(f), write_settings(f, tokenizer_class="ElectraTokenizer")),
    "MPNetTokenizer": lambda f: (vocabulary(f), write_settings(f, tokenizer_class="MPNetTokenizer")),
    "PreTrainedTokenizerFast": lambda f: json_part(f, "PreTrainedTokenizerFast", normalizer=None),
    "PreTrainedTokenizerFast without a template": lambda f: json_part(
        f, "PreTrainedTokenizerFast", post_processor=None
    ),
    "BertTokenizer, another template": lambda f: json_part(f, post_processor=None),
    "BertTokenizer, short words": lambda f: json_part(f, model=SHORT),
    "BertTokenizer, another pre-tokenizer": lambda f: json_part(f, pre_tokenizer={"type": "Whitespace"}),
    "PreTrainedTokenizerFast, short words": lambda f: json_part(f, "PreTrainedTokenizerFast", model=SHORT),
    "a huge model_max_length": lambda f: (vocabulary(f), write_settings(f, model_max_length=int(1e30))),
    "a stored truncation": lambda f: json_part(f, truncation=CUT),
    "a stored padding": lambda f: json_part(f, padding=PADDED),
    "XLM-R's tokenizer": unigram,
    "XLM-R's tokenizer as it stands": lambda f: unigram(f, "PreTrainedTokenizerFast"),
}

BROKEN = b"\xbc not UTF-8\n"
NEWER = {"tokenizer_config.json alone", "special_tokens_map.json of objects", "named extra tokens"}
"""What transformers 4 ends in an error for."""


def read(folder):
    return read_tokenizer(folder, Reader("BertTokenizer", ("input_ids", "token_type_ids"), ROWS))


def told(tokenizer):
    rows = [tokenizer(text, return_offsets_mapping=True, return_token_type_ids=True) for text in TEXTS]
    rows.append(tokenizer(TEXTS[0], TEXTS[1], return_offsets_mapping=True, return_token_type_ids=True))
    return [(row["input_ids"], row["token_type_ids"], [tuple(pair) for pair in row["offset_mapping"]]) for row in rows]


def as_told(tokenizer):
    rows = [*map(tokenizer.encode, TEXTS), tokenizer.encode(TEXTS[0], TEXTS[1])]
    return [(row.ids, row.type_ids, row.offsets) for row in rows]


def automatic(folder):
    return transformers.AutoTokenizer.from_pretrained(folder, config=transformers.BertConfig())


@pytest.mark.parametrize("case", CASES)
def test_ids_offsets_and_types_are_transformers(tmp_path, case):
    CASES[case](tmp_path)
    try:
        theirs = told(automatic(tmp_path))
    except (AttributeError, ValueError):
        assert case in NEWER
        with pytest.raises(BertportError):
            read(tmp_path)
        return
    found = read(tmp_path)
    keep = [at for at, row in enumerate(theirs) if max(row[0], default=0) < ROWS]
    ours = as_told(found.tokenizer)
    assert [ours[at] for at in keep] == [theirs[at] for at in keep]
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name, content in found.files.items():
        (bundle / name).write_bytes(content)
    again = told(automatic(bundle))
    assert [again[at] for at in keep] == [theirs[at] for at in keep]
    if "vocab.txt" in found.files:
        lines = (bundle / "vocab.txt").read_text(encoding="utf-8").split("\n")
        entries = json.loads(found.files["tokenizer.json"])["model"]["vocab"]
        assert all(lines[number] == piece for piece, number in entries.items())


def test_a_vocabulary_that_is_no_text_is_not_carried_on_beside_a_tokenizer_json(tmp_path):
    """Found by `make fuzz`: tokenizer.json is what is read, and vocab.txt is made from it."""
    vocabulary(tmp_path)
    honest = (tmp_path / "vocab.txt").read_bytes()
    saved(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(BROKEN + honest)
    assert read(tmp_path).files["vocab.txt"] == honest
