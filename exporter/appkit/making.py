"""A kit of a bundle: checked before, written beside its place, and there whole or not at all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.appkit.kit import Kit
from exporter.appkit.platform import Platform
from exporter.bundling.staging import staged
from exporter.checkpoint.json_files import read_bundled
from runtimes.bundle.manifest import GOLDEN, PARITY
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BundleError, ExportError, UsageError


@dataclass(frozen=True)
class Request:
    """One call.

    `even_failing`: make a kit of a bundle that failed parity; the kit then says so. `package`: of its code, where the
    platform has packages and it is to be another than the platform's own.
    """

    bundle: Path
    destination: Path
    even_failing: bool = False
    package: str | None = None


@dataclass(frozen=True)
class Made:
    """A kit on disk: its folder, and bytes of the model and of everything else."""

    directory: Path
    model_bytes: int
    other_bytes: int


def make_kit(platform: Platform, request: Request) -> Made:
    """Check the bundle and the folder, then write the kit beside its place and move it there.

    Raises UsageError for a folder in use, a package that is none, or a bundle of another target, BundleError for a
    changed bundle, ExportError for one that failed parity or was never compared, UnsupportedError for one that the
    platform has no code for.
    """
    check_place(request.destination)
    _check_package(platform, request.package)
    kit = _read(platform, request)
    with staged(request.destination) as staging, _as_written(request.bundle):
        platform.write(kit, staging.directory)
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


def _check_package(platform: Platform, package: str | None) -> None:
    if package is None:
        return
    if platform.check_package is None:
        raise UsageError(f"--package {package}: the code of a kit for {platform.name} has no package; leave it out")
    platform.check_package(package)


def _read(platform: Platform, request: Request) -> Kit:
    bundle = read_bundle(request.bundle)
    found = bundle.manifest.recipe.target
    if found not in platform.targets:
        raise UsageError(
            f"{request.bundle}: expected a bundle of target {' or '.join(platform.targets)} for --platform "
            f"{platform.name}, found {found}; bertport export MODEL --target {platform.targets[0]}"
        )
    check_files(bundle)
    parity = read_bundled(request.bundle / PARITY)
    with _as_written(request.bundle):
        _check_parity(request, parity)
    golden = read_bundled(request.bundle / GOLDEN)
    return Kit(request.destination.absolute().name, bundle, parity, golden, request.package)


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
