"""Honest files to start from, small and the same every time; no torch but for the pickle."""

import gzip
import json
import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.fuzz.bytecode import small, write_asset
from exporter.model.families.registry import FAMILIES
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.reference.default_texts import default_texts
from runtimes.aimodel.names import ASSET

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", "the", "##s", "##ing", "cat")
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "vocab_size": len(PIECES),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "id2label": {"0": "World", "1": "Sports", "2": "Business"},
    "label2id": {"World": 0, "Sports": 1, "Business": 2},
}
TABLES = {
    "rows.csv": 'text,label\nthe cat sat,World\n"a dog, it ran",Sports\nshares fell,Business\n',
    "rows.tsv": 'sentence\tlabel\nthe cat sat\t0\na "dog" ran\t1\nshares fell\t2\n',
    "rows.jsonl": '{"text": "the cat", "label": "World"}\n{"text": "a dog", "label": 1}\n{"text": "x", "label": 2}\n',
    "words.jsonl": '{"tokens": ["the", "cat"], "tags": ["World", "Sports"]}\n{"tokens": ["a"], "tags": ["World"]}\n',
    "answers.jsonl": '{"question": "who", "context": "the cat", "answers": {"text": ["cat"], "answer_start": [4]}}\n',
    "pairs.csv": "premise,hypothesis,label\nthe cat,a cat,World\na dog,no dog,Sports\n",
}


def write_checkpoint(folder: Path, **changes: Any) -> Path:
    """A model of one layer, a BERT unless told otherwise, with seeded weights and a vocabulary of a few tokens."""
    config, numbers = {**CONFIG, **changes}, np.random.default_rng(0)
    family = FAMILIES[config["model_type"]]
    geometry, head = family.read_geometry(config), family.choose_head("auto", config["architectures"])
    entries = [(family.prefix + one.stored, one.shape) for one in family.entries(geometry)]
    entries += [(one.stored, one.shape) for one in head.entries(geometry, len(config["id2label"]))]
    folder.mkdir(parents=True)
    weights = {name: numbers.normal(0, 0.3, shape).astype(np.float32) for name, shape in entries}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 16}))
    return folder


def write_checkpoints(folder: Path) -> list[Path]:
    """One of each way in which a checkpoint lies on a disk."""
    plain = write_checkpoint(folder / "plain")
    sharded = shutil.copytree(plain, folder / "sharded")
    weights = load_file(plain / "model.safetensors")
    parts = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(sorted(weights))}
    for part in set(parts.values()):
        save_file({name: weights[name] for name in weights if parts[name] == part}, sharded / part)
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    (sharded / "model.safetensors").unlink()
    return [plain, _with_tokenizer(plain, folder / "whole"), sharded, _pickled(plain, folder), _sentences(folder)]


