"""A tokenizer in a bundle that says anything but what the checkpoint's export says is found, setting by setting."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.models.tokenizer_files import write_vocabulary
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim, trim_checkpoint
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.audit.bundle import audit_bundle, audit_subject
from exporter.verification.audit.tokenizer import audit_tokenizer
from exporter.verification.origin import kept_pieces
from runtimes.bundle.reading import read_bundle


@pytest.fixture(scope="module")
def marked(tmp_path_factory, write_checkpoint):
    """A checkpoint with an added token, which transformers alone reads, and a bundle of it."""
    folder = write_checkpoint(tmp_path_factory.mktemp("marked") / "checkpoint", vocab_size=90)
    pieces = dict.fromkeys((folder / "vocab.txt").read_text().split())  # an added token's id counts them once
    write_vocabulary(folder, tuple(pieces))
    (folder / "added_tokens.json").write_text(json.dumps({"<e1>": len(pieces)}))
    export(Request(str(folder), destination=folder.parent / "made", verify=False))
    return folder


def audited(folder, bundle):
    return audit_subject(read_bundle(bundle), load(resolve(str(folder), HubOptions())))


@pytest.fixture
def spoiled(marked, tmp_path):
    """Change one JSON file of a copy; the places that the audit names there."""
    copy = shutil.copytree(marked.parent / "made", tmp_path / "copy")

    def spoil(name, change):
        path = copy / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return [(one.file, one.subject) for one in audit_tokenizer(audited(marked, copy)).findings]

    spoil.folder = copy
    return spoil


def swap(content):
    entries = content["model"]["vocab"]
    entries["cat"], entries["dog"] = entries["dog"], entries["cat"]


TRUNCATION = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
PADDING = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0}
FAULTS = {
    "normalizer.lowercase": lambda c: c["normalizer"].update(lowercase=False),
    "normalizer.strip_accents": lambda c: c["normalizer"].update(strip_accents=False),
    "model.vocab.cat": swap,
    "model.max_input_chars_per_word": lambda c: c["model"].update(max_input_chars_per_word=9),
    "model.unk_token": lambda c: c["model"].update(unk_token="the"),
    "model.continuing_subword_prefix": lambda c: c["model"].update(continuing_subword_prefix="@@"),
    "post_processor": lambda c: c.update(post_processor=None),
    "truncation": lambda c: c.update(truncation=TRUNCATION),
    "padding": lambda c: c.update(padding={**PADDING, "pad_token": "[PAD]"}),
    "pre_tokenizer": lambda c: c.update(pre_tokenizer={"type": "Whitespace"}),
    "decoder": lambda c: c.update(decoder=None),
    "added_tokens.<e1>": lambda c: c["added_tokens"].pop(),
    "added_tokens.<e1>.lstrip": lambda c: c["added_tokens"][-1].update(lstrip=True),
    "added_tokens.[SEP].normalized": lambda c: c["added_tokens"][3].update(normalized=True),
}


@pytest.mark.parametrize("place", FAULTS)
def test_a_fault_in_tokenizer_json_is_named(spoiled, place):
    assert ("tokenizer.json", place) in spoiled("tokenizer.json", FAULTS[place])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("do_lower_case", False),
        ("tokenizer_class", "RobertaTokenizer"),
        ("mask_token", "[UNK]"),
        ("model_max_length", 4),
    ],
)
def test_a_fault_in_tokenizer_config_is_named(spoiled, key, value):
    assert spoiled("tokenizer_config.json", lambda c: c.update({key: value})) == [("tokenizer_config.json", key)]


def test_faults_in_the_other_files_are_named(spoiled):
    assert spoiled("special_tokens_map.json", lambda c: c.update(mask_token="[PAD]")) == [
        ("special_tokens_map.json", "mask_token")
    ]
    shutil.copy(spoiled.folder / "special_tokens_map.json", spoiled.folder / "added_tokens.json")
    path = spoiled.folder / "vocab.txt"
    lines = path.read_bytes().split(b"\n")
    lines[6], lines[9] = lines[9], lines[6]
    path.write_bytes(b"\n".join(lines))
    found = spoiled("tokenizer_config.json", lambda c: None)
    assert found[1:] == [("special_tokens_map.json", "mask_token"), ("vocab.txt", "line 7")]
    assert found[0] == ("added_tokens.json", "file")


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b"[1]"])
def test_a_file_that_cannot_be_read_is_a_finding(spoiled, marked, content):
    path = spoiled.folder / "tokenizer.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    found = audit_tokenizer(audited(marked, spoiled.folder)).findings
    assert [(one.file, one.subject) for one in found] == [("tokenizer.json", "file")]


def test_an_untouched_bundle_has_no_finding_and_other_spelling_is_none(spoiled, marked):
    audit = audit_tokenizer(audited(marked, spoiled.folder))
    assert (audit.findings, audit.facts > 150) == ((), True)
    assert spoiled("tokenizer.json", lambda c: None) == []


def test_the_audit_of_a_bundle_includes_its_tokenizer(spoiled, marked):
    spoiled("tokenizer.json", FAULTS["post_processor"])
    assert ("tokenizer.json", "post_processor") in [
        (one.file, one.subject) for one in audit_bundle(audited(marked, spoiled.folder)).findings
    ]


def test_a_trimmed_bundle_is_held_against_its_own_vocabulary(marked, texts, tmp_path):
    out = tmp_path / "out"
    request = Request(str(marked), destination=out, verify=False, settings=Settings(trim=Trim(texts, keep_entries=70)))
    export(request)
    whole = load(resolve(str(marked), HubOptions()))
    bundle = read_bundle(out)
    trimmed = trim_checkpoint(whole, kept_pieces(bundle, whole))
    assert audit_tokenizer(audit_subject(bundle, trimmed)).findings == ()
    path = Path(out, "tokenizer.json")
    content = json.loads(path.read_text())
    swap(content)
    path.write_text(json.dumps(content))
    assert audit_tokenizer(audit_subject(bundle, trimmed)).findings
