"""MODEL on the command line, and how it is found and read."""

import argparse
import logging
from pathlib import Path

from exporter.checkpoint.source import DEMO, HubOptions, choose_model
from runtimes.bundle.integrity import is_folder
from runtimes.errors import UsageError

_log = logging.getLogger(__name__)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL and how it is found and read."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a folder, a hub id, or 'demo'")
    parser.add_argument("--task", default="auto")
    parser.add_argument("--revision")
    parser.add_argument("--cache-dir")
    parser.add_argument("--local-files-only", action="store_true")
    parser.add_argument("--allow-pickle", action="store_true", help="read pytorch_model.bin, weights only")
    parser.add_argument("--trust-remote-code", action="store_true", help=argparse.SUPPRESS)


def find_model(parsed: argparse.Namespace) -> str:
    """MODEL as given, or the checkpoint in this folder, or the demo; which, is said."""
    if parsed.trust_remote_code:
        raise UsageError("--trust-remote-code: refused; no code of a checkpoint is ever run: leave it out")
    if parsed.model is not None:
        return str(parsed.model)
    model = choose_model(Path())
    _log.info(f"no MODEL given: taking {'the embedded demo' if model == 'demo' else 'the checkpoint in this folder'}")
    return model


def hub_options(parsed: argparse.Namespace) -> HubOptions:
    """How `add_model` was told to reach the hub."""
    return HubOptions(parsed.revision, parsed.cache_dir, parsed.local_files_only, parsed.allow_pickle)


def model_from(key: str, folder: Path, model: str) -> str:
    """MODEL as a file in `folder` names it: a folder from there, a hub id or the demo as it is.

    Raises UsageError that begins with `key` for a path where no folder is.
    """
    if model == DEMO or not is_folder(folder / model):
        if model.startswith((".", "/")):
            raise UsageError(f"{key}: no folder {folder / model}")
        return model
    return str(folder / model)