def write_tokenizers(folder: Path) -> list[Path]:
    """A Unigram tokenizer of each layout, with a map of characters each; byte-level BPE; SentencePiece's own file."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    from benchmarks.models.unigram_files import LAYOUTS, sentencepiece_model, unigram

    entries = [("▁", -2.0), ("the", -1.5), ("▁cat", -1.0), ("ing", -2.5), *((c, -4.0) for c in "abcdefghist")]
    merged = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "abb": 3}, [("a", "b"), ("ab", "b")]))
    merged.pre_tokenizer = pre_tokenizers.ByteLevel()
    made = {"bpe": merged, **{layout: unigram(layout, entries) for layout in LAYOUTS}}
    for name, tokenizer in made.items():
        (folder / name).mkdir(parents=True)
        tokenizer.save(str(folder / name / "tokenizer.json"))
    (folder / "sentencepiece").mkdir()
    (folder / "sentencepiece" / "spiece.model").write_bytes(sentencepiece_model(entries))
    return [folder / name for name in (*made, "sentencepiece")]


def _with_tokenizer(plain: Path, folder: Path) -> Path:
    """With tokenizer.json, as transformers saves it today."""
    from exporter.checkpoint.tokenizer.reading import Reader, read_tokenizer

    shutil.copytree(plain, folder)
    made = read_tokenizer(plain, Reader("BertTokenizer", ("input_ids", "attention_mask"), len(PIECES)))
    (folder / "tokenizer.json").write_bytes(made.files["tokenizer.json"])
    (folder / "special_tokens_map.json").write_bytes(made.files["special_tokens_map.json"])
    return folder


def _pickled(plain: Path, folder: Path) -> Path:
    import torch

    pickled = shutil.copytree(plain, folder / "pickled")
    weights = load_file(plain / "model.safetensors")
    torch.save({name: torch.from_numpy(value) for name, value in weights.items()}, pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    return pickled


def _sentences(folder: Path) -> Path:
    """As sentence-transformers saves a model."""
    made = write_checkpoint(folder / "sentences")
    modules = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Normalize", "Normalize"))
    listed = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(modules)
    ]
    (made / "modules.json").write_text(json.dumps(listed))
    (made / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12, "do_lower_case": False}))
    for path, _ in modules[1:]:
        (made / path).mkdir()
    (made / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    (made / "2_Dense" / "config.json").write_text(
        json.dumps({"in_features": 16, "out_features": 8, "bias": True, "activation_function": "torch.nn.Tanh"})
    )
    dense = {"linear.weight": np.ones((8, 16), np.float32), "linear.bias": np.zeros(8, np.float32)}
    save_file(dense, made / "2_Dense" / "model.safetensors")
    weights = load_file(made / "model.safetensors")
    save_file({name: one for name, one in weights.items() if "classifier" not in name}, made / "model.safetensors")
    return made


def write_adapter(folder: Path) -> Path:
    """A LoRA adapter as peft saves it."""
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "../plain", "r": 2}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file(
        {"base_model.model.classifier.weight": np.zeros((3, 16), np.float32)}, folder / "adapter_model.safetensors"
    )
    return folder


def write_bundles(folder: Path, checkpoint: Path, targets: Sequence[str] = ("onnx", "coreml", "litert")) -> list[Path]:
    """Of each target in float32 and int8, compared with PyTorch: golden.json and parity.json are there too."""
    places = []
    for target, scheme in product(targets, ("none", "int8")):
        place = folder / f"{target}-{scheme}"
        export(
            Request(str(checkpoint), targets=(target,), schemes=(scheme,), destination=place, keep_failing=True),
        )
        places.append(place)
    return places


def write_tables(folder: Path) -> list[Path]:
    """Labelled rows in every form that is read, gzipped too."""
    places = []
    for name, content in TABLES.items():
        for form, data in ((name, content.encode()), (f"{name}.gz", gzip.compress(content.encode(), mtime=0))):
            place = folder / form.replace(".", "-")
            place.mkdir(parents=True)
            (place / form).write_bytes(data)
            places.append(place)
    (folder / "plain").mkdir()
    (folder / "plain" / "texts.txt").write_text("\n".join(default_texts()[:4]))
    return [*places, folder / "plain"]


def write_packages(folder: Path) -> list[Path]:
    """Core ML packages by themselves: whole numbers, rounded ones, palettes, and two lengths in one."""
    checkpoint, made = write_checkpoint(folder / "checkpoint"), []
    for scheme, lengths in (("none", (8,)), ("int8", (8,)), ("palettize4", (4, 8))):
        place, settings = folder / scheme, Settings(options={"sequence_lengths": lengths, "deployment_target": "iOS18"})
        export(Request(str(checkpoint), ("coreml",), (scheme,), place, settings=settings, verify=False))
        for path in [one for one in place.iterdir() if one.is_file()]:
            path.unlink()
        made.append(place)
    return made


def write_tflites(folder: Path) -> list[Path]:
    """.tflite files by themselves: of any length in every form of storage, and of two lengths."""
    checkpoint, made = write_checkpoint(folder / "checkpoint"), []
    forms = (("none", ()), ("int8", ()), ("int4-embeddings", ()), ("pq", ()), ("int8-weights", ()), ("int8", (4, 8)))
    for scheme, lengths in forms:
        place, settings = folder / f"{scheme}-{len(lengths)}", Settings.of(sequence_lengths=lengths)
        export(Request(str(checkpoint), ("litert",), (scheme,), place, settings=settings, verify=False))
        for path in [one for one in place.iterdir() if one.name != "model.tflite"]:
            path.unlink()
        made.append(place)
    return made


def write_assets(folder: Path) -> list[Path]:
    """Core AI assets by themselves, of one length and of two; no library of Apple's is needed."""
    for name, lengths in (("one", (4,)), ("two", (4, 8))):
        write_asset(folder / name / ASSET, small(lengths).content(), creatorDefinedMetadata={"labels": ["a"]})
    return [folder / "one", folder / "two"]


SETTINGS = """
baseline = "baseline.json"
[[export]]
model = "demo"
targets = ["onnx", "coreml"]
schemes = ["int8", "none"]
texts = "texts.txt"
[export.settings]
opset = 21
sequence_lengths = [32, 128]
[export.data]
file = "rows.csv"
labels = { "1" = "World" }
[export.budget]
max_absolute = 1
max_drop_points = 0.5
[export.budget.latency]
to = "demo onnx-none"
max_ratio = 1.5
[tolerance]
size = 0.02
[timing]
tokens = [16, 128]
"""


def write_settings(folder: Path) -> list[Path]:
    """bertport.toml, and all that it names."""
    folder.mkdir(parents=True)
    (folder / "bertport.toml").write_text(SETTINGS)
    (folder / "texts.txt").write_text("a text")
    (folder / "rows.csv").write_text("text,label\na,1\n")
    figures = {"size_bytes": 4, "parity": {"native": {"status": "measured", "max_relative": 0.0, "agreement": 1.0}}}
    baseline = {"versions": {"onnx": "1"}, "bundles": {"demo onnx-int8": figures}}
    (folder / "baseline.json").write_text(json.dumps(baseline | {"kind": "check-baseline", "schema_version": 1}))
    return [folder]
