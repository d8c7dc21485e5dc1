"""The `Family` and `Head` dataclasses: what defines an architecture, and what defines one of its task heads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from exporter.model.geometry import Geometry
from exporter.model.ops import Extent, Inputs, Ops, Read, T
from exporter.model.tasks import TASKS, Task
from exporter.model.tensor_table import Entry, StoredTensor
from runtimes.errors import UnsupportedError, excerpt

if TYPE_CHECKING:  # pydantic behind it is slow to import
    from exporter.model.config_schema import EncoderConfig

G = TypeVar("G", bound=Geometry, contravariant=True)
"""A family may need more numbers than `Geometry` has."""

Stored = Mapping[str, StoredTensor]
"""Name in the checkpoint, with the family's prefix → tensor."""


@dataclass(frozen=True)
class Encoded(Generic[T]):
    """What a head is built on: `x` is the encoder's result, [B, S, H], or [B, H] with `first_token_only`."""

    ops: Ops[T]
    read: Read
    geometry: Geometry
    inputs: Inputs[T]
    x: T


def one_for_each_label(_geometry: Geometry, labels: int) -> int:
    """The width of most outputs."""
    return labels


@dataclass(frozen=True)
class Head:
    """One task of one family.

    `architecture` is transformers' class; `accepts` are other classes whose checkpoints that one reads whole. `entries`
    are the head's weights under their whole names, for a geometry and a number of labels; `build` emits the task's
    outputs, and with `first_token_only` the encoder computes no other token in its last layer. `labelled` names the
    stored weight that has a row for each label; `labels` are those that the class itself has. `width` is the last size
    of the outputs. `tied`: the word embeddings are the decoder too.

    `copies` are pairs of names under which transformers may store one tensor; `leftovers` begin the names of tensors
    that the class never reads. `adapt`, where there is one, turns the head into the one that a checkpoint needs, by
    what is stored and what config.json says; outputs in `lacking` are then not there.
    """

    task: Task
    architecture: str
    entries: Callable[[Geometry, int], Iterator[Entry]]
    build: Callable[[Encoded[Any]], None]
    first_token_only: bool = False
    labelled: str | None = None
    labels: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    width: Callable[[Geometry, int], int] = one_for_each_label
    tied: bool = False
    copies: tuple[tuple[str, str], ...] = ()
    leftovers: tuple[str, ...] = ()
    adapt: "Adapt | None" = None
    lacking: tuple[str, ...] = ()

    @property
    def outputs(self) -> dict[str, Extent]:
        """The task's outputs that this head has."""
        return {name: extent for name, extent in self.task.outputs.items() if name not in self.lacking}


Adapt = Callable[[Head, Stored, Mapping[str, Any]], Head]
"""The head that a checkpoint needs, by its tensors and its config.json. Raises UnsupportedError."""


@dataclass(frozen=True)
class Family(Generic[G]):
    """One architecture, as `model_type` in config.json names it.

    `tokenizer_class` is transformers' for it; `reads_types` says whether a model reads segment numbers, as far as that
    tokenizer gives any. `schema` is what its config.json may say, and `read_geometry` reads it. `padding_shows`: what
    follows a text changes its answer, padding too. `folded_norms`: its norms are linear and fold into the tables and
    layers before them. `multiplies_last`: where the first token alone is read, weights of the last layer's attention
    are multiplied with each other. `hidden_token` is the id of a token that heads leave out, as they do padding.
    `in_transformers`: it has a class for the model, by which other libraries load a bundle.

    `prefix` stands before the encoder's tensors in a checkpoint with a head; `entries` are without it, and so are
    `buffers`, the constants that older transformers stored. `modules` are those parts of transformers' model whose
    results our graphs name too: (path of the module, our name), in the order they run.
    """

    model_type: str
    tokenizer_class: str
    prefix: str
    buffers: tuple[str, ...]
    schema: "type[EncoderConfig]"
    read_geometry: Callable[[Mapping[str, Any]], Any]
    reads_types: Callable[[G], bool]
    entries: Callable[[G], Iterator[Entry]]
    encode: Callable[[Ops[Any], Read, G, Inputs[Any], bool], Any]
    modules: Callable[[G], Iterator[tuple[str, str]]]
    heads: tuple[Head, ...]
    padding_shows: bool = False
    folded_norms: bool = False
    multiplies_last: bool = True
    hidden_token: Callable[[G], int | None] = lambda _: None
    in_transformers: bool = True

    @property
    def name(self) -> str:
        """Its key in the registry."""
        return self.model_type

    def choose_head(self, task: str, architectures: list[str]) -> Head:
        """Return the head for `task`, or for "auto" the one whose architecture config.json lists.

        Raises UnsupportedError with the list of what is known.
        """
        declared = [head for head in self.heads if {head.architecture, *head.accepts} & set(architectures)]
        if task == "auto":
            return declared[0] if declared else self._refuse(architectures)
        by_task = {head.task.name: head for head in self.heads}
        if task not in by_task:
            where = f" for {self.model_type}" if task in TASKS else ""
            raise UnsupportedError(f"--task {task}: not supported{where}; known: auto, {', '.join(by_task)}; pass one")
        return by_task[task]

    def _refuse(self, architectures: list[str]) -> Head:
        if not architectures:
            tasks = ", ".join(head.task.name for head in self.heads)
            raise UnsupportedError(
                f"config.json: no architectures, so no task to take; pass --task with one of {tasks}"
            )
        known = ", ".join(dict.fromkeys(name for head in self.heads for name in (head.architecture, *head.accepts)))
        raise UnsupportedError(
            f"config.json: architectures {excerpt(', '.join(architectures))} is not supported; known: {known}; pass "
            "--task where these weights are one of them under another name"
        )
