"""The options of an export, for the command line and for bertport.toml."""

import argparse

from exporter.options.answering import answering
from exporter.options.checkpoint import add_model, find_model, hub_options
from exporter.options.comparison import add_checks, limit
from exporter.options.help import add_output, defaults_to
from exporter.options.request import Request
from exporter.options.settings import add_settings, settings
from exporter.options.targets import add_targets, targets
from exporter.options.text_files import texts
from exporter.targets.registry import DEFAULT_SCHEME, has_codes, only_coded, scheme_names
from runtimes.errors import UsageError

_PLACE = "artifacts/MODEL/TARGET-SCHEME"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_model(parser)
    group = parser.add_argument_group("bundles")
    add_targets(group)
    schemes = f"Store weights in this scheme: {', '.join(scheme_names())}; may repeat."
    group.add_argument("--quantize", action="append", metavar="SCHEME", help=f"{schemes} {defaults_to(DEFAULT_SCHEME)}")
    add_output(group, "DIR", "Write the bundle to DIR, several to folders in it. " + defaults_to(_PLACE))
    group.add_argument("--no-verify", action="store_true", help="Skip the comparison with PyTorch.")
    group.add_argument("--keep-failing", action="store_true", help="Write a bundle even beyond its budget.")
    add_settings(parser)
    add_checks(parser)


def request(parsed: argparse.Namespace) -> Request:
    """What `add_arguments` was told."""
    schemes = tuple(dict.fromkeys(parsed.quantize or [DEFAULT_SCHEME]))
    coded = {"--pq-dims": parsed.pq_dims, "--frequency-from": parsed.frequency_from}
    if unused := [option for option, value in coded.items() if value is not None and not any(map(has_codes, schemes))]:
        raise UsageError(f"{unused[0]}: {only_coded()}")
    return Request(
        model=find_model(parsed),
        targets=targets(parsed),
        schemes=schemes,
        destination=parsed.output,
        task=parsed.task,
        hub=hub_options(parsed),
        settings=settings(parsed),
        verify=not parsed.no_verify,
        keep_failing=parsed.keep_failing,
        limit=limit(parsed),
        texts=texts(parsed.texts),
        texts_file=parsed.texts,
        pairs=parsed.pairs,
        answering=answering(parsed),
    )
