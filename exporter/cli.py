"""Arguments in, exit code out.

0 done and within budget · 1 parity beyond budget · 2 usage · 3 export failed · 4 could not be checked here
"""

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from exporter import __version__
from exporter.bundle import read_bundle
from exporter.errors import BertportError, UsageError
from exporter.lowering import Settings
from exporter.pipeline import Exported, Request, export
from exporter.schemes import SCHEMES
from exporter.source import HubOptions, choose_model
from exporter.targets import coreml
from exporter.targets.onnx import DEFAULT_OPSET
from exporter.verification import Check, Explanation, Limit, verify
from runtimes.parity import Parity, Verdict
from runtimes.report import explanation_table, exported_table, inspection_table, show


def main(arguments: Sequence[str] | None = None) -> int:
    """`bertport COMMAND …`: run it and return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except BertportError as error:
        print(f"bertport: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("bertport: interrupted; nothing was left half-written", file=sys.stderr)
        return _end_by_interrupt()
    return code


def export_main(arguments: Sequence[str] | None = None) -> int:
    """`export …` and `python -m exporter …`: the same as `bertport export …`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return main(given if given[:1] and given[0] in _COMMANDS else ["export", *given])


def _export(parsed: argparse.Namespace) -> int:
    model = parsed.model
    if model is None:
        model = choose_model(Path())
        _say(f"no MODEL given: taking {'the embedded demo' if model == 'demo' else 'the checkpoint in this folder'}")
    if parsed.trust_remote_code:
        raise UsageError("--trust-remote-code: refused; no code of a checkpoint is ever run")
    done = export(_request(parsed, model), _say)
    if parsed.json:
        print(json.dumps([_record(item) for item in done], indent=2))
    else:
        show(exported_table(done))
    _tell([(item.recipe.name, item.parity) for item in done])
    return _exit_code([item.parity for item in done])


def _verify(parsed: argparse.Namespace) -> int:
    bundle = read_bundle(parsed.bundle)
    limit = Limit(parsed.atol, parsed.max_relative, parsed.min_agreement)
    parity, explain = verify(Check(bundle, parsed.checkpoint, _texts(parsed.texts), limit, parsed.allow_pickle))
    explanation = explain() if parsed.explain else None
    if parsed.json:
        explained = {"explanation": _explained(explanation)} if explanation else {}
        print(json.dumps(_parity(parity) | explained, indent=2, allow_nan=False))
    else:
        item = Exported(bundle.manifest.recipe, bundle.directory, bundle.size_bytes, parity)
        show(exported_table([item]))
        if explanation:
            show(explanation_table(explanation))
    _tell([(bundle.manifest.recipe.name, parity)])
    if explanation:
        _say(_first(explanation))
    return _exit_code([parity])


def _inspect(parsed: argparse.Namespace) -> int:
    from exporter.inspection import inspect

    found = inspect(parsed.bundle)
    if parsed.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        show(inspection_table(found))
    return 0


_COMMANDS = {"export": _export, "verify": _verify, "inspect": _inspect}


