"""Outlier channels of activations: found on calibration texts, and treated where they cost precision.

A linear layer in integers rounds what it reads by one scale, so a few outlier channels take the precision of all: in
all-MiniLM-L6-v2 one of 1,536 reaches 24 where the others stay below 6. Two remedies, neither of which fixes a range or
clips anything:

- smoothed: x / f meets weight · f, with f above 1 where a channel is an outlier (SmoothQuant, Xiao et al. 2022). The
  factors are powers of two, so that in float32 nothing changes by it. One multiplication for all layers that read x.
- floats: the outlier channels are computed in floats, the others in integers (LLM.int8(), Dettmers et al. 2022).
  Nearer, and for each layer a gather, a small product and an addition more.

Which of them a layer gets is decided by how far its results are from the float ones on the calibration texts: the
cheapest form that is not much worse than the best. Models without outliers get none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np

from exporter.compression.integer_rounding import Quantise, int8_without_saturation
from exporter.model.model import Model
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Array, Inputs, Role, Weight
from runtimes.process.blas_lock import BLAS_LIMIT
from runtimes.process.threads import BLAS_THREADS

MOST_CHANNELS = 16
MOST_FACTOR = 64
LEAST_WIDTH = 256
"""Narrower matrices gain less from integers than two more operations take."""
_TEXTS, _TOKENS = 16, 64
_FAR = 2.0
"""An outlier reaches so many times as far as the middle channel."""
_ROWS, _OUTPUTS = 256, 128
"""Of a layer's inputs and results, those that its errors are measured on."""


class Form(Enum):
    """How a layer treats outlier channels of what it reads, from the cheapest on."""

    PLAIN = "plain"
    SMOOTHED = "smoothed"
    FLOATS = "floats"


_TOLERATED = {Form.PLAIN: 1.3, Form.SMOOTHED: 1.1, Form.FLOATS: 1.0}
"""How many times as far from the float results as the best form's a layer's may be. What a treated layer takes more in
floats than smoothed is little: on all-MiniLM-L6-v2 some hundredths of the time, for a least cosine of 0.9985 over 1,000
sentences instead of 0.9979 with 1.3 for both."""


@dataclass(frozen=True)
class Arithmetic:
    """How a target computes products in integers, and which forms a layer may have there.

    `quantise` rounds weights. Activations are rounded to 8 bits by the range of all of them, or `by_token` by that of
    each token. `tolerated` has the forms that there are, from the cheapest on, with how many times as far from the
    float results as the best one a layer's may be. A channel that reaches n times as far as the middle one has the
    factor n to the power of `exponent`: 1 spends all on activations, 0.5 as much on weights (SmoothQuant's α).
    """

    quantise: Quantise = int8_without_saturation
    by_token: bool = False
    tolerated: Mapping[Form, float] = field(default_factory=lambda: dict(_TOLERATED))
    exponent: float = 1.0

    def rounded(self, x: Array, low: Array, high: Array) -> Array:
        """Activations `x` [tokens, in] as they are multiplied; all tokens' channels reach from `low` to `high` [in]."""
        axis = -1 if self.by_token else None
        low, high = (x, x) if self.by_token else (low, high)
        bottom = np.minimum(low.min(axis, keepdims=True), 0).astype(np.float64)
        top = np.maximum(high.max(axis, keepdims=True), 0).astype(np.float64)
        steps = np.maximum((top - bottom) / 255, np.finfo(np.float32).tiny)
        zero, step = np.rint(-bottom / steps).astype(np.float32), steps.astype(np.float32)
        return np.asarray((np.clip(np.rint(x / step) + zero, 0, 255) - zero) * step)


@dataclass(frozen=True)
class Treatment:
    """The form that a layer got.

    `factors` [in] are the powers of two of a smoothed layer, `channels` the numbers of those in floats, ascending.
    `errors` are what it was chosen by: for each form the root mean square of the difference from the float results, as
    a share of theirs.
    """

    factors: Array | None = None
    channels: Array | None = None
    errors: Mapping[Form, float] = field(default_factory=dict)

    @property
    def form(self) -> Form:
        """What it is called."""
        if self.factors is not None:
            return Form.SMOOTHED
        return Form.PLAIN if self.channels is None else Form.FLOATS

    @property
    def extent(self) -> dict[str, Any]:
        """How much is treated, for JSON."""
        if self.factors is not None:
            return {"largest_factor": float(self.factors.max())}
        return {} if self.channels is None else {"channels": self.channels.tolist()}

    @property
    def told(self) -> dict[str, float]:
        """The errors by their forms' names, for JSON."""
        return {form.value: float(f"{error:.3g}") for form, error in self.errors.items()}


