"""What every platform's kit has in common: a bundle, checked, and a folder that appears whole or not at all."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.appkit.wordpiece import WordPiece
from exporter.bundling.staging import staged
from exporter.checkpoint.json_files import read_bundled
from exporter.checkpoint.text_length import longest_of
from runtimes.bundle.manifest import GOLDEN, PARITY
from runtimes.bundle.reading import Bundle, check_files, read_bundle
from runtimes.errors import BundleError, ExportError, UsageError

_ACTIVATIONS = {"regression": "none", "score": "sigmoid", "multi_label_classification": "sigmoid"}
"""Problem → what makes scores of its logits, in bundles from before the manifest said it; softmax for all others."""


@dataclass(frozen=True)
class Request:
    """One call. `even_failing`: make a kit of a bundle that failed parity; the kit then says so."""

    bundle: Path
    destination: Path
    even_failing: bool = False


@dataclass(frozen=True)
class Kit:
    """What a platform's emitter is given: a bundle whose files are what its manifest says, and its parity.

    `name` is the folder's, `parity` parity.json as it stands, `golden` golden.json as it stands.
    """

    name: str
    bundle: Bundle
    parity: Mapping[str, Any]
    golden: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether the bundle failed parity."""
        return bool(self.parity["verdict"] == "fail")

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
    def beside(self) -> dict[str, Any]:
        """What of kit.json stands beside the model and changes its answers; see `runtimes.bundle.manifest.Manifest`."""
        manifest = self.bundle.manifest
        usual = _ACTIVATIONS.get(manifest.problem, "softmax")
        return {
            "activation": manifest.activation or usual,
            "prompt": manifest.prompt,
            "maxTokens": longest_of(self.bundle),
        }

    @property
    def parity_text(self) -> str:
        """The verdict in one line, with what failed."""
        verdict, status = self.parity["verdict"], self.parity["status"]
        failures = "".join(f"; {failure}" for failure in self.parity["failures"])
        return f"{verdict} ({status}), {self.parity['rows']} rows{failures}"

    def long_texts(self, wordpiece: WordPiece) -> str:
        """What becomes of them, as a README says it."""
        max_tokens = longest_of(self.bundle)
        if self.bundle.manifest.recipe.task == "question-answering":
            return (
                f"A context that has more than {min(max_tokens, 384)} tokens with its question is read in windows that "
                "overlap, as transformers' pipeline reads it; each is one prediction."
            )
        side = "start" if wordpiece.truncate_left else "end"
        return (
            f"Texts longer than {max_tokens} tokens are cut as the checkpoint's tokenizer cuts them "
            f"({wordpiece.truncation_strategy}, from the {side})."
        )


@dataclass(frozen=True)
class Platform:
    """One platform: the target of the bundles it takes, and `emit`, which writes a kit's files into an empty folder."""

    target: str
    emit: Callable[[Kit, Path], None]


@dataclass(frozen=True)
class Made:
    """A kit on disk: its folder, and bytes of the model and of everything else."""

    directory: Path
    model_bytes: int
    other_bytes: int


def make_kit(name: str, platform: Platform, request: Request) -> Made:
    """Check the bundle and the folder, then write the kit beside its place and move it there.

    Raises UsageError for a folder in use or a bundle of another target, BundleError for a changed bundle, ExportError
    for one that failed parity or was never compared.
    """
    check_place(request.destination)
    kit = _read(name, platform, request)
    with staged(request.destination) as staging, _as_written(request.bundle):
        platform.emit(kit, staging.directory)
        total = sum(path.stat().st_size for path in staging.directory.rglob("*") if path.is_file())
        staging.publish()
    model = kit.bundle.size_bytes
    return Made(request.destination, model, total - model)


@contextmanager
def _as_written(bundle: Path) -> Iterator[None]:
    """A bundle whose hashes fit may still not hold what `bertport export` writes: somebody else can make hashes too."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BundleError(f"{bundle}: not as bertport export writes it ({error!r}); export again") from error


def check_place(destination: Path) -> None:
    """Refuse a folder that holds anything: a kit is the app's by then, with its changes."""
    if destination.is_dir() and any(destination.iterdir()):
        raise UsageError(f"{destination}: expected a new or empty folder, found it in use; pass another with -o")


def _read(name: str, platform: Platform, request: Request) -> Kit:
    bundle = read_bundle(request.bundle)
    found = bundle.manifest.recipe.target
    if found != platform.target:
        raise UsageError(
            f"{request.bundle}: expected a bundle of target {platform.target} for --platform {name}, found {found}; "
            f"bertport export MODEL --target {platform.target}"
        )
    check_files(bundle)
    parity = read_bundled(request.bundle / PARITY)
    with _as_written(request.bundle):
        _check_parity(request, parity)
    return Kit(request.destination.absolute().name, bundle, parity, read_bundled(request.bundle / GOLDEN))


def _check_parity(request: Request, parity: Mapping[str, Any]) -> None:
    verdict = parity.get("verdict")
    if verdict == "fail" and not request.even_failing:
        raise ExportError(
            f"{request.bundle}: expected a bundle that passed parity, found {'; '.join(parity['failures'])}; "
            "export with another scheme, or pass --even-failing for a kit that says so"
        )
    if verdict not in ("pass", "fail"):
        raise ExportError(
            f"{request.bundle}: expected a bundle compared with PyTorch, found {verdict}: it has no golden vectors for "
            "a device to replay; export again without --no-verify"
        )
