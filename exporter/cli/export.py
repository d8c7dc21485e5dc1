"""`bertport export MODEL`: checkpoint → bundles, each compared with PyTorch."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from exporter.checkpoint.source import HubOptions, choose_model
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.cli.options import add_checks, corpus, exit_code, limit, parity_record, say, tell, texts
from exporter.compression.calibration import EPOCHS, Finetune
from exporter.compression.product_quantization import DIMENSIONS
from exporter.pipeline import Exported, Request, export
from exporter.targets.coreml import lower as coreml
from exporter.targets.onnx.ops import DEFAULT_OPSET
from exporter.targets.registry import Settings
from exporter.targets.schemes import SCHEMES
from runtimes.errors import UsageError
from runtimes.reporting.terminal import exported_table, show

HELP = "checkpoint → bundles, each compared with PyTorch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_model(parser)
    schemes = ", ".join(dict.fromkeys(name for target in SCHEMES.values() for name in target))
    parser.add_argument("--target", action="append", help=f"{', '.join(SCHEMES)}; may repeat (default onnx)")
    parser.add_argument("--quantize", action="append", metavar="SCHEME", help=f"{schemes}; may repeat (default none)")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="default artifacts/MODEL/TARGET-SCHEME")
    add_settings(parser)
    parser.add_argument("--no-verify", action="store_true", help="skip the comparison with PyTorch")
    parser.add_argument("--keep-failing", action="store_true", help="write a bundle even beyond its budget")
    add_checks(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL and how it is found and read."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a folder, a hub id, or 'demo'")
    parser.add_argument("--task", default="auto")
    parser.add_argument("--revision")
    parser.add_argument("--cache-dir")
    parser.add_argument("--local-files-only", action="store_true")
    parser.add_argument("--allow-pickle", action="store_true", help="read pytorch_model.bin, weights only")
    parser.add_argument("--trust-remote-code", action="store_true", help=argparse.SUPPRESS)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare what each target may be told."""
    parser.add_argument("--opset", type=int, default=DEFAULT_OPSET, help="onnx")
    parser.add_argument(
        "--pooled-only",
        action="store_true",
        help="onnx: of an embedding its vector alone, without the tokens' vectors that other libraries ask for",
    )
    parser.add_argument("--int32-inputs", action="store_true", help="onnx: int32 ids, mask and types instead of int64")
    parser.add_argument(
        "--pq-dims", type=int, choices=DIMENSIONS, help=f"pq: numbers in a byte (default {DIMENSIONS[0]})"
    )
    parser.add_argument(
        "--frequency-from", type=Path, metavar="FILE", help="pq: texts, or labelled rows, that say which pieces matter"
    )
    parser.add_argument(
        "--trim-vocabulary",
        type=Path,
        metavar="FILE",
        help="keep only the pieces that its texts, or labelled rows, use",
    )
    parser.add_argument("--min-count", type=int, default=1, metavar="K", help="how often a piece must occur in them")
    parser.add_argument("--keep-pieces", type=int, metavar="N", help="the commonest of them, N pieces in all")
    parser.add_argument(
        "--finetune-codes", type=Path, metavar="FILE", help="pq: texts, or labelled rows, to learn from the float model"
    )
    parser.add_argument("--finetune-epochs", type=int, metavar="N", help=f"how often all are read (default {EPOCHS})")
    parser.add_argument("--sequence-length", action="append", metavar="N", help="coreml; may repeat")
    parser.add_argument(
        "--keep", action="append", metavar="PATTERN", help="weights kept as float16, or with =int8 so; may repeat"
    )
    units, oldest = ", ".join(coreml.LAYOUTS), coreml.DEPLOYMENT_TARGETS[0]
    parser.add_argument("--compute-units", default=coreml.DEFAULT_COMPUTE_UNITS, help=f"coreml: {units}")
    parser.add_argument(
        "--deployment-target", default=coreml.DEFAULT_DEPLOYMENT_TARGET, help=f"coreml: {oldest} or newer"
    )