AS_IT_IS = Treatment()
Treatments = Mapping[str, Treatment]
"""Name of a linear weight → how its layer treats outliers; those without a name are plain."""
NO_OUTLIERS: Treatments = MappingProxyType({})


BY_TENSOR = Arithmetic()
"""What ONNX Runtime does with DynamicQuantizeLinear and MatMulInteger."""


def treat_outliers(model: Model, samples: Sequence[Inputs[Array]], arithmetic: Arithmetic = BY_TENSOR) -> Treatments:
    """Run a few of `samples`, and choose a form for each wide linear layer."""
    from threadpoolctl import threadpool_limits  # here: narrow models have no use for it

    batch = _one_batch(samples[:_TEXTS], model.geometry.pad)
    ops = _Observed(batch.mask.astype(bool), arithmetic, model.geometry.uses > 1)
    with BLAS_LIMIT, threadpool_limits(BLAS_THREADS, user_api="blas"):  # others wait actively, beside what else runs
        model.build(ops, batch)
        ops.decide()
    return ops.treatments


def evidence(treatments: Treatments, arithmetic: Arithmetic = BY_TENSOR) -> dict[str, Any]:
    """What each layer got and by which errors, for calibration.json: three digits, the rest is a processor's."""
    layers = {name: {"form": one.form.value, **one.extent, "errors": one.told} for name, one in treatments.items()}
    tolerated = {form.value: times for form, times in arithmetic.tolerated.items()}
    return {"kind": "calibration", "tolerated": tolerated, "layers": layers}


def is_wide(weight: Weight) -> bool:
    """Whether outlier channels of what a weight reads are looked for."""
    return weight.role is Role.LINEAR and min(weight.values.shape) >= LEAST_WIDTH


@dataclass(frozen=True)
class _Seen:
    """What layers read: some of the tokens, `x` [some, in], and how far the channels reach in all, `low` and `high`."""

    x: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, x: Array) -> "_Seen":
        """Of `x` [tokens, in]."""
        return cls(_few(x, _ROWS), x.min(0), x.max(0))

    def and_also(self, other: "_Seen") -> "_Seen":
        """What either read."""
        return _Seen(
            np.concatenate([self.x, other.x]), np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        )


def _decided(seen: _Seen, weights: Sequence[Weight], arithmetic: Arithmetic) -> dict[str, Treatment]:
    """The form of all layers that read the same: the same for all, which then round it once."""
    reach = np.maximum(seen.high, -seen.low)
    factors, channels = _factors(reach, arithmetic.exponent), _outliers(reach)
    if not len(channels) and factors.max() == 1:
        return {weight.name: AS_IT_IS for weight in weights}
    forms = _Forms(replace(seen, x=_few(seen.x, _ROWS)), factors, channels, arithmetic)
    # of a weight each row has its own scale, so that few round as in the whole
    found = [_errors(forms, _few(weight.values, _OUTPUTS)) for weight in weights]
    errors = {form: float(np.sqrt(np.mean([one[form] ** 2 for one in found]))) for form in arithmetic.tolerated}
    least = min(errors.values())
    near = (form for form, times in arithmetic.tolerated.items() if errors[form] <= times * least)
    form = next(near, Form.PLAIN)  # of NaN none is near
    chosen = Treatment(
        factors if form is Form.SMOOTHED else None,
        channels if form is Form.FLOATS else None,
        errors,
    )
    return {weight.name: chosen for weight in weights}


def _outliers(reach: Array) -> Array:
    """`reach` [n]: the largest magnitude of each channel."""
    furthest = np.argsort(-reach, kind="stable")[:MOST_CHANNELS]
    return np.sort(furthest[reach[furthest] > _FAR * np.median(reach)])


def _factors(reach: Array, exponent: float) -> Array:
    """[n]: powers of two, which bring outliers to the middle channel's reach or nearer, at most MOST_FACTOR."""
    middle = max(float(np.median(reach)), float(np.finfo(np.float32).tiny))
    shares = np.clip(reach / middle, 1, MOST_FACTOR)
    return np.asarray(np.exp2(np.rint(exponent * np.log2(shares))), np.float32)


