"""The model card of a bundle, README.md: what it is, how to load it, and its figures from parity.json."""

from exporter.bundling.assumptions import decided
from exporter.checkpoint.text_length import longest_of
from exporter.targets.registry import TARGETS
from runtimes.bundle.manifest import Finetuning
from runtimes.bundle.reading import Bundle
from runtimes.parity.compare import Parity


def write_card(bundle: Bundle, parity: Parity) -> str:
    """Render the card as Markdown."""
    manifest, recipe = bundle.manifest, bundle.manifest.recipe
    origin = manifest.source_model + (f" at {manifest.source_revision}" if manifest.source_revision else "")
    lines = [
        f"# {manifest.source_model}: {recipe.target}, {recipe.scheme}",
        "",
        f"{manifest.architecture} for {recipe.task}, from {origin}, by bertport {manifest.versions['bertport']}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| model | {bundle.size_bytes:,} bytes |",
        f"| decided | {_cell(decided(bundle))} |",
        f"| longest text | {longest_of(bundle)} tokens |",
        *([f"| kept wider | {', '.join(recipe.keep)} |"] if recipe.keep else []),
        *([f"| vocabulary | trimmed to {recipe.vocabulary_size:,} entries |"] if recipe.vocabulary_size else []),
        *([f"| fine-tuned | {_finetuned(manifest.finetuning)} |"] if manifest.finetuning else []),
        *([f"| labels | {', '.join(manifest.labels)} |"] if manifest.labels else []),
        f"| inputs | {', '.join(f'{s.name} {s.dtype} {list(s.shape)}' for s in manifest.inputs)} |",
        f"| outputs | {', '.join(f'{s.name} {s.dtype} {list(s.shape)}' for s in manifest.outputs)} |",
        *_parity_rows(parity),
        "",
        "## Loading",
        "",
        TARGETS[recipe.target].loading(bundle),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text of a checkpoint's, in a cell of a table."""
    return text.replace("|", "\\|").replace("`", "'")


def _finetuned(done: Finetuning) -> str:
    """What was trained, and what it gave on the texts that were held out."""
    pairs = [f"{name} {value:.4g} → {done.after[name]:.4g}" for name, value in done.before.items()]
    trained = f"{', '.join(done.trained)}, to answer {done.learnt_texts:,} texts as the float model does"
    return f"{trained}; on {done.held_out_texts:,} others: {', '.join(pairs)}"


def _parity_rows(parity: Parity) -> list[str]:
    if not parity.rows:
        return [f"| parity with PyTorch | {parity.verdict.value}: {parity.note} |"]
    rows = [
        f"| parity with PyTorch | {parity.verdict.value}, {parity.status}, {parity.rows} rows |",
        f"| largest difference | {parity.max_absolute:.3g} of a range of {parity.logit_range:.3g} |",
        f"| mean difference | {parity.mean_absolute:.3g} |",
    ]
    return rows + [f"| {name} | {value:.4f} |" for name, value in parity.seen.items()]
