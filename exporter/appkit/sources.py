"""Text that the sources and READMEs of several platforms share."""

from collections.abc import Mapping

from exporter.appkit.camel_case import camel
from exporter.appkit.character_tables import ask_tokenizers, version
from exporter.appkit.kit import Kit
from exporter.appkit.wordpiece import WordPiece
from exporter.checkpoint.text_length import longest_of
from runtimes.parity.shown import window_tokens


def facts(kit: Kit) -> str:
    """Where the model comes from and how it compares, in two lines for a README."""
    manifest = kit.bundle.manifest
    what = f"`{manifest.source_model}`, {manifest.recipe.task}, {manifest.recipe.scheme}"
    warning = f"\n\n{kit.warning}" if kit.failed else ""
    return f"{what}, by bertport {manifest.versions['bertport']}. Parity with PyTorch: {kit.parity_text}.{warning}"


def texts_of(kit: Kit) -> str:
    """What a sample passes to a classifier."""
    return '"…", "…"' if kit.reads_pairs else '"…"'


def long_texts(kit: Kit, wordpiece: WordPiece) -> str:
    """What becomes of long texts, as a README says it."""
    max_tokens = longest_of(kit.bundle)
    if kit.bundle.manifest.recipe.task == "question-answering":
        return (
            f"A context that has more than {window_tokens(max_tokens)[0]} tokens with its question is read in windows "
            "that overlap, as transformers' pipeline reads it; each is one prediction."
        )
    side = "start" if wordpiece.truncate_left else "end"
    return (
        f"Texts longer than {max_tokens} tokens are truncated as the checkpoint's tokenizer truncates them "
        f"({wordpiece.truncation_strategy}, from the {side})."
    )


def character_tables(line: str) -> str:
    """The character tables, one `line` each with its {name} and {text}."""
    rows = [line.format(name=camel(name), text=text) for name, text in ask_tokenizers().texts().items()]
    return "".join(f"{row}\n" for row in rows)


def tables_comment() -> str:
    """The first line of the generated tables."""
    return f"// What tokenizers {version()} does to every Unicode scalar; written by bertport."


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each {name} of `values` replaced; other braces stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
