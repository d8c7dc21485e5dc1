"""The manifest of a bundle, bertport.json: what it says of the model, its recipe and its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtimes.files.atomic_write import MANIFEST as MANIFEST

GOLDEN, PARITY, CARD = "golden.json", "parity.json", "README.md"
MAPPED, SBOM = "model.mapped.onnx", "sbom.cdx.json"
CALIBRATION = "calibration.json"
"""What calibration texts decided, and by which figures."""
FORMAT_VERSION = 2
SEQUENCE, CHOICES = "sequence_length", "num_choices"
"""The symbolic sizes of an axis with one entry for each token, and of one for each choice of a text."""
Option = bool | int | float | str | None | tuple[int, ...]
"""What an option of a target may be."""


@dataclass(frozen=True)
class Budget:
    """What a scheme may cost. Absolute in logits; relative as a share of the reference's logit range.

    `min_cosine` holds for what gives vectors.
    """

    max_absolute: float | None = None
    max_relative: float | None = None
    min_agreement: float = 1.0
    min_cosine: float | None = None


@dataclass(frozen=True)
class Recipe:
    """What was asked of the export; what a scheme has no use for stays None or empty.

    `options` are the target's own, by name. `keep`: see `exporter.compression.weight_exceptions.Keep`;
    `vocabulary_size` is that of a trimmed vocabulary; hashes are of texts.
    """

    target: str
    scheme: str
    task: str
    options: Mapping[str, Option] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    pq_dims: int | None = None
    frequencies_sha256: str | None = None
    vocabulary_size: int | None = None
    finetuned_sha256: str | None = None
    finetune_epochs: int | None = None

    @property
    def name(self) -> str:
        """The subfolder of this combination when several are exported."""
        return f"{self.target}-{self.scheme}"

    @property
    def sequence_lengths(self) -> tuple[int, ...]:
        """The lengths that the inputs have, where they are fixed."""
        found = self.options.get("sequence_lengths", ())
        return found if isinstance(found, tuple) else ()


@dataclass(frozen=True)
class TensorSpec:
    """An input or output; symbolic sizes are names."""

    name: str
    dtype: str
    shape: tuple[str | int, ...]

    @property
    def per_token(self) -> bool:
        """Whether it has an entry for each token."""
        return SEQUENCE in self.shape


@dataclass(frozen=True)
class Finetuning:
    """What was trained after a table was coded, on what, and what it gave.

    `before` and `after` are figures beside the float model over texts that were held out: `loss` is the mean squared
    difference of the outputs over their variance, the rest what a user sees. The bundle is as after `best_epoch`; 0:
    nothing was gained, and nothing changed.
    """

    texts_sha256: str
    learnt_texts: int
    held_out_texts: int
    epochs: int
    best_epoch: int
    seed: int
    trained: tuple[str, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True)
class Manifest:
    """bertport.json.

    `source_kind` is folder, hub or demo; of a folder only the name is kept. `source_sha256` and `files` map a file's
    name to its hash; `files` leaves out the manifest itself. `models` names the model files or packages; `pad_id` is
    the token id that pads a text, `max_tokens` where one is truncated, special ones included.

    `activation` makes scores of a text classifier's logits: sigmoid, softmax or none. `prompt` stands before a text,
    and before the first of two. `pooling` and what follows it make one vector. `pairs`: a classifier reads two texts.
    `truncation_side` is the end of a text that is dropped; `left_out` files are never read. Older ones lack these.
    """

    source_kind: str
    source_model: str
    source_revision: str | None
    source_sha256: Mapping[str, str]
    architecture: str
    problem: str
    labels: tuple[str, ...]
    recipe: Recipe
    models: tuple[str, ...]
    budget: Budget
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    versions: Mapping[str, str]
    files: Mapping[str, str]
    pad_id: int = 0
    format_version: int = FORMAT_VERSION
    max_tokens: int | None = None
    finetuning: Finetuning | None = None
    activation: str | None = None
    prompt: str = ""
    pooling: tuple[str, ...] = ()
    pairs: bool = False
    truncation_side: str = "right"
    tokenizer_file: str = ""
    left_out: tuple[str, ...] = ()