def run(parsed: argparse.Namespace) -> int:
    """Export, print what became of each combination, and return the exit code."""
    done = export(request(parsed), say)
    if parsed.json:
        print(json.dumps([_record(item) for item in done], indent=2))
    else:
        show(exported_table(done))
    tell([(item.recipe.name, item.parity) for item in done])
    return exit_code([item.parity for item in done])


def find_model(parsed: argparse.Namespace) -> str:
    """MODEL as given, or the checkpoint in this folder, or the demo; which, is said."""
    if parsed.trust_remote_code:
        raise UsageError("--trust-remote-code: refused; no code of a checkpoint is ever run: leave it out")
    if parsed.model is not None:
        return str(parsed.model)
    model = choose_model(Path())
    say(f"no MODEL given: taking {'the embedded demo' if model == 'demo' else 'the checkpoint in this folder'}")
    return model


def hub_options(parsed: argparse.Namespace) -> HubOptions:
    """How `add_model` was told to reach the hub."""
    return HubOptions(parsed.revision, parsed.cache_dir, parsed.local_files_only, parsed.allow_pickle)


def settings(parsed: argparse.Namespace) -> Settings:
    """What `add_settings` was told."""
    return Settings(
        parsed.opset,
        parsed.int32_inputs,
        _lengths(parsed.sequence_length or []),
        parsed.compute_units,
        parsed.deployment_target,
        tuple(dict.fromkeys(parsed.keep or ())),
        parsed.pq_dims or DIMENSIONS[0],
        corpus(parsed.frequency_from, "--frequency-from"),
        _trim(parsed),
        _finetune(parsed),
        parsed.pooled_only,
    )


def _trim(parsed: argparse.Namespace) -> Trim | None:
    if parsed.trim_vocabulary is None:
        if parsed.min_count != 1 or parsed.keep_pieces is not None:
            raise UsageError("--min-count and --keep-pieces say what --trim-vocabulary FILE keeps; pass that too")
        return None
    if parsed.min_count < 1:
        raise UsageError(f"--min-count {parsed.min_count}: expected 1 or more; --trim-vocabulary drops what is unused")
    return Trim(corpus(parsed.trim_vocabulary, "--trim-vocabulary"), parsed.min_count, parsed.keep_pieces)


def _finetune(parsed: argparse.Namespace) -> Finetune | None:
    epochs = parsed.finetune_epochs
    if parsed.finetune_codes is None:
        if epochs is not None:
            raise UsageError("--finetune-epochs says how often --finetune-codes FILE is read; pass that too")
        return None
    if epochs is not None and epochs < 1:
        raise UsageError(f"--finetune-epochs {epochs}: expected 1 or more")
    return Finetune(corpus(parsed.finetune_codes, "--finetune-codes"), epochs or EPOCHS)


def request(parsed: argparse.Namespace) -> Request:
    """What `add_arguments` was told."""
    schemes = tuple(dict.fromkeys(parsed.quantize or ["none"]))
    coded = {"--pq-dims": parsed.pq_dims, "--frequency-from": parsed.frequency_from}
    if unused := [option for option, value in coded.items() if value is not None and "pq" not in schemes]:
        raise UsageError(f"{unused[0]}: only pq has codes; pass --quantize pq")
    return Request(
        model=find_model(parsed),
        targets=tuple(dict.fromkeys(parsed.target or ["onnx"])),
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
    )


def _lengths(given: list[str]) -> tuple[int, ...]:
    """Each length once. Raises UsageError for what is no number, a range above all."""
    wrong = [value for value in given if not value.isascii() or not value.isdigit()]
    if wrong:
        raise UsageError(
            f"--sequence-length {wrong[0]}: expected a number of tokens; a range (RangeDim) cannot run on the Neural "
            "Engine: name the lengths you need, as in --sequence-length 32 --sequence-length 128"
        )
    return tuple(dict.fromkeys(int(value) for value in given))


def _record(item: Exported) -> dict[str, object]:
    directory = None if item.directory is None else str(item.directory)
    return {
        "recipe": asdict(item.recipe),
        "directory": directory,
        "size_bytes": item.size_bytes,
        "parity": parity_record(item.parity),
    }
