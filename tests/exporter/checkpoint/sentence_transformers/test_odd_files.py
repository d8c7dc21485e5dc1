"""What lies beside a sentence model, of any type and with any text in it: one line, or an answer that parity proves."""

import json
import re
from contextlib import suppress

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from runtimes.errors import BertportError


@pytest.fixture
def folder(sentences):
    return sentences


def read(folder):
    return load(resolve(str(folder), HubOptions()))


class OneLine(Exception):  # noqa: N818 - the one that is expected
    """A refusal that is short, and names the file."""


def one_line(folder):
    try:
        read(folder)
    except BertportError as error:
        told = str(error)
        raise OneLine if str(folder) in told and len(told) < 600 else AssertionError(told) from error


def refused(folder, name, content, said):
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(BertportError, match=said) as error:
        read(folder)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("content", [5, 1.5, True, "cls", [], [1], None, "NaN", '{"pooling_mode": NaN}', "{", ""])
def test_a_pooling_that_is_no_object(folder, content):
    refused(folder, "1_Pooling/config.json", content, r"1_Pooling.config\.json: (expected an object|not JSON)")


MODES = [5, -1, True, [], {}, [1], [None], ["cls", "mean"], "\0", "cls\0", "a" * 100_000, ["b" * 100_000], {"a": [1]}]


@pytest.mark.parametrize("mode", MODES, ids=range(len(MODES)))
def test_a_pooling_mode_that_is_none(folder, mode):
    refused(folder, "1_Pooling/config.json", {"pooling_mode": mode}, "pooling .* is not supported; one of cls")


@pytest.mark.parametrize("value", [5, "yes", [0], {"a": 1}, "\0", None])
def test_a_switch_that_is_no_switch(folder, value):
    """Of two modes one is on, whatever it is on with."""
    modes = {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": value}
    if value is None:
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
        assert read(folder).recipe.pooling == "mean"
    else:
        refused(folder, "1_Pooling/config.json", modes, "pooling")


@pytest.mark.parametrize(
    "path", ["1_Pooling\0", "\0", "../x", "/etc", ".git", 5, None, ["a"], {"a": 1}, "x" * 5_000, "1_Pooling\n"]
)
def test_a_module_path_that_is_none(folder, path):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = path
    refused(folder, "modules.json", modules, re.escape(str(folder)))


@pytest.mark.parametrize("kind", [5, None, "\0", [], {}, "x" * 100_000, "sentence_transformers.models.Pooling\0"])
def test_a_module_type_that_is_none(folder, kind):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = kind
    refused(folder, "modules.json", modules, re.escape(str(folder)))


@pytest.mark.parametrize("content", [5, True, None, {}, "text", [5], [None], [[]], ["text"], [{"type": "a"}]])
def test_modules_that_are_no_list_of_them(folder, content):
    refused(folder, "modules.json", json.dumps(content), r"modules\.json")


ODD = [
    5,
    -1,
    0.5,
    True,
    None,
    "text",
    "\0",
    [],
    [1],
    {},
    {"a": 1},
    {"text": 5},
    {"text": [1]},
    "x" * 100_000,
    [[]],
    1e30,
]
SETTINGS = {
    "sentence_bert_config.json": (
        *("max_seq_length", "do_lower_case", "model_args", "model_kwargs", "tokenizer_args", "processor_kwargs"),
        *("config_args", "transformer_task", "modality_config", "processing_kwargs", "tokenizer_name_or_path"),
    ),
    "config_sentence_transformers.json": (
        *("model_type", "prompts", "default_prompt_name", "truncate_dim", "similarity_fn_name", "activation_fn"),
        "__version__",
    ),
    "1_Pooling/config.json": ("pooling_mode", "include_prompt", "word_embedding_dimension"),
    "tokenizer_config.json": ("model_max_length", "do_lower_case", "truncation_side", "padding_side"),
}


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in SETTINGS.items() for key in keys])
def test_an_odd_setting_is_honoured_or_one_line(folder, name, key):
    path = folder / name
    before = json.loads(path.read_text()) if path.is_file() else {}
    for value in ODD:
        path.write_text(json.dumps(before | {key: value}))
        with suppress(OneLine):
            one_line(folder)
