"""`bertport publish BUNDLE…`: a Hub repository of one checkpoint's bundles, staged, and uploaded if that is asked."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.options.help import add_json, add_output, defaults_to
from runtimes.errors import UsageError

if TYPE_CHECKING:
    from exporter.publishing.staging import Staged
    from runtimes.records.evaluate import EvaluateRecord

_log = logging.getLogger(__name__)

EXAMPLES = (
    (
        "bertport publish news/onnx-none news/onnx-int8 --repo me/news-bert --license apache-2.0 -o staged",
        "write the repository's folder and send nothing",
    ),
    ("bertport publish news/* --repo me/news-bert --create-pr -o staged", "send it as a pull request"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("repository")
    told = "Publish these bundles of one checkpoint and tokenizer, each of another target or scheme."
    group.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help=told)
    group.add_argument("--repo", required=True, metavar="OWNER/NAME", help="Publish to this repository of the Hub.")
    add_output(group, "DIR", "Write the repository's folder to DIR, which is new or empty.", required=True)
    told = f"Name the model that this one was made from, a hub id. {defaults_to('the hub id that was exported')}"
    group.add_argument("--base-model", default="", metavar="ID", help=told)
    told = "Name the licence by the Hub's identifier, apache-2.0 for one; the card says none where this is left out."
    group.add_argument("--license", default="", metavar="ID", help=told)
    told = "Put the figures of this record of `bertport evaluate -o` on the card; may repeat."
    group.add_argument("--evaluation", action="append", type=Path, default=[], metavar="FILE", help=told)
    sending = parser.add_argument_group("sending, which is left out unless one of these is given")
    sending.add_argument("--push", action="store_true", help="Upload the folder; the repository is made if need be.")
    sending.add_argument("--create-pr", action="store_true", help="Upload it as a pull request.")
    sending.add_argument("--private", action="store_true", help="Make a new repository private.")
    add_json(parser, "Print JSON instead of text.")


def run(parsed: argparse.Namespace) -> int:
    """Stage, say what is there, upload if asked, and return 0."""
    from exporter.publishing.card import Facts
    from exporter.publishing.collection import collect
    from exporter.publishing.staging import stage
    from exporter.publishing.upload import Destination, check_repo, upload

    if parsed.push and parsed.create_pr:
        raise UsageError("--push and --create-pr: one uploads directly, the other asks first; pass one of them")
    check_repo(parsed.repo)
    collection = collect(parsed.bundles, [_evaluation(path) for path in parsed.evaluation])
    if not parsed.license:
        _log.info("warning: the card names no licence; pass --license")
    staged = stage(collection, Facts(parsed.repo, parsed.license, parsed.base_model), parsed.output)
    address = ""
    if parsed.push or parsed.create_pr:
        _log.info(f"{parsed.repo}: uploading {len(staged.files)} files")
        address = upload(staged.directory, Destination(parsed.repo, parsed.private, parsed.create_pr))
    _show(staged, address, parsed.json)
    return 0


def _evaluation(path: Path) -> "EvaluateRecord":
    from runtimes.records.evaluate import EvaluateRecord
    from runtimes.records.reading import read_record

    found = read_record(path)
    if not isinstance(found, EvaluateRecord):
        raise UsageError(f"{path}: expected a record of `bertport evaluate -o`")
    return found


def _show(staged: "Staged", address: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"directory": str(staged.directory), "files": staged.files, "address": address}, indent=2))
        return
    for name, size in staged.files.items():
        print(f"{size:>12,}  {name}")
    print(f"{staged.directory}: {len(staged.files)} files, {sum(staged.files.values()):,} bytes")
    print(address or "nothing was sent; --push or --create-pr sends it")
