"""`bertport tune MODEL --data FILE --max-drop POINTS`: the smallest bundle that loses no more than that."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.cli.evaluate import add_data, data_file
from exporter.options.answering import answering
from exporter.options.checkpoint import add_model, find_model, hub_options
from exporter.options.help import add_json, add_output, defaults_to
from exporter.options.settings import add_settings, settings
from exporter.options.targets import add_targets, targets
from exporter.search.candidates import Candidate, dominated
from runtimes.errors import UsageError, in_unicode
from runtimes.records import tune as records
from runtimes.records.parity import parity_record
from runtimes.records.subjects import Rows, Source
from runtimes.records.writing import plain, printed, require_writable, write_record

if TYPE_CHECKING:
    from exporter.search.search import Chosen, Search
    from exporter.search.sensitivity import Sensitivity

_log = logging.getLogger(__name__)

EXAMPLES = (
    ("bertport tune ./model --data dev.csv --max-drop 0.5", "the smallest ONNX bundle that loses half a point at most"),
    ("bertport tune demo --data dev.csv --target coreml --holdout 0.5", "for iPhones, half of the rows kept back"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_model(parser)
    group = parser.add_argument_group("search")
    add_targets(group)
    told = "Lose at most so many hundredths of the metric."
    group.add_argument("--max-drop", type=float, default=0.5, metavar="POINTS", help=told)
    told = "Keep this share of the rows from deciding, as 0.5, and say what they show."
    group.add_argument("--holdout", type=float, default=0.0, metavar="SHARE", help=told)
    add_output(group, "DIR", f"Write the bundle to DIR. {defaults_to('artifacts/MODEL/tuned-TARGET')}")
    told = "Write to FILE what was tried, what it cost, and why this was chosen."
    group.add_argument("--record", type=Path, metavar="FILE", help=told)
    add_data(parser)
    add_settings(parser)
    add_json(parser, "Print the record instead of a table.")


def run(parsed: argparse.Namespace) -> int:
    """Search, print, and return the exit code: 1 where a target has nothing within the budget."""
    from exporter.search.search import tune
    from exporter.search.trials import Aim

    require_writable(parsed.record)
    if parsed.finetune_codes and parsed.finetune_codes.resolve() == parsed.data.resolve():
        raise UsageError("--finetune-codes: is --data too, and a bundle would be judged by what it learnt; give others")
    aim = Aim(
        model=find_model(parsed),
        targets=targets(parsed),
        data=data_file(parsed),
        max_drop_points=parsed.max_drop,
        destination=parsed.output,
        task=parsed.task,
        hub=hub_options(parsed),
        settings=settings(parsed),
        answering=answering(parsed),
        holdout=parsed.holdout,
        metric=parsed.metric,
    )
    done = tune(aim)
    record = search_record(done)
    if parsed.record:
        write_record(parsed.record, record)
    if parsed.json:
        print(printed(record))
    else:
        _show(done)
    for text in done.warnings:
        _log.warning(f"warning: {text}")
    return int(any(one.candidate is None for one in done.chosen))


def search_record(done: "Search") -> records.TuneRecord:
    """Make the record of the search and its reasons."""
    from exporter.verification.labelled.evaluation import rows_read
    from runtimes.measurement.host import fingerprint, versions

    source, aim = done.examiner.checkpoint.source, done.aim
    return records.TuneRecord(
        host=fingerprint(),
        versions=versions(),
        source=Source(source.model, source.revision),
        data=Rows(**rows_read(done.examiner.dataset)),
        max_drop_points=aim.max_drop_points,
        holdout=aim.holdout,
        deciding_rows=done.deciding_rows,
        candidates=tuple(_candidate(one, done) for one in done.candidates),
        left_out=done.left_out,
        sensitivities={name: tuple(map(_sensitivity, rows)) for name, rows in done.sensitivities.items()},
        chosen=tuple(map(_choice, done.chosen)),
        warnings=tuple(done.warnings),
        took_s=done.took_s,
    )


def _candidate(one: Candidate, done: "Search") -> records.Candidate:
    figures = {"name": one.name, **vars(one), "recipe": plain(one.recipe)}
    return records.Candidate(**figures, dominated=dominated(one, done.candidates))


def _sensitivity(one: "Sensitivity") -> records.Sensitivity:
    return records.Sensitivity(**{**vars(one), "group": records.Group(**vars(one.group))})


def _choice(one: "Chosen") -> records.Choice:
    return records.Choice(
        target=one.target,
        name=one.candidate.name if one.candidate else None,
        directory=in_unicode(str(one.exported.directory)) if one.exported else None,
        parity=parity_record(one.exported.parity) if one.exported else None,
        why=one.why,
        untimed=one.untimed,
    )


def _show(done: "Search") -> None:
    from runtimes.evaluation.tables import candidates_table
    from runtimes.reporting.terminal import show

    taken = {one.candidate.name for one in done.chosen if one.candidate}
    rows = [_cells(one, done, one.name in taken) for one in sorted(done.candidates, key=lambda one: one.size_bytes)]
    title = f"{done.deciding_rows:,} rows of {done.aim.data.path.name}, at most {done.aim.max_drop_points} points lost"
    show(candidates_table(title, done.candidates[0].metric if done.candidates else "metric", rows))
    for name, why in done.left_out.items():
        print(f"{name}: not tried: {why}")
    for chosen in done.chosen:
        found = (
            f"{chosen.candidate.name} in {chosen.exported.directory}"
            if chosen.candidate and chosen.exported
            else "none"
        )
        print(f"{chosen.target}: {found}: {chosen.why}")
        if chosen.untimed:
            print(f"{chosen.target}: not timed, so latency had no say: {chosen.untimed}")
    print(_honest(done))


def _cells(one: Candidate, done: "Search", taken: bool) -> list[str]:
    low, high = one.interval_points
    held = "–" if one.held_out_points is None else f"{one.held_out_points:+.2f}"
    latency = "–" if one.median_s is None else f"{one.median_s * 1e3:.2f}"
    beyond = "beyond" if one.drop_points > done.aim.max_drop_points else ""
    standing = "chosen" if taken else beyond or ("dominated" if dominated(one, done.candidates) else "")
    figures = [f"{one.size_bytes / 1e6:.2f}", f"{one.pytorch:.4f}", f"{one.exported:.4f}"]
    figures += [f"{one.drop_points:+.2f}", f"{low:+.2f} to {high:+.2f}"]
    return [one.name, *figures, held, latency, f"{one.tried_s:.0f}", standing]


def _honest(done: "Search") -> str:
    """What the choice is worth."""
    tried, rows = len(done.candidates), done.deciding_rows
    if done.aim.holdout:
        return f"chosen out of {tried} on {rows:,} rows; 'held out' is on the others, which had no say"
    return (
        f"chosen out of {tried} on the same {rows:,} rows that it is judged by, which flatters the winner a little; "
        "--holdout 0.5 keeps half of them back"
    )
