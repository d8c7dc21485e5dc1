"""Progress of what huggingface_hub downloads, told as that of every other step."""

from io import StringIO
from typing import Any

from huggingface_hub.utils.tqdm import tqdm

from runtimes.process.progress import Count


class Downloading(tqdm):
    """What huggingface_hub takes for a bar (seen with 2.4.0): logs how far it is, and draws nothing.

    HF_HUB_DISABLE_PROGRESS_BARS holds as ever. Totals of bytes grow while files are asked for.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._count: Count | None = None
        super().__init__(*args, **options | {"file": StringIO(), "leave": False})  # type: ignore[no-untyped-call]

    def display(self, *_args: Any, **_options: Any) -> None:
        """Log, in place of drawing."""
        total = int(self.total or 0)
        if self._count is None:
            self._count = Count(str(self.desc).strip(": "), total)
        self._count.at(int(self.n), total)

    def close(self) -> None:
        """Log the end."""
        super().close()
        if self._count is not None:
            self._count.end()
            self._count = None
