"""`bertport verify BUNDLE`: compare a bundle with PyTorch again; or with --against a model that others made."""

import argparse
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.cli.parities import exit_code, tell
from exporter.options.answering import answering
from exporter.options.checkpoint import add_checkpoint
from exporter.options.comparison import add_checks, limit
from exporter.options.help import Options, add_output, defaults_to
from exporter.options.text_files import corpus, texts
from exporter.pipeline import Exported
from exporter.verification.check import Check
from exporter.verification.explanation import Explanation
from exporter.verification.foreign_model import FileCheck, verify_file
from exporter.verification.provenance import check_provenance
from exporter.verification.reference.reference import Reference
from exporter.verification.verify import check_bundle, find_reference, verify
from runtimes.backends.backend import ARCHITECTURES, NATIVE
from runtimes.bundle.reading import read_bundle
from runtimes.errors import RuntimeUnavailable, UsageError
from runtimes.parity.compare import Parity, Verdict, not_run
from runtimes.parity.first_departure import Departure
from runtimes.records import parity as records
from runtimes.records.parity import parity_record
from runtimes.records.subjects import BundleName
from runtimes.records.writing import printed, write_record
from runtimes.reporting.terminal import explanation_table, exported_table, show

if TYPE_CHECKING:
    from exporter.verification.witness import Witness

_log = logging.getLogger(__name__)

