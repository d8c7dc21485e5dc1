"""What a platform makes a kit of: a bundle, checked, and how it compares with PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.model.tasks import TASKS
from runtimes.bundle.reading import Bundle


@dataclass(frozen=True)
class Kit:
    """What a platform's `emit` is given: a bundle whose files are what its manifest says, and its parity.

    `name` is the folder's, `parity` parity.json as it stands, `golden` golden.json as it stands,
    `package` that of the code where one was asked for.
    """

    name: str
    bundle: Bundle
    parity: Mapping[str, Any]
    golden: Mapping[str, Any]
    package: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the bundle failed parity."""
        return bool(self.parity["verdict"] == "fail")

    @property
    def reads_pairs(self) -> bool:
        """Whether a text is two: by its task, by its checkpoint, or by what it was compared on."""
        manifest, vectors = self.bundle.manifest, self.golden["vectors"]
        compared = any("text_pair" in vector for vector in vectors)
        return manifest.pairs or TASKS[manifest.recipe.task].pairs or compared

    @property
    def gives_values(self) -> bool:
        """Whether a classifier's scores are numbers as they are, and no shares of one."""
        return self.bundle.manifest.problem == "regression" or self.bundle.manifest.activation == "none"

    @property
    def warning(self) -> str:
        """What README and code of the kit say where the bundle failed parity; nothing for others."""
        return "WARNING: this model failed its parity check and was shipped with --even-failing." if self.failed else ""

    @property
    def tolerance(self) -> float:
        """The budget in logits: relative ones are shares of the range that was seen at the export."""
        budget, span = self.bundle.manifest.budget, self.parity["logit_range"]
        relative = None if budget.max_relative is None else budget.max_relative * span
        return min((limit for limit in (budget.max_absolute, relative) if limit is not None), default=0.0)

    @property
    def parity_text(self) -> str:
        """The verdict in one line, with what failed."""
        verdict, status = self.parity["verdict"], self.parity["status"]
        failures = "".join(f"; {failure}" for failure in self.parity["failures"])
        return f"{verdict} ({status}), {self.parity['rows']} rows{failures}"