def _few(rows: Array, most: int) -> Array:
    """At most so many of them, evenly spread."""
    return rows[:: -(-len(rows) // most)]


@dataclass(frozen=True)
class _Forms:
    """What a layer reads, and how it may be treated."""

    seen: _Seen
    factors: Array
    channels: Array
    arithmetic: Arithmetic

    def product(self, share: Array, weight: Array) -> Array:
        """As x · `share` [in] is rounded and the file holds the weight."""
        q, scale = self.arithmetic.quantise(weight)
        rounded = self.arithmetic.rounded(*(part * share for part in (self.seen.x, self.seen.low, self.seen.high)))
        return np.asarray(rounded @ (q.astype(np.float32) * scale.astype(np.float32)).T)


def _errors(forms: _Forms, weight: Array) -> dict[Form, float]:
    """Of each form, of some rows of a weight."""
    x, near = forms.seen.x, np.ones(len(forms.factors), np.float32)
    near[forms.channels] = 0
    exact = x @ weight.T
    rest = x[:, forms.channels] @ weight[:, forms.channels].T
    products: dict[Form, Callable[[], Array]] = {
        Form.PLAIN: lambda: forms.product(np.ones_like(near), weight),
        Form.SMOOTHED: lambda: forms.product(1 / forms.factors, weight * forms.factors),
        Form.FLOATS: lambda: forms.product(near, weight * near) + rest,
    }
    found = {form: products[form]() for form in forms.arithmetic.tolerated}
    size = max(_mean_square(exact), float(np.finfo(np.float32).tiny))
    return {form: float(np.sqrt(_mean_square(one - exact) / size)) for form, one in found.items()}


def _mean_square(values: Array) -> float:
    return float(np.square(values, dtype=np.float64).mean())


def _one_batch(samples: Sequence[Inputs[Array]], pad: int) -> Inputs[Array]:
    """Padded to the longest, and truncated to what shows enough; of several choices each is a row."""
    longest = min(max(sample.ids.shape[-1] for sample in samples), _TOKENS)

    def rows(parts: list[Array], filled: int) -> Array:
        flat = [row for part in parts for row in part.reshape(-1, part.shape[-1])[:, :longest]]
        return np.stack([np.pad(row, (0, longest - len(row)), constant_values=filled) for row in flat])

    types = [sample.types for sample in samples if sample.types is not None]
    ids, mask = rows([sample.ids for sample in samples], pad), rows([sample.mask for sample in samples], 0)
    return Inputs(ids, mask, rows(types, 0) if types else None)


class _Observed(NumpyOps):
    """The definition of every operation, which looks at what wide linear layers read, and remembers no tensor.

    `tokens` [B, S] are those that are no padding; `arithmetic` is the target's. `shared`: several layers read the same
    weights, whose form is decided by what all of them read.
    """

    def __init__(self, tokens: Array, arithmetic: Arithmetic, shared: bool = False) -> None:
        super().__init__()
        self._arithmetic, self._shared = arithmetic, shared
        self.treatments: dict[str, Treatment] = {}
        self._seen: dict[str, _Seen] = {}
        self._tokens = tokens
        self._read: Array | None = None
        self._readers: list[Weight] = []

    def decide(self) -> None:
        """Choose for the layers that read what was read last."""
        if self._read is not None:
            seen, first = _Seen.of(self._read[self._tokens]), self._readers[0].name
            if self._shared:
                seen = self._seen[first].and_also(seen) if first in self._seen else seen
                self._seen[first] = seen
            self.treatments |= _decided(seen, self._readers, self._arithmetic)
        self._read, self._readers = None, []

    def linear(self, name: str, x: Array, weight: Weight, bias: Weight | None) -> Array:
        self._note(weight, x)
        return super().linear(name, x, weight, bias)

    def row_products(self, name: str, x: Array, table: Weight, bias: Weight, rest: Weight | None = None) -> Array:  # noqa: ARG002
        """A score of each token, for every token of every text, would take more memory than the model; none is read."""
        if rest is not None:
            self._note(rest, x[..., table.values.shape[1] :])
        return x

    def _note(self, weight: Weight, x: Array) -> None:
        if not is_wide(weight):
            return
        if x is not self._read:
            self.decide()
            self._read = x
        self._readers.append(weight)

    def _keep(self, _name: str, x: Array) -> Array:
        return x.astype(np.float32, copy=False)

    def activation(self, name: str, x: Array, kind: str) -> Array:
        """Where the erf of each number would take longer than all products, its approximation tells as much."""
        return super().activation(name, x, "gelu_tanh" if kind == "gelu" else kind)
