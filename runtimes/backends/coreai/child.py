"""The child that runs a Core AI asset: opens it, answers rows of its lengths until its input ends.

    python -P -m runtimes.backends.coreai.child ASSET [--trace]

It ends without Python's own end, which Apple's runtime does not survive (see `session`).
"""

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from runtimes.backends.coreai.runner import TRACE
from runtimes.backends.coreai.session import Session
from runtimes.process.serving import own_stdout, serve
from runtimes.runner import Batch, Outputs, Runner, Status


@dataclass(frozen=True)
class _Rows:
    """See Runner: rows of one length at a time; with `traced` it answers with every float tensor."""

    session: Session
    traced: bool
    status: Status = Status.MEASURED
    positions: int | None = None

    def fit(self, batch: Batch) -> Batch:
        """See Runner; whoever asks has fitted it."""
        return batch

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        function = self.session.function_of(batch.ids.shape[-1])
        return (self.session.trace if self.traced else self.session.run)(function, batch.feeds())

    trace = run


def main() -> NoReturn:
    """Serve on stdin and stdout."""
    answers, (asset, *further) = own_stdout(), sys.argv[1:]
    sessions: list[Session] = []

    def opened() -> tuple[Runner, str]:
        sessions.append(Session(Path(asset), debug=TRACE in further))
        named = f"Core AI's runtime of coreai-core {version('coreai-core')} for {platform.system()}"
        return _Rows(sessions[0], TRACE in further), named

    serve(opened, sys.stdin.buffer, answers)
    answers.flush()
    for session in sessions:
        session.close()
    os._exit(0)


if __name__ == "__main__":
    main()