EXAMPLES = (
    ("bertport verify artifacts/demo/onnx-int8", "the figures of the export, measured again"),
    ("bertport verify artifacts/demo/onnx-int8 --explain", "where it departs from PyTorch"),
    ("bertport verify model.onnx --against ./model", "a file that another exporter made"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    _add_bundle(parser.add_argument_group("bundle"))
    _add_kinds(parser.add_argument_group("ways of checking"))
    add_checks(parser)


def _add_bundle(group: Options) -> None:
    told = "Check this bundle; with --against an .onnx or .tflite file, .mlpackage or .aimodel that others made."
    group.add_argument("bundle", type=Path, metavar="BUNDLE", help=told)
    add_checkpoint(group)
    told = "Compare a model file with this checkpoint, a folder or hub id."
    group.add_argument("--against", metavar="CHECKPOINT", help=told)
    told = f"Say what the file of --against is for, as for export. {defaults_to('auto')}"
    group.add_argument("--task", help=told)
    add_output(group, "FILE", "Write the record to FILE, for bertport report.")


def _add_kinds(group: Options) -> None:
    group.add_argument("--explain", action="store_true", help="Name the first tensor that departs.")
    told = "Make every file again from the checkpoint, and compare the bytes."
    group.add_argument("--strict", action="store_true", help=told)
    told = "Hold our interpreter of Core ML against Apple's runtime of Core AI, tensor by tensor."
    group.add_argument("--witness", action="store_true", help=told)
    told = "Give the texts that pq was weighed by, for --strict and --witness."
    group.add_argument("--frequency-from", type=Path, metavar="FILE", help=told)
    processors = "; ".join(f"{name}: {what}" for name, what in ARCHITECTURES.items())
    told = f"Run the kernels of this processor. {processors}."
    group.add_argument("--arch", choices=ARCHITECTURES, default=NATIVE, help=told)


def run(parsed: argparse.Namespace) -> int:
    """Verify, print the figures, and return the exit code."""
    if parsed.against is not None:
        return _against(parsed)
    if parsed.task is not None:
        raise UsageError("--task: a bundle says its own; give it with --against CHECKPOINT")
    bundle = read_bundle(parsed.bundle)
    if parsed.witness:
        from exporter.verification.witness import check_witness  # here: it brings two runtimes, and few ask for it

        check_witness(bundle)
    limits = limit(parsed)
    given = texts(parsed.texts)
    check = Check(
        *(bundle, parsed.checkpoint, given, limits, parsed.allow_pickle, parsed.arch, parsed.pairs),
        texts_file=parsed.texts,
        answering=answering(parsed),
    )
    if parsed.arch != NATIVE:
        _log.info(
            f"{bundle.manifest.recipe.name}: comparing with PyTorch on {parsed.arch}; an emulated processor is slow"
        )
    reference = _followed(check, parsed) if parsed.strict else None
    done = _verified(check, parsed, reference)
    parity, explanation, witness = done.parity, done.explanation, done.witness
    told = _explained(explanation) if explanation else None, _witnessed(witness) if witness else None
    record = parity_record(parity, BundleName(**bundle.identity), *told)
    if parsed.output:
        write_record(parsed.output, record)
    if parsed.json:
        print(printed(record))
    else:
        item = Exported(bundle.manifest.recipe, bundle.directory, bundle.size_bytes, parity)
        show(exported_table([item]))
        if explanation:
            show(explanation_table(explanation))
    tell([(bundle.manifest.recipe.name, parity)])
    if parity.note:
        _log.info(f"{bundle.manifest.recipe.name}: {parity.status}: {parity.note}")
    if explanation:
        _log.info(_first(explanation))
        if bundle.manifest.finetuning:
            _log.info(
                "explain: the file is held against our graph over the weights that it stores itself, for those were "
                "trained; what rounding them cost is not in it"
            )
    if witness:
        _log.info(_said(witness))
    return RuntimeUnavailable.exit_code if parity.verdict is Verdict.NOT_RUN else exit_code([parity])


def _against(parsed: argparse.Namespace) -> int:
    """The same for a model that others made: no manifest, no audit, and the budget of float32 or the caller's."""
    ours = {"--checkpoint": parsed.checkpoint, "--explain": parsed.explain, "--strict": parsed.strict}
    ours |= {"--witness": parsed.witness}
    ours |= {"--frequency-from": parsed.frequency_from, "--arch": parsed.arch != NATIVE}
    if given := [option for option, value in ours.items() if value]:
        raise UsageError(
            f"{', '.join(given)}: for bundles, and --against is for a model file; leave out one of the two"
        )
    asked = (parsed.bundle, parsed.against, texts(parsed.texts), limit(parsed))
    check = FileCheck(*asked, parsed.allow_pickle, parsed.pairs, parsed.task or "auto", answering(parsed))
    try:
        parity = verify_file(check)
    except RuntimeUnavailable as error:
        parity = not_run(str(error))
    record = parity_record(parity)
    if parsed.output:
        write_record(parsed.output, record)
    if parsed.json:
        print(printed(record))
    else:
        show(exported_table([check.compared(parity)]))
    tell([(check.path.name, parity)], bundles=False)
    if parity.verdict is Verdict.NOT_RUN:
        _log.info(f"{check.path.name}: {parity.status}: {parity.note}")
    return RuntimeUnavailable.exit_code if parity.verdict is Verdict.NOT_RUN else exit_code([parity])


def _followed(check: Check, parsed: argparse.Namespace) -> Reference:
    """The reference of a bundle whose every file was made again from the checkpoint, and was the same."""
    weighed, reference = corpus(parsed.frequency_from, "--frequency-from"), find_reference(check)
    made = check_provenance(check.bundle, reference, weighed)
    _log.info(
        f"{check.bundle.directory}: {len(made)} files are, byte for byte, what its checkpoint gives: {', '.join(made)}"
    )
    return reference


@dataclass(frozen=True)
class _Done:
    """What became of a comparison, and what was asked besides."""

    parity: Parity
    explanation: Explanation | None = None
    witness: "Witness | None" = None


def _verified(check: Check, parsed: argparse.Namespace, reference: Reference | None) -> _Done:
    """What cannot be checked here has a verdict too: `not run`, and why."""
    try:
        done = verify(check) if reference is None else check_bundle(check, reference)
        explanation = done.explain() if parsed.explain else None
        weighed = corpus(parsed.frequency_from, "--frequency-from") if parsed.witness else ()
        return _Done(done.parity, explanation, done.bear_witness(weighed) if parsed.witness else None)
    except RuntimeUnavailable as error:
        return _Done(not_run(str(error)))


def _first(explanation: Explanation) -> str:
    first = explanation.first
    if first is None:
        return "explain: every named tensor is within its share"
    return f"explain: the first tensor that departs is {first.name} ({first.relative:.3g} of its largest value)"


def _said(witness: "Witness") -> str:
    outputs = ", ".join(f"{witness.relative[name]:.2g} in {name}" for name in witness.outputs)
    return (
        f"witness: over {witness.rows} rows of {witness.tokens} tokens Apple's runtime ({witness.runtime}) and the "
        f"interpreter differ by at most {witness.relative[witness.worst]:.2g} of a tensor's largest value, in "
        f"{witness.worst} of {len(witness.relative)} tensors ({outputs}); {witness.equal_share:.0%} of the numbers are "
        "equal to the bit"
    )


def _witnessed(witness: "Witness") -> records.Witness:
    relative = {name: gap if math.isfinite(gap) else None for name, gap in witness.relative.items()}
    figures = witness.runtime, witness.tokens, witness.rows, witness.equal_share
    return records.Witness(*figures, relative, witness.outputs)


def _explained(explanation: Explanation) -> records.Explanation:
    graph, file = (tuple(map(_tensor_error, rows)) for rows in (explanation.graph, explanation.file))
    return records.Explanation(explanation.case, graph, file)


def _tensor_error(row: Departure) -> records.TensorError:
    """JSON has no infinity: a tensor with NaN in it has no relative error."""
    return records.TensorError(row.name, row.relative if math.isfinite(row.relative) else None, row.beyond)
