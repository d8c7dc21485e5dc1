"""The line that states what an export assumed about a checkpoint: task, scores, tokenizer, truncation."""

from exporter.checkpoint.text_length import longest_of
from runtimes.bundle.reading import Bundle

_TASKLESS = ("embedding",)


def decided(bundle: Bundle) -> str:
    """Task, what its numbers are, tokenizer, where texts are truncated, pooling, prompt, and what is left out."""
    manifest = bundle.manifest
    problem = "" if manifest.problem in _TASKLESS else f" ({manifest.problem.replace('_', ' ')})"
    scores = f"scores by {manifest.activation}" if manifest.activation not in (None, "none") else ""
    parts = [
        f"{manifest.recipe.task}{' of pairs' if manifest.pairs else ''}{problem}",
        "scores as they are" if manifest.activation == "none" else scores,
        f"pooling {' then '.join(manifest.pooling)}" if manifest.pooling else "",
        f"tokenizer of {manifest.tokenizer_file}" if manifest.tokenizer_file else "",
        f"texts truncated at {longest_of(bundle)} tokens{_from_start(manifest.truncation_side)}",
        f"prompt {manifest.prompt!r}" if manifest.prompt else "",
        f"left out {', '.join(manifest.left_out)}, never read" if manifest.left_out else "",
    ]
    return "; ".join(filter(None, parts))


def _from_start(side: str) -> str:
    return ", from the start" if side == "left" else ""
