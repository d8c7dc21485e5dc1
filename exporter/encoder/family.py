"""What an architecture brings: its numbers, its tensors, its encoder, and a head for each task it has."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from exporter.encoder.geometry import Geometry
from exporter.encoder.ops import Inputs, Ops, Read
from exporter.encoder.tasks import TASKS, Task
from exporter.encoder.weights import Entry
from exporter.errors import UnsupportedError

G = TypeVar("G", bound=Geometry, contravariant=True)
"""A family may need more numbers than `Geometry` has."""


@dataclass(frozen=True)
class Head(Generic[G]):
    """One task of one family.

    `architecture` is transformers' class. `entries` are the head's weights under their whole names, for a geometry and
    a number of labels; `build` takes the encoder's result to the task's outputs: [B, S, H], or with `first_token_only`
    [B, H], and the encoder then computes no other token in its last layer. `labelled` names the stored weight that has
    a row for each label.
    """

    task: Task
    architecture: str
    entries: Callable[[G, int], Iterator[Entry]]
    build: Callable[[Ops[Any], Read, G, Any], None]
    first_token_only: bool = False
    labelled: str | None = None


@dataclass(frozen=True)
class Family(Generic[G]):
    """One architecture, as `model_type` in config.json names it.

    `tokenizer_class` is transformers' for it; `reads_types` says whether a model reads segment numbers, as far as that
    tokenizer gives any. `padding_shows`: what follows a text changes its answer, padding too.

    `prefix` stands before the encoder's tensors in a checkpoint with a head; `entries` are without it, and so are
    `buffers`, the constants that older transformers stored. `modules` are those parts of transformers' model whose
    results our graphs name too: (path of the module, our name), in the order they run.
    """

    model_type: str
    tokenizer_class: str
    prefix: str
    buffers: tuple[str, ...]
    read_geometry: Callable[[Mapping[str, Any]], Any]
    reads_types: Callable[[G], bool]
    entries: Callable[[G], Iterator[Entry]]
    encode: Callable[[Ops[Any], Read, G, Inputs[Any], bool], Any]
    modules: Callable[[G], Iterator[tuple[str, str]]]
    heads: tuple[Head[G], ...]
    padding_shows: bool = False

    def choose_head(self, task: str, architectures: list[str]) -> Head[G]:
        """Return the head for `task`, or for "auto" the one whose architecture config.json lists.

        Raises UnsupportedError with the list of what is known.
        """
        by_task = {head.task.name: head for head in self.heads}
        if task != "auto":
            if task not in by_task:
                where = f" for {self.model_type}" if task in TASKS else ""
                raise UnsupportedError(f"--task {task}: not supported{where}; known: auto, {', '.join(by_task)}")
            return by_task[task]
        found = next((head for head in self.heads if head.architecture in architectures), None)
        if found is None:
            known = ", ".join(head.architecture for head in self.heads)
            raise UnsupportedError(f"config.json: architectures {architectures} is not supported; known: {known}")
        return found
