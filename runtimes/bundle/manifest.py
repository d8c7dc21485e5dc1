"""The folder that ships: its records and its manifest."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtimes.files.atomic_write import MANIFEST as MANIFEST

GOLDEN, PARITY, CARD = "golden.json", "parity.json", "README.md"
MAPPED, SBOM = "model.mapped.onnx", "sbom.cdx.json"
FORMAT_VERSION = 1
SEQUENCE = "sequence_length"
"""The symbolic size of an axis with one entry for each token."""


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
    """What was asked of the export; what only another target or scheme knows stays at None or empty.

    `keep`: see `keep.Keep`; `pieces` is the size of a vocabulary that was cut; hashes are of texts; `float_channels` is
    how many channels of what a linear layer reads are computed in floats at most
    (`exporter.compression.outlier_channels`); `hidden_states`: an embedding's model gives the vectors of the tokens
    too.
    """

    target: str
    scheme: str
    task: str
    opset: int | None = None
    int32_inputs: bool = True
    sequence_lengths: tuple[int, ...] = ()
    compute_units: str | None = None
    deployment_target: str | None = None
    keep: tuple[str, ...] = ()
    pq_dims: int | None = None
    frequencies_sha256: str | None = None
    pieces: int | None = None
    finetuned_sha256: str | None = None
    finetune_epochs: int | None = None
    float_channels: int | None = None
    hidden_states: bool = False

    @property
    def name(self) -> str:
        """The subfolder of this combination when several are exported."""
        return f"{self.target}-{self.scheme}"


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
    the token id that pads a text, `max_tokens` where one is cut, special ones included.

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
