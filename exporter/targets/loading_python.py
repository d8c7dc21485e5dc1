"""The Python example on a bundle's card, which runs with the target's runtime and tokenizers alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
{imports}
from tokenizers import Tokenizer

folder = Path("path/to/this/folder")
if not folder.is_dir():
    folder = Path()  # Python runs in the folder itself
{length}tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_truncation({longest}{direction})
tokenizer.enable_padding({padded}pad_id={pad})
{opening}

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
_CLASSES = "{read}\n{scores}\nfor row in scores:\n    print(dict(zip({labels}, row.tolist())))"
_TOKENS = """\
{read}
labels = {labels}
for row, best in zip(rows, logits.argmax(-1)):
    of_text = [text is not None for text in row.sequence_ids]
    print([(token, labels[label]) for token, label, seen in zip(row.tokens, best, of_text) if seen])"""
_ANSWER = """\
{read}
context = np.flatnonzero([text == 1 for text in rows[0].sequence_ids]).tolist()
spans = [(first, last) for at, first in enumerate(context) for last in context[at : at + {longest_answer}]]
first, last = max(spans, key=lambda span: start[0, span[0]] + end[0, span[1]])
print(texts[0][1][rows[0].offsets[first][0] : rows[0].offsets[last][1]])"""
_MASKS = """\
{read}
at = rows[0].ids.index(tokenizer.token_to_id({mask}))
print([tokenizer.id_to_token(int(token)) for token in np.argsort(-logits[0, at])[:{top}]])"""
_VECTORS = "{read}\nprint({shapes})"
_SIMILARITY = """\
{read}
vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
print(vectors @ vectors.T)  # cosines"""
_RANKED = "{read}\n{scores}\nfor at in np.argsort(-scores[:, 0]):\n    print(scores[at, 0], texts[at][1])"
_CHOICES = "{read}\nprint(texts[int(logits.argmax())][1])"
_ENDINGS = {
    "text-classification": _CLASSES,
    "text-ranking": _RANKED,
    "next-sentence-prediction": _CLASSES,
    "token-classification": _TOKENS,
    "question-answering": _ANSWER,
    "fill-mask": _MASKS,
    "feature-extraction": _VECTORS,
    "sentence-similarity": _SIMILARITY,
    "multiple-choice": _CHOICES,
}
"""Task → the lines that turn its outputs into what a user wants."""
_VARIABLES = {
    "question-answering": {"start": "start_logits", "end": "end_logits"},
    "sentence-similarity": {"vectors": "sentence_embedding"},
}
"""Task → the outputs that its lines read, by their names for them; of others all, by their own."""
_PAIR = '[("…", "…")]'
_TWO_PAIRS = '[("…", "…"), ("…", "…")]'
_PAIRS = {
    "question-answering": _PAIR,
    "next-sentence-prediction": _PAIR,
    "text-ranking": _TWO_PAIRS,
    "multiple-choice": _TWO_PAIRS,
}


@dataclass(frozen=True)
class RuntimeLines:
    """The lines in which one runtime differs from another.

    `imports` is what stands between numpy and tokenizers, `opening` opens the model in `folder`, and `read` takes
    variable → output, and gives the lines that run the model on `inputs` and set those variables. A model of fixed
    lengths is opened for `length` tokens and reads one row [1, length] at a time; of `inputs` each holds all rows.
    """

    imports: str
    opening: str
    read: Callable[[Mapping[str, str]], str]


def python_lines(bundle: Bundle, runtime: RuntimeLines) -> str:
    """The lines for a bundle whose files are written."""
    manifest = bundle.manifest
    outputs = _VARIABLES.get(manifest.recipe.task) or {spec.name: spec.name for spec in manifest.outputs}
    ending = _ENDINGS[manifest.recipe.task].format(
        read=runtime.read(outputs),
        scores=_SCORES[manifest.activation or "softmax"],
        labels=list(manifest.labels),
        mask=repr(_mask_token(bundle)),
        shapes=", ".join(f"{name}.shape" for name in outputs),
        longest_answer=LONGEST_ANSWER,
        top=TOP_TOKENS,
    )
    return f"{_setup(bundle, runtime)}{ending}"


def _setup(bundle: Bundle, runtime: RuntimeLines) -> str:
    """The lines up to the inputs: of choices one text has all rows, where the model takes more than one at a time."""
    manifest, lengths = bundle.manifest, bundle.manifest.recipe.sequence_lengths
    task, prompt, choices = manifest.recipe.task, manifest.prompt, manifest.problem == "multiple_choice"
    single = f'["… {_mask_token(bundle)} …"]' if task == "fill-mask" else '["…", "…"]'
    pairs = manifest.pairs or task in _PAIRS
    asked = (
        f"[({prompt!r} + one, other) for one, other in texts]" if pairs else f"[{prompt!r} + text for text in texts]"
    )
    return _SETUP.format(
        imports=runtime.imports,
        length=_length_line(lengths),
        longest=_longest(bundle),
        direction=', direction="left"' if manifest.truncation_side == "left" else "",
        padded="length=length, " if lengths else "",
        pad=manifest.pad_id,
        opening=runtime.opening,
        texts=_PAIRS.get(task, _PAIR if pairs else single),
        asked=asked if prompt else "texts",
        inputs="\n".join(_input(spec.name, spec.dtype, choices and not lengths) for spec in manifest.inputs),
    )


def _length_line(lengths: Sequence[int]) -> str:
    """The line that chooses one of the lengths, where they are fixed."""
    if not lengths:
        return ""
    longest, *others = sorted(lengths, reverse=True)
    told = f"  # or {', '.join(map(str, others))}: the shortest that holds the texts is the fastest" if others else ""
    return f"length = {longest}{told}\n"


def _longest(bundle: Bundle) -> str:
    """Where texts are truncated."""
    lengths, longest = bundle.manifest.recipe.sequence_lengths, longest_of(bundle)
    if not lengths:
        return str(longest)
    return "length" if longest == max(lengths) else f"min(length, {longest})"


def _input(name: str, dtype: str, choices: bool) -> str:
    made = f"np.array([row.{_PARTS[name]} for row in rows], np.{dtype})"
    return f'    "{name}": {made}{"[None]" if choices else ""},'


def _mask_token(bundle: Bundle) -> str:
    path = bundle.directory / "tokenizer_config.json"
    settings = parse_json(path, read_bounded(path, MAX_TOKENIZER_BYTES, CheckpointError))
    mask = settings.get("mask_token") or "[MASK]"
    return str(mask["content"] if isinstance(mask, dict) else mask)
