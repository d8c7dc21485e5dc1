"""A bundle's answers made while PyTorch makes its own, or while kept ones are read."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from exporter.model.tasks import FILL_MASK
from exporter.verification.reference.reference import Reference
from runtimes.runner import Batch, Outputs, Runner, Status, WrappedRunner

_Key = tuple[bytes, ...]


def ahead(runner: Runner, reference: Reference, lengths: tuple[int, ...]) -> Runner:
    """The runner of a bundle of these `lengths`, which answers the battery from now on, on another thread.

    One that computes outside of Python alone, of a small model in the checkpoint's ids, whose answers fit in memory.
    """
    suited = runner.status is Status.MEASURED and not lengths and reference.kept is None
    if not suited or not reference.is_small or reference.checkpoint.task is FILL_MASK:
        return runner
    made = _Ahead(runner)
    made.start(reference.batches(runner.positions))
    return made


@dataclass(frozen=True)
class _Ahead(WrappedRunner):
    """See Runner: gives what it made ahead once, and then asks again. An error is raised by the one who asks."""

    _made: dict[_Key, "Future[Outputs]"] = field(default_factory=dict)

    def start(self, batches: Iterable[Batch]) -> None:
        pool = ThreadPoolExecutor(1)
        self._made.update({_key(batch): pool.submit(self.runner.run, batch) for batch in batches})
        pool.shutdown(wait=False)

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        found = self._made.pop(_key(batch), None)
        return self.runner.run(batch) if found is None else found.result()

    def trace(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self.runner.trace(batch)


def _key(batch: Batch) -> _Key:
    return (str(batch.ids.shape).encode(), *(part.tobytes() for part in (batch.ids, batch.mask, batch.types)))
