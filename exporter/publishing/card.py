"""The repository's card, README.md: the Hub's metadata, and every figure with the word for how it came about."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.publishing.collection import Collection, Published
from runtimes.records.evaluate import EvaluateRecord
from runtimes.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


@dataclass(frozen=True)
class Facts:
    """What no bundle knows: the repository, the licence by the Hub's identifier, and the hub id it was made from."""

    repo: str
    licence: str = ""
    base_model: str = ""


def card_of(collection: Collection, facts: Facts) -> str:
    """Render the card; its head is made, quoted and checked by huggingface_hub."""
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        license=facts.licence or None,
        base_model=_base(collection, facts) or None,
        library_name=_library(collection),
        pipeline_tag=collection.manifest.recipe.task,
        tags=["bertport", *sorted({one.bundle.manifest.recipe.target for one in collection.bundles})],
        model_name=facts.repo.rpartition("/")[2] if any(collection.evaluations) else None,
        eval_results=[_result(record) for record in collection.evaluations] or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_body(collection, facts)}\n"


def _base(collection: Collection, facts: Facts) -> str:
    manifest = collection.manifest
    return facts.base_model or (manifest.source_model if manifest.source_kind == "hub" else "")


def _library(collection: Collection) -> str | None:
    """What opens the repository as a whole: transformers.js, where it finds its files."""
    return "transformers.js" if any(one.places.dtypes for one in collection.bundles) else None


def _result(record: EvaluateRecord) -> "EvalResult":
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=record.recipe["task"],
        dataset_type=record.data.file,
        dataset_name=f"{record.data.file}, {record.data.rows:,} rows",
        metric_type=record.metric,
        metric_value=record.exported.figures[record.metric],
        metric_name=f"{record.metric} of {record.recipe['target']}-{record.recipe['scheme']}, {record.status}",
    )


def _body(collection: Collection, facts: Facts) -> str:
    manifest = collection.manifest
    base = _base(collection, facts) or manifest.source_model
    lines = [
        f"# {facts.repo.rpartition('/')[2]}",
        "",
        f"{manifest.architecture} for {manifest.recipe.task}, made from {base} by bertport {__version__}.",
        "Each file was run as it was saved, and compared with PyTorch.",
        "",
        "| file | MB | parity | largest difference | a user sees |",
        "| --- | ---: | --- | ---: | --- |",
        *(_row(one) for one in collection.bundles),
        "",
        "`measured` ran on the target's runtime, `simulated` in an interpreter of its format. A user sees: the share",
        "of texts with PyTorch's decision, or the cosine to its vectors.",
        *_evaluated(collection),
        "",
        *_loading(collection, facts),
        "`bertport/` holds each bundle's manifest with inputs, outputs and hashes, the verdict with all figures,",
        "golden vectors to replay on a device, and a CycloneDX bill of materials.",
    ]
    return "\n".join(lines)


def _row(one: Published) -> str:
    files = [f"`{place}`" for every in one.places.files.values() for place in every]
    seen = ", ".join(f"{name} {value:.4f}" for name, value in one.parity["seen"].items())
    figures = f"{one.parity['verdict']}, {one.parity['status']} | {one.parity['max_absolute']:.2g} | {seen}"
    return f"| {', '.join(files)} | {one.bundle.size_bytes / 1e6:.2f} | {figures} |"


def _evaluated(collection: Collection) -> Iterator[str]:
    if any(collection.evaluations):
        yield from ("", "| labelled rows | bundle |  | PyTorch | drop, points | 95 % |")
        yield "| --- | --- | ---: | ---: | ---: | --- |"
    for record in collection.evaluations:
        low, high = record.interval_points
        own, reference = (side.figures[record.metric] for side in (record.exported, record.pytorch))
        rows = f"{record.metric}, {record.data.rows:,} of {record.data.file}"
        name = f"{record.recipe['target']}-{record.recipe['scheme']}, {record.status}"
        figures = f"{own:.4f} | {reference:.4f} | {record.drop_points:+.2f} | {low:+.2f} to {high:+.2f}"
        yield f"| {rows} | {name} | {figures} |"


def _loading(collection: Collection, facts: Facts) -> Iterator[str]:
    dtypes = [dtype for one in collection.bundles for dtype in one.places.dtypes]
    if not dtypes:
        return
    call = f'await pipeline("{collection.manifest.recipe.task}", "{facts.repo}", {{ dtype: "{dtypes[0]}" }})'
    yield from ("```js", 'import { pipeline } from "@huggingface/transformers";', "", f"const run = {call};", "```", "")
    yield from ("Optimum's `ORTModel` classes take the same files by `file_name`.", "")
