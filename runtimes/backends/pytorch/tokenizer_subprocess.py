"""Asking transformers for a checkpoint's tokenizer, in a subprocess where it is not imported here."""

import sys
from collections.abc import Mapping
from functools import partial

from runtimes.backends.pytorch.installed import require
from runtimes.backends.pytorch.tokenizer_source import Spoken, TokenizerSource, ask_tokens
from runtimes.errors import BertportError, CheckpointError
from runtimes.process.child import Child, Program
from runtimes.process.frames import TOKENS
from runtimes.process.launch import python_path
from runtimes.runner import Array


def open_in_subprocess(source: TokenizerSource) -> Spoken:
    """What AutoTokenizer makes of the folder at `source`; no text is encoded.

    Raises as TransformersTokenizer, all of it as CheckpointError from another process, and RuntimeUnavailable as Child.
    """
    require(f"{source.directory}: its tokenizer", "transformers")
    if sys.modules.get("transformers") is not None or not sys.executable:
        from runtimes.backends.pytorch.tokenizer import Answerer

        return ask_tokens(Answerer(), source)
    return ask_tokens(partial(_ask_child, source), source)


def _ask_child(source: TokenizerSource, question: Mapping[str, Array]) -> dict[str, Array]:
    command = (
        sys.executable,
        "-P",
        "-m",
        "runtimes.backends.pytorch.tokenizer_child",
    )  # -P: nothing from the folder it starts in
    subject = f"{source.directory}: transformers' tokenizer"

    def refused(text: str) -> BertportError:
        return CheckpointError(text if text.startswith(str(source.directory)) else f"{subject}: {text}")

    child = Child(Program(subject, "its process", command, python_path(), refused))
    try:
        return child.exchange(TOKENS, question)
    finally:
        child.close()
