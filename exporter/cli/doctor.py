"""`bertport doctor`: what this machine can do for each target, what is missing, and the command that brings it."""

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from exporter.options.help import add_json
from exporter.targets.registry import TARGETS
from runtimes.backends.backend import ARCHITECTURES, NATIVE, Backend
from runtimes.backends.emulation.processors import find_emulator, runs_natively
from runtimes.backends.pytorch.installed import require_pytorch
from runtimes.backends.registry import BACKENDS
from runtimes.errors import RuntimeUnavailable
from runtimes.extras import EXTRAS
from runtimes.measurement.host import fingerprint, int8_abilities, versions
from runtimes.runner import Status

EXAMPLES = (
    ("bertport doctor", "versions, processor, and what each target could do here"),
    ("bertport doctor --json", "the same for a bug report or a program"),
)
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Ability:
    """What can be done with bundles of one target, on one architecture.

    `run` is measured, emulated, simulated or not run; what `cannot_*` hold is why not, and what would bring it.
    """

    target: str
    arch: str
    run: str
    cannot_export: str
    cannot_measure: str
    cannot_time: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_json(parser, "Print JSON instead of tables.")


def run(parsed: argparse.Namespace) -> int:
    """Look, print, and return 0: what is missing is no failure."""
    found = _found()
    if parsed.json:
        print(json.dumps(found | {"abilities": [asdict(one) for one in found["abilities"]]}, indent=2))
    else:
        _show(found)
    return 0


def _found() -> dict[str, Any]:
    """All that the command says; no runtime is imported for it."""
    abilities = [one for target in TARGETS for one in _abilities(target)]
    installed = versions(*_required())
    return {
        "host": fingerprint(),
        "int8": int8_abilities(),
        "versions": {name: installed.get(name) for name in ("bertport", *_required())},
        "abilities": abilities,
        "missing": _missing(abilities),
    }


def _required() -> list[str]:
    """The packages that bertport needs, and those of the extras that its targets need, as its metadata names them."""
    stated: list[str] = []
    with suppress(PackageNotFoundError):  # a folder on PYTHONPATH has no metadata
        stated = requires("bertport") or []
    wanted = [line for line in stated if "extra ==" not in line or any(_of_extra(line, one) for one in EXTRAS)]
    return sorted({found.group() for line in wanted if (found := _NAME.match(line))})


def _of_extra(line: str, extra: str) -> bool:
    return re.search(rf"extra == ['\"]{extra}['\"]", line) is not None


def _abilities(target: str) -> Iterator[Ability]:
    """Of a target on this processor, and on those whose kernels can be emulated."""
    backend, export = BACKENDS[target], TARGETS[target].cannot_export_here()
    here = backend.runs_here()
    yield Ability(target, NATIVE, here.status.value, export, here.lacks, backend.cannot_time_here())
    for arch in ARCHITECTURES:
        if backend.emulated and not runs_natively(arch):
            lacks = _lacking(backend, arch)
            status = Status.NOT_RUN if lacks else Status.EMULATED
            yield Ability(target, arch, status.value, export, lacks, "an emulated processor has no times")


def _lacking(backend: Backend, arch: str) -> str:
    """What keeps `--arch` from being emulated."""
    assert backend.emulated is not None  # noqa: S101 - for mypy; the caller has looked
    try:
        find_emulator(backend.emulated, arch)
    except RuntimeUnavailable as error:
        return str(error)
    return ""


def _missing(abilities: list[Ability]) -> dict[str, list[str]]:
    """What is missing, with what brings it → what it is missing for."""
    found: dict[str, list[str]] = {}
    try:
        require_pytorch()
    except RuntimeUnavailable as error:
        found[str(error)] = ["parity"]
    for one in abilities:
        for lacks in dict.fromkeys((one.cannot_export, one.cannot_measure)):
            if lacks:
                found.setdefault(lacks, []).append(one.target)
    return {lacks: list(dict.fromkeys(targets)) for lacks, targets in found.items()}


def _show(found: dict[str, Any]) -> None:
    from runtimes.reporting.terminal import lines, plain_table, show

    host, int8 = found["host"], found["int8"]
    has = ", ".join(f"{'' if there else 'no '}{name}" for name, there in int8.items())
    facts = [*host.items(), ("int8", has or "not known on this system")]
    show(lines("machine", ("what", "here"), facts))
    rows = [(name, version or "not installed") for name, version in found["versions"].items()]
    show(lines("versions", ("package", "version"), rows))
    show(plain_table("targets", ("target", "processor", "export", "run", "time"), map(_cells, found["abilities"])))
    for lacks, targets in found["missing"].items():
        print(f"missing for {' and '.join(targets)}: {lacks}")
    for one in found["abilities"]:
        if one.arch == NATIVE and one.cannot_time:
            print(f"no times of {one.target}: {one.cannot_time}")


def _cells(one: Ability) -> tuple[str, ...]:
    return one.target, one.arch, "no" if one.cannot_export else "yes", one.run, "no" if one.cannot_time else "yes"
