"""The record of a comparison with PyTorch: parity.json of a bundle, and what `bertport verify -o FILE` keeps."""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from runtimes.records.record import OPTIONAL, Record
from runtimes.records.subjects import BundleName
from runtimes.records.values import Amount, Count, Finite, Status, Text, Verdict

if TYPE_CHECKING:
    from runtimes.parity.compare import Parity


@dataclass(frozen=True)
class TensorError:
    """One named tensor of both sides; `relative` is None where one of them holds NaN or infinity."""

    name: Text
    relative: Amount | None
    beyond: bool


@dataclass(frozen=True)
class Explanation:
    """Our float32 graph against PyTorch, and the saved file against our graph, on one case of the battery."""

    case: Text
    graph: tuple[TensorError, ...]
    file: tuple[TensorError, ...]


@dataclass(frozen=True)
class Witness:
    """Our interpreter against Apple's runtime over the same weights: of each tensor the largest difference of all rows.

    A difference is a share of the tensor's largest value, None where one side has no number.
    """

    runtime: Text
    tokens: Count
    rows: Count
    equal_share: Amount
    relative: dict[str, Amount | None]
    outputs: tuple[Text, ...]


@dataclass(frozen=True, kw_only=True)
class ParityRecord(Record):
    """Figures of runtimes.parity.compare.Parity, in logits; `verify` adds the bundle, and what else it was asked."""

    kind: Literal["parity"] = "parity"
    verdict: Verdict
    status: Status
    rows: Count
    max_absolute: Amount
    mean_absolute: Amount
    logit_range: Amount
    max_relative: Amount
    min_cosine: Finite | None
    agreement: Amount | None
    seen: Annotated[dict[str, Finite], Field(default_factory=dict)]
    padding_max_absolute: Amount
    worst_case: Text
    failures: tuple[Text, ...]
    warnings: tuple[Text, ...]
    note: Annotated[Text, Field(default="")]
    absolute_quantiles: Annotated[dict[str, Amount], Field(default_factory=dict)]
    coverage: Annotated[dict[str, Count], Field(default_factory=dict)]
    agreement_interval: Annotated[tuple[Amount, Amount] | None, Field(default=None)]
    bundle: BundleName | None = field(default=None, metadata={OPTIONAL: True})
    explanation: Explanation | None = field(default=None, metadata={OPTIONAL: True})
    witness: Witness | None = field(default=None, metadata={OPTIONAL: True})


def parity_record(
    parity: "Parity",
    bundle: BundleName | None = None,
    explanation: Explanation | None = None,
    witness: Witness | None = None,
) -> ParityRecord:
    """Make the record of a comparison. Raises TypeError where the two have other fields."""
    figures: dict[str, Any] = {one.name: getattr(parity, one.name) for one in fields(parity)}
    figures["verdict"] = parity.verdict.value
    return ParityRecord(**figures, bundle=bundle, explanation=explanation, witness=witness)
