"""What a config.json may say wrongly: every key that transformers' config classes know, by every kind of value."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import transformers

FAMILIES = {
    "bert": "Bert",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "roberta": "Roberta",
    "mobilebert": "MobileBert",
    "xlm-roberta": "XLMRoberta",
    "camembert": "Camembert",
    "albert": "Albert",
    "mpnet": "MPNet",
    "deberta-v2": "DebertaV2",
    "modernbert": "ModernBert",
}
HEADS = ("ForSequenceClassification", "ForTokenClassification", "ForMaskedLM", "Model", "ForMultipleChoice")
_SEEN = """
    _name_or_path _num_labels _commit_hash _attn_implementation adapters attn_implementation auto_map bad_words_ids
    begin_suppress_tokens classifier_activation classifier_dropout cls_token_id compression_config
    cross_attention_hidden_size
    custom_pipelines decoder_start_token_id directionality diversity_penalty do_sample dtype early_stopping
    embedding_size encoder_no_repeat_ngram_size exponential_decay_length_penalty finetuning_task forced_bos_token_id
    forced_eos_token_id gradient_checkpointing hidden_dropout hidden_size id2label is_decoder is_encoder_decoder
    label2id language layer_norm_epsilon layer_types length_penalty mask_token_id max_length min_length mlp_layer_types
    model_type n_layer no_repeat_ngram_size num_beam_groups num_beams num_choices num_hidden_groups num_labels
    num_return_sequences output_attentions output_hidden_states output_past output_scores pad_token_id
    per_layer_config pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type
    position_embedding_type prefix problem_type pruned_heads quantization_config remove_invalid_values
    repetition_penalty return_dict return_dict_in_generate rope_parameters rope_scaling rope_theta sep_token_id
    sentence_transformers sliding_window summary_first_dropout summary_proj_to_labels suppress_tokens
    task_specific_params temperature text_config tf_legacy_loss tie_encoder_decoder tie_weights_ tie_word_embeddings
    tokenizer_class top_k top_p torch_dtype torchscript transformers.js_config transformers_version
    trust_remote_code typical_p unk_token_id use_bfloat16 use_cache use_return_dict xla_device
"""
"""Keys of config.json files as they lie on the hub, besides those of the classes."""

_DEEP: Any = 1
for _ in range(60):
    _DEEP = {"a": [_DEEP]}

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 64, 513, 5_000, 10**6, 4 * 10**6, 2**31, 2**63, -(2**63), 10**60),
    *(0.0, 0.5, 1.0, 1.5, -0.1, 1e-12, 1e-320, 1e300, float("nan"), float("inf"), -float("inf"), 32.0),
    *("", " ", "0", "1", "0.1", "32", "true", "none", "gelu", "mish", "relu", "float16", "auto", "absolute", "first"),
    *("é\u0000\u202e\n", "x" * 5_000, "../../etc/passwd", "regression", "single_label_classification", "cls"),
    *([], [0], [1, 2], ["a"], [None], [[]], [0.5], list(range(500)), ["full_attention"], ["full_attention"] * 2),
    *({}, {"0": "a"}, {"0": "a", "1": "b", "2": "c"}, {"a": 0}, {"a": 0, "b": 1, "c": 2}, {"0": None}, {"0": [1]}),
    *({"a": {"quantization_config": {"bits": 4}}}, {"bits": 4}, {"model_type": "bert"}, {"rope_type": "linear"}),
    *(
        {"": ""},
        {"rope_type": "default", "factor": None},
        _DEEP,
        ["BertModel"],
        [["BertModel"]],
        {"float": float("nan")},
    ),
)
"""Wrong types, nulls, extremes, texts and nested things; some are right for some keys."""

_TEXTS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1")


@dataclass(frozen=True)
class Odd:
    """One config.json of a family and head: what was changed, in words, and the bytes of the file."""

    family: str
    head: str
    change: str
    content: bytes


def keys(family: str) -> list[str]:
    """Every key that the family's config class knows, its methods' names, and those seen on the hub."""
    kind = transformers.CONFIG_MAPPING[family]
    known = {*kind().to_dict(), *kind.attribute_map, *(name for name in dir(kind) if not name.startswith("__"))}
    return sorted({*known, *_SEEN.split(), "__class__", "__dict__", "no_such_key"})


def draw(honest: dict[tuple[str, str], dict[str, Any]], count: int, seed: int) -> Iterator[Odd]:
    """`count` odd configs of `honest`, by family and head: each key by each value in turn, others of several keys.

    Every second one changes a single key, one of two hundred the text of the file; the same for the same seed.
    """
    rng = random.Random(seed)
    singles = [(family, key, value) for family in FAMILIES for key in keys(family) for value in range(len(VALUES))]
    rng.shuffle(singles)
    for number in range(count):
        if number % 200 == 199:
            yield _garbled(honest, rng)
        elif number % 2 == 0 and number // 2 < len(singles):
            family, key, value = singles[number // 2]
            yield _changed(honest, family, rng.choice(HEADS), [(key, value)])
        else:
            family = rng.choice(list(FAMILIES))
            several = rng.sample(keys(family), rng.randint(2, 5))
            yield _changed(honest, family, rng.choice(HEADS), [(key, rng.randrange(len(VALUES))) for key in several])


def _changed(
    honest: dict[tuple[str, str], dict[str, Any]], family: str, head: str, changes: list[tuple[str, int]]
) -> Odd:
    config = honest[family, head] | {key: VALUES[value] for key, value in changes}
    told = ", ".join(f"{key} = {json.dumps(VALUES[value])[:60]}" for key, value in changes)
    return Odd(family, head, told, json.dumps(config).encode())


def _garbled(honest: dict[tuple[str, str], dict[str, Any]], rng: random.Random) -> Odd:
    """The file itself: another encoding, cut short, a byte changed, a key twice, an object in a list."""
    family, head = rng.choice(list(FAMILIES)), rng.choice(HEADS)
    text = json.dumps(honest[family, head] | {"note": "é模"}, ensure_ascii=False)
    way = rng.choice(("encoding", "cut", "byte", "twice", "list", "nothing", "huge number", "deep"))
    content = text.encode()
    at = rng.randrange(len(content))
    told = {
        "encoding": text.encode(rng.choice(_TEXTS), "replace"),
        "cut": content[:at],
        "byte": content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :],
        "twice": content[:-1] + b', "hidden_size": 5, "model_type": "bert"}',
        "list": b"[" + content + b"]",
        "nothing": rng.choice((b"", b"null", b"{}", b"\0" * 99)),
        "huge number": content[:-1] + b', "pad_token_id": ' + b"9" * 5_000 + b"}",
        "deep": content[:-1] + b', "a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    }
    return Odd(family, head, f"the text: {way}", told[way])
