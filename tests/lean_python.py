"""An interpreter that may lack torch, and the programs that it is given."""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ABSENT = """
import importlib, importlib.metadata, importlib.util, json, sys
def lacks(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name
        return importlib.util.find_spec(name) is None and name not in list_distributions
    return False
list_distributions = [one.metadata["Name"] for one in importlib.metadata.distributions()]
print(json.dumps([name for name in sys.argv[1:] if not lacks(name)]))
"""
MODULES = """
import importlib, json, pkgutil
import exporter, runtimes
found = {}
for package in (exporter, runtimes):
    for one in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not one.name.endswith("__main__"):
            try:
                importlib.import_module(one.name)
            except Exception as error:
                found[one.name] = repr(error)
for name in exporter.__all__:
    getattr(exporter, name)
for name in runtimes.__all__:
    getattr(runtimes, name)
print(json.dumps(found))
"""
RUN = """
import json, sys
import numpy as np
import runtimes
ids = np.array([[101, 2054, 102]])
found = {}
for place in sys.argv[1:]:
    outputs = runtimes.open(place).run(runtimes.Batch(ids, np.ones_like(ids), np.zeros_like(ids)))
    found[place] = {name: list(values.shape) for name, values in outputs.items()}
print(json.dumps(found))
"""
HELP = """
import contextlib, io, json
from exporter.cli.main import COMMANDS, main
found = {}
for command in ("", *COMMANDS):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            main([command, "--help"] if command else ["--help"])
        except SystemExit as end:
            found[command] = end.code if "usage: " in said.getvalue() else said.getvalue()
print(json.dumps(found))
"""
CALLS = """
import contextlib, io, json, sys
from exporter.cli.main import export_main
found = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = export_main(arguments)
    found.append((code, said.getvalue()))
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Python:
    """The interpreter, and what its environment has beside this one's."""

    executable: str
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        """What became of one process."""
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", **self.environment}
        command = [self.executable, *arguments]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    def told(self, program: str, *arguments: str, cwd: Path) -> Any:
        """What a program prints as JSON."""
        done = self.run("-c", program, *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def bertport(self, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        """One command in a process of its own."""
        return self.run("-m", "exporter", *arguments, cwd=cwd)

    def calls(self, commands: Iterable[list[str]], cwd: Path) -> list[tuple[int, str]]:
        """Exit code and stderr of each of several commands, called by one process: its imports take seconds."""
        return [(code, said) for code, said in self.told(CALLS, json.dumps(list(commands)), cwd=cwd)]
