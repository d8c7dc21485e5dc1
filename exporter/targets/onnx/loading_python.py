"""The Python example on an ONNX bundle's card, which runs with onnxruntime and tokenizers alone."""

from exporter.checkpoint.json_files import MAX_TOKENIZER_BYTES, parse_json
from exporter.checkpoint.text_length import longest_of
from runtimes.bundle.reading import Bundle
from runtimes.errors import CheckpointError
from runtimes.files.bounded_read import read_bounded
from runtimes.parity.shown import LONGEST_ANSWER, TOP_TOKENS

_PARTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""Input → the attribute of an encoding of `tokenizers`."""
_SETUP = """\
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder = Path("path/to/this/folder")
if not folder.is_dir():
    folder = Path()  # Python runs in the folder itself
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_truncation({longest}{direction})
tokenizer.enable_padding(pad_id={pad})
session = onnxruntime.InferenceSession(folder / "model.onnx")

texts = {texts}
rows = tokenizer.encode_batch({asked})
inputs = {{
{inputs}
}}
"""
_SCORES = {
    "sigmoid": "scores = 1 / (1 + np.exp(-logits))",
    "softmax": "powers = np.exp(logits - logits.max(-1, keepdims=True))\n"
    "scores = powers / powers.sum(-1, keepdims=True)",
    "none": "scores = logits",
}
_LOGITS = '(logits,) = session.run(["logits"], inputs)\n'
_CLASSES = _LOGITS + "{scores}\nfor row in scores:\n    print(dict(zip({labels}, row.tolist())))"
_TOKENS = (
    _LOGITS
    + """labels = {labels}
for row, best in zip(rows, logits.argmax(-1)):
    of_text = [text is not None for text in row.sequence_ids]
    print([(token, labels[label]) for token, label, seen in zip(row.tokens, best, of_text) if seen])"""
)
_ANSWER = """\
start, end = session.run(["start_logits", "end_logits"], inputs)
context = np.flatnonzero([text == 1 for text in rows[0].sequence_ids]).tolist()
spans = [(first, last) for at, first in enumerate(context) for last in context[at : at + {longest_answer}]]
first, last = max(spans, key=lambda span: start[0, span[0]] + end[0, span[1]])
print(texts[0][1][rows[0].offsets[first][0] : rows[0].offsets[last][1]])"""
_MASKS = (
    _LOGITS
    + """at = rows[0].ids.index(tokenizer.token_to_id({mask}))
print([tokenizer.id_to_token(int(token)) for token in np.argsort(-logits[0, at])[:{top}]])"""
)
_VECTORS = """\
vectors = session.run({outputs}, inputs)
print([values.shape for values in vectors])"""
_SIMILARITY = """\
(vectors,) = session.run(["sentence_embedding"], inputs)
vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
print(vectors @ vectors.T)  # cosines"""
_CHOICES = _LOGITS + "print(texts[int(logits[0].argmax())][1])"
_ENDINGS = {
    "text-classification": _CLASSES,
    "next-sentence-prediction": _CLASSES,
    "token-classification": _TOKENS,
    "question-answering": _ANSWER,
    "fill-mask": _MASKS,
    "feature-extraction": _VECTORS,
    "sentence-similarity": _SIMILARITY,
    "multiple-choice": _CHOICES,
}
"""Task → the lines that turn its outputs into what a user wants."""
_PAIR = '[("…", "…")]'
_PAIRS = {
    "question-answering": _PAIR,
    "next-sentence-prediction": _PAIR,
    "multiple-choice": '[("…", "…"), ("…", "…")]',
}


def python_lines(bundle: Bundle) -> str:
    """The lines for an ONNX bundle whose files are written."""
    manifest = bundle.manifest
    task, prompt, choices = manifest.recipe.task, manifest.prompt, manifest.problem == "multiple_choice"
    mask, left = _mask_token(bundle), manifest.truncation_side == "left"
    single = f'["… {mask} …"]' if task == "fill-mask" else '["…", "…"]'
    pairs = manifest.pairs or task in _PAIRS
    texts = _PAIRS.get(task, _PAIR if pairs else single)
    parts = [_input(spec.name, spec.dtype, choices) for spec in manifest.inputs]
    asked = (
        f"[({prompt!r} + one, other) for one, other in texts]" if pairs else f"[{prompt!r} + text for text in texts]"
    )
    setup = _SETUP.format(
        longest=longest_of(bundle),
        direction=', direction="left"' if left else "",
        pad=manifest.pad_id,
        texts=texts,
        asked=asked if prompt else "texts",
        inputs="\n".join(parts),
    )
    ending = _ENDINGS[task].format(
        scores=_SCORES[manifest.activation or "softmax"],
        labels=list(manifest.labels),
        mask=repr(mask),
        outputs=[spec.name for spec in manifest.outputs],
        longest_answer=LONGEST_ANSWER,
        top=TOP_TOKENS,
    )
    return f"{setup}{ending}"


def _input(name: str, dtype: str, choices: bool) -> str:
    made = f"np.array([row.{_PARTS[name]} for row in rows], np.{dtype})"
    return f'    "{name}": {made}{"[None]" if choices else ""},'


def _mask_token(bundle: Bundle) -> str:
    path = bundle.directory / "tokenizer_config.json"
    settings = parse_json(path, read_bounded(path, MAX_TOKENIZER_BYTES, CheckpointError))
    mask = settings.get("mask_token") or "[MASK]"
    return str(mask["content"] if isinstance(mask, dict) else mask)
