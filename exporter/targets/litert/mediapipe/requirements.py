"""What MediaPipe's text tasks ask of a checkpoint, refused before anything is written.

TextClassifier gives each label a score, TextEmbedder gives a vector; both read one text through BERT's uncased
WordPiece, and truncate it at its end.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from tokenizers import Tokenizer

from exporter.checkpoint.activation import NONE
from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.pairs import reads_pairs
from exporter.checkpoint.tokenizer.kinds import find_kind
from exporter.checkpoint.tokenizer.settings import ID_PARTS, differing, parts_of
from exporter.checkpoint.tokenizer.standard_bert import ROLES, from_vocabulary
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE
from exporter.model.tasks import SENTENCE_SIMILARITY, TEXT_CLASSIFICATION
from runtimes.errors import LoweringError, UsageError, excerpt

_DEFAULT_LENGTH = 128
_COUNTED = ("strip_accents", "clean_text")
"""Settings of the normaliser that decide texts one by one: those that differ are counted."""


def default_lengths(checkpoint: Checkpoint) -> tuple[int, ...]:
    """The tokens of the inputs where nothing is asked: 128, or as many as the checkpoint takes."""
    return (min(_DEFAULT_LENGTH, checkpoint.max_tokens),)


def check_one_length(lengths: Sequence[int], checkpoint: Checkpoint) -> None:
    """Raise UsageError for other than one length, or one where MediaPipe truncates later than the checkpoint.

    MediaPipe truncates at the length that a file takes, and fails at longer texts where a file takes any.
    """
    asked = " ".join(map(str, lengths))
    if len(lengths) != 1:
        raise UsageError(f"--mediapipe: one length alone, found --sequence-length {asked}; export each by itself")
    if lengths[0] > checkpoint.max_tokens:
        raise UsageError(
            f"--mediapipe: --sequence-length {asked}: MediaPipe truncates texts there, and this model reads "
            f"{checkpoint.max_tokens} tokens at most; pass that, or less"
        )


def check_checkpoint(checkpoint: Checkpoint) -> None:
    """Raise LoweringError for a checkpoint that MediaPipe's tasks would answer for wrongly, or not at all."""
    if wrong := next(chain.from_iterable(check(checkpoint) for check in _CHECKS), None):
        raise LoweringError(f"--mediapipe: {wrong}; leave --mediapipe out, and tokenize in the app as the kits do")


def _task(checkpoint: Checkpoint) -> list[str]:
    if reads_pairs(checkpoint):
        return ["MediaPipe's TextClassifier reads one text, and this model pairs"]
    if checkpoint.task in (TEXT_CLASSIFICATION, SENTENCE_SIMILARITY):
        return []
    classifier, embedder = TEXT_CLASSIFICATION.name, SENTENCE_SIMILARITY.name
    return [f"MediaPipe has a task for {classifier} and for {embedder}, and none for {checkpoint.task.name}"]


def _scores(checkpoint: Checkpoint) -> list[str]:
    if checkpoint.activation == NONE:
        return ["MediaPipe's TextClassifier gives probabilities, and this model's scores are its logits"]
    broken = [label for label in checkpoint.labels if "\n" in label]
    return [f"MediaPipe reads a label a line, and {excerpt(label)} has two" for label in broken]


def _text(checkpoint: Checkpoint) -> list[str]:
    found = []
    if checkpoint.prompt:
        found.append(f"MediaPipe puts no prompt before a text, and this model reads {excerpt(checkpoint.prompt)} there")
    if checkpoint.truncation_side != "right":
        found.append("MediaPipe truncates a text at its end, and this model's texts are truncated at their start")
    if checkpoint.geometry.pad and checkpoint.model.family.padding_shows:
        found.append(f"MediaPipe pads with id 0, and this model, whose answers show it, with {checkpoint.geometry.pad}")
    return found


def _tokenizer(checkpoint: Checkpoint) -> list[str]:
    if difference := unlike_uncased(checkpoint.tokenizer.tokenizer):
        return [f"MediaPipe has BERT's uncased WordPiece alone, and this tokenizer is another ({difference})"]
    return []


_CHECKS: tuple[Callable[[Checkpoint], list[str]], ...] = (_task, _scores, _text, _tokenizer)


def unlike_uncased(tokenizer: Tokenizer) -> str:
    """The first setting in which a tokenizer is not BERT's uncased one over its own vocabulary; nothing if none is."""
    found = parts_of(tokenizer)
    if find_kind(found["model"]) is not WORDPIECE:
        return f"model {found['model'].get('type')}"
    built = from_vocabulary(found["model"]["vocab"], {})
    if built is None:
        return f"no entry for {next(role for role in ROLES.values() if role not in found['model']['vocab'])}"
    expected, found = (_compared(one) for one in (parts_of(built), found))
    return next((str(one) for one in differing(expected, found)), "")


def _compared(parts: dict[str, object]) -> dict[str, object]:
    """What MediaPipe's tokenizer must have alike: of added tokens their ids, for it looks for none in a text."""
    compared = {part: parts[part] for part in ID_PARTS}
    normalizer, added = compared["normalizer"], compared["added_tokens"]
    if isinstance(normalizer, dict):
        compared["normalizer"] = {key: value for key, value in normalizer.items() if key not in _COUNTED}
    if isinstance(added, dict):
        compared["added_tokens"] = {text: token["id"] for text, token in added.items()}
    return compared
