"""MODEL on the command line, and how it is found and read."""

import argparse
import logging
from pathlib import Path

from exporter.checkpoint.source import DEMO, HubOptions, choose_model
from exporter.model.tasks import TASKS
from exporter.options.help import Options, defaults_to
from runtimes.bundle.integrity import is_folder
from runtimes.errors import UsageError

_log = logging.getLogger(__name__)

_CACHE = defaults_to("the cache of the hub")
_MODEL = "Export this folder, hub id or the 'demo'. " + defaults_to("the checkpoint in this folder, else the demo")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL and how it is found and read."""
    group = parser.add_argument_group("checkpoint")
    group.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL)
    group.add_argument(
        "--task", default="auto", help=f"Take the checkpoint for this task: {', '.join(TASKS)}; auto asks its config."
    )
    group.add_argument("--revision", help="Take this branch, tag or commit of a hub id. " + defaults_to("main"))
    group.add_argument("--cache-dir", metavar="DIR", help=f"Keep downloads in DIR. {_CACHE}")
    group.add_argument("--local-files-only", action="store_true", help="Take only what was downloaded before.")
    add_allow_pickle(group)
    group.add_argument("--trust-remote-code", action="store_true", help=argparse.SUPPRESS)


def add_allow_pickle(options: Options) -> None:
    """Declare --allow-pickle."""
    options.add_argument(
        "--allow-pickle",
        action="store_true",
        help="Read pytorch_model.bin too, its weights alone, where there is no safetensors.",
    )


def add_checkpoint(options: Options) -> None:
    """Declare where the checkpoint of a bundle is, and how it may be read."""
    options.add_argument(
        "--checkpoint",
        metavar="MODEL",
        help="Take the bundle's checkpoint from this folder or hub id. " + defaults_to("where it was at the export"),
    )
    add_allow_pickle(options)


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