def _request(parsed: argparse.Namespace, model: str) -> Request:
    return Request(
        model=model,
        targets=tuple(dict.fromkeys(parsed.target or ["onnx"])),
        schemes=tuple(dict.fromkeys(parsed.quantize or ["none"])),
        destination=parsed.output,
        task=parsed.task,
        hub=HubOptions(parsed.revision, parsed.cache_dir, parsed.local_files_only, parsed.allow_pickle),
        settings=Settings(
            parsed.opset,
            parsed.int32_inputs,
            _lengths(parsed.sequence_length or []),
            parsed.compute_units,
            parsed.deployment_target,
        ),
        verify=not parsed.no_verify,
        keep_failing=parsed.keep_failing,
        limit=Limit(parsed.atol, parsed.max_relative, parsed.min_agreement),
        texts=_texts(parsed.texts),
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


def _texts(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--texts {path}: cannot be read as UTF-8 text, a text a line: {error}") from error
    texts = tuple(line for line in lines if line.strip())
    if not texts:
        raise UsageError(f"--texts {path}: holds no text; write one a line")
    return texts


def _exit_code(parities: list[Parity]) -> int:
    return int(any(parity.verdict is Verdict.FAIL for parity in parities))


def _tell(results: list[tuple[str, Parity]]) -> None:
    for name, parity in results:
        for text in parity.warnings:
            _say(f"{name}: warning: {text}")
        for text in parity.failures:
            _say(f"{name}: parity failed: {text}")
        if parity.verdict is Verdict.FAIL:
            _say(f"{name}: `bertport verify BUNDLE --explain` says where (--keep-failing keeps such a bundle)")


def _first(explanation: Explanation) -> str:
    first = explanation.first
    if first is None:
        return "explain: every named tensor is within its share"
    return f"explain: the first tensor that departs is {first.name} ({first.relative:.3g} of its largest value)"


def _explained(explanation: Explanation) -> dict[str, object]:
    """For JSON, which has no infinity: a tensor with NaN in it has no relative error."""
    sides = {"graph": explanation.graph, "file": explanation.file}
    rows = {
        side: [asdict(row) | {"relative": row.relative if math.isfinite(row.relative) else None} for row in departures]
        for side, departures in sides.items()
    }
    return {"case": explanation.case, **rows}


def _parity(parity: Parity) -> dict[str, object]:
    return asdict(parity) | {"verdict": parity.verdict.value}


def _record(item: Exported) -> dict[str, object]:
    directory = None if item.directory is None else str(item.directory)
    return {
        "recipe": asdict(item.recipe),
        "directory": directory,
        "size_bytes": item.size_bytes,
        "parity": _parity(item.parity),
    }


def _end_by_interrupt() -> int:
    """End by the signal, so that a shell's loop around the command ends too; a shell shows it as 130.

    Left to itself CPython 3.11 does this or returns a code, as the moment was: by the signal where the interrupt came
    through `exec` of a string, as in a dataclass being made.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return 128 + signal.SIGINT


def _say(text: str) -> None:
    """Progress and warnings go to stderr; stdout holds the result alone."""
    print(f"bertport: {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bertport", description="Small BERTs from a checkpoint to a phone, checked.")
    parser.add_argument("--version", action="version", version=f"bertport {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_export(commands.add_parser("export", help="checkpoint → bundles, each compared with PyTorch"))
    verifying = commands.add_parser("verify", help="compare a bundle with PyTorch again")
    verifying.add_argument("bundle", type=Path)
    verifying.add_argument("--checkpoint", metavar="MODEL", help="where its checkpoint is now: a folder or hub id")
    verifying.add_argument("--allow-pickle", action="store_true", help="read pytorch_model.bin, weights only")
    verifying.add_argument("--explain", action="store_true", help="name the first tensor that departs")
    _add_checks(verifying)
    verifying.set_defaults(run=_verify)
    inspecting = commands.add_parser("inspect", help="what is inside a bundle or an .mlpackage")
    inspecting.add_argument("bundle", type=Path)
    inspecting.add_argument("--json", action="store_true", help="print JSON instead of a table")
    inspecting.set_defaults(run=_inspect)
    return parser


def _add_export(parser: argparse.ArgumentParser) -> None:
    schemes = ", ".join(dict.fromkeys(name for target in SCHEMES.values() for name in target))
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a folder, a hub id, or 'demo'")
    parser.add_argument("--target", action="append", help=f"{', '.join(SCHEMES)}; may repeat (default onnx)")
    parser.add_argument("--quantize", action="append", metavar="SCHEME", help=f"{schemes}; may repeat (default none)")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="default artifacts/MODEL/TARGET-SCHEME")
    parser.add_argument("--task", default="auto")
    parser.add_argument("--revision")
    parser.add_argument("--cache-dir")
    parser.add_argument("--local-files-only", action="store_true")
    parser.add_argument("--allow-pickle", action="store_true", help="read pytorch_model.bin, weights only")
    parser.add_argument("--trust-remote-code", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--opset", type=int, default=DEFAULT_OPSET, help="onnx")
    parser.add_argument("--int32-inputs", action="store_true", help="onnx: int32 ids, mask and types instead of int64")
    parser.add_argument("--sequence-length", action="append", metavar="N", help="coreml; may repeat")
    parser.add_argument(
        "--compute-units", default=coreml.DEFAULT_COMPUTE_UNITS, help=f"coreml: {', '.join(coreml.LAYOUTS)}"
    )
    parser.add_argument("--deployment-target", default=coreml.DEFAULT_DEPLOYMENT_TARGET, help="coreml: iOS16 or newer")
    parser.add_argument("--no-verify", action="store_true", help="skip the comparison with PyTorch")
    parser.add_argument("--keep-failing", action="store_true", help="write a bundle even beyond its budget")
    _add_checks(parser)
    parser.set_defaults(run=_export)


def _add_checks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--texts", type=Path, metavar="FILE", help="real text of the task, one a line, to compare on")
    parser.add_argument("--atol", type=float, help="largest absolute difference of a logit allowed")
    parser.add_argument("--max-relative", type=float, help="the same, as a share of the logit range")
    parser.add_argument("--min-agreement", type=float, help="least share of rows with the same labels")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
