"""The measurement case of a bundle or a checkpoint, from its manifest or its reference."""

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.json_files import read_bundled
from exporter.checkpoint.text_length import longest_of
from exporter.verification.reference.session import reference_model
from runtimes.backends.pytorch.description import to_text
from runtimes.backends.registry import find_backend
from runtimes.bundle.reading import Bundle
from runtimes.errors import BundleError
from runtimes.measurement.measure import Case


def pytorch_case(name: str, checkpoint: Checkpoint, threads: int = 1, device: str = "cpu") -> Case:
    """The reference itself, pooling and all, as parity asks it."""
    geometry = checkpoint.geometry
    return Case(
        name,
        "pytorch",
        str(checkpoint.source.directory),
        geometry.vocabulary,
        threads=threads,
        device=device,
        positions=geometry.positions,
        axes=3 if checkpoint.task.choices else 2,
        reference=to_text(reference_model(checkpoint)),
    )


def bundle_case(name: str, bundle: Bundle, threads: int = 1) -> Case:
    """A bundle's model by the runtime of its target. Raises BundleError where its config.json is not what it ships."""
    manifest, vocabulary = bundle.manifest, _number(bundle, "vocab_size")
    timed, target = find_backend(bundle).timed(bundle), manifest.recipe.target
    return Case(
        name,
        target,
        str(timed.path),
        vocabulary,
        threads=threads,
        positions=timed.positions or longest_of(bundle),
        max_rows=timed.max_rows,
        axes=timed.axes,
    )


def _number(bundle: Bundle, key: str) -> int:
    """A number of the config.json that ships in the bundle."""
    path = bundle.directory / "config.json"
    try:
        return int(read_bundled(path)[key])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise BundleError(f"{path}: no number for {key} ({error!r}); export again") from error
