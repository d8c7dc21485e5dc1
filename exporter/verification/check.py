"""The arguments of a verification: a bundle, and what the user gives beside it."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from runtimes.backends.backend import NATIVE
from runtimes.bundle.manifest import Budget
from runtimes.bundle.reading import Bundle


@dataclass(frozen=True)
class Limit:
    """What the user puts in place of a scheme's budget."""

    max_absolute: float | None = None
    max_relative: float | None = None
    min_agreement: float | None = None
    min_cosine: float | None = None

    def applied(self, budget: Budget) -> Budget:
        """The budget with what was given here in the place of its own."""
        return replace(budget, **{name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class Answering:
    """How PyTorch's answers come to be.

    `threads` are those of PyTorch and of ONNX Runtime, None for what the model's size says; see
    `runtimes.process.threads`. With `cached`, answers that were kept for the same model, cases and versions will do.
    """

    threads: int | None = None
    cached: bool = True


@dataclass(frozen=True)
class Check:
    """One call of the verifier. `model` names the checkpoint where the manifest's own name leads there no more.

    `arch` is one of `runtimes.backends.backend.ARCHITECTURES`. `texts_file` is where the texts are from: it may
    hold labels.
    """

    bundle: Bundle
    model: str | None = None
    texts: tuple[str, ...] = ()
    limit: Limit = field(default_factory=Limit)
    allow_pickle: bool = False
    arch: str = NATIVE
    pairs: bool = False
    texts_file: Path | None = None
    answering: Answering = field(default_factory=Answering)
