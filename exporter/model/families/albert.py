"""ALBERT (Lan et al. 2020): layers that share their weights, and embedding tables narrower than the layers.

`num_hidden_groups` groups of `inner_group_num` layers are run one after the other, each as often as it takes to make
`num_hidden_layers` runs of a group. A weight has its own name, whichever layers read it, and so it is stored once. For
that the last layer is computed for every token: its forms for the first alone would be weights of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from exporter.model.bert_tensors import LayerNames, embedding_entries, layer_entries
from exporter.model.config_schema import BertConfig, Layers, Rows, Width
from exporter.model.family import Encoded, Family
from exporter.model.geometry import Geometry
from exporter.model.heads.common import linear
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.ops import Inputs, Ops, Read, Role, T
from exporter.model.tensor_table import Entry, dense_entries
from exporter.model.transformer import Layer, embed

_MOST_LAYERS = 1 << 10


class AlbertConfig(BertConfig):
    """`num_hidden_layers` counts runs of a group."""

    vocab_size: Rows = 30000
    embedding_size: Width = 128
    hidden_size: Width = 4096
    num_attention_heads: Width = 64
    intermediate_size: Width = 16384
    hidden_act: Any = "gelu_new"
    num_hidden_groups: Layers = 1
    inner_group_num: Layers = 1

    def contradictions(self) -> list[str]:
        """See EncoderConfig."""
        groups, layers, found = self.num_hidden_groups, self.num_hidden_layers, super().contradictions()
        if groups > layers:
            found.append(f"num_hidden_groups {groups} is more than num_hidden_layers {layers}, so that some never run")
        if layers * self.inner_group_num > _MOST_LAYERS:
            found.append(f"num_hidden_layers {layers} times inner_group_num {self.inner_group_num} is more than 1,024")
        return found


@dataclass(frozen=True)
class AlbertGeometry(Geometry):
    """`groups` of `inner` layers that share their weights; `layers` runs of a group."""

    groups: int
    inner: int

    @property
    def uses(self) -> int:
        """See Geometry."""
        return -(-self.layers // self.groups)


def _read_geometry(config: Mapping[str, Any]) -> AlbertGeometry:
    read = AlbertConfig.read(config)
    shape = read.geometry(read.embedding_size)
    return AlbertGeometry(**asdict(shape), groups=read.num_hidden_groups, inner=read.inner_group_num)


def _runs(geometry: AlbertGeometry) -> list[tuple[int, int]]:
    """Group and number within it of each layer that is run, in order; the group as transformers computes it."""
    groups = [int(number / (geometry.layers / geometry.groups)) for number in range(geometry.layers)]
    return [(group, inner) for group in groups for inner in range(geometry.inner)]


def _weights(group: int, inner: int) -> str:
    """What begins the names of a layer's weights."""
    return f"layer.group.{group}.{inner}"


def _stored(group: int, inner: int) -> str:
    return f"encoder.albert_layer_groups.{group}.albert_layers.{inner}"


def _entries(geometry: AlbertGeometry) -> Iterator[Entry]:
    yield from embedding_entries(geometry, geometry.positions)
    mapping, h = "encoder.embedding_hidden_mapping_in", geometry.hidden
    yield from dense_entries("embeddings.project", mapping, h, geometry.embedding)
    for group, inner in dict.fromkeys(_runs(geometry)):
        yield from layer_entries(_weights(group, inner), _stored(group, inner), h, geometry.intermediate, _LAYER)


_LAYER = LayerNames(
    query="attention.query",
    key="attention.key",
    value="attention.value",
    dense="attention.dense",
    attention_norm="attention.LayerNorm",
    intermediate="ffn",
    output="ffn_output",
    norm="full_layer_layer_norm",
)


def _encode(ops: Ops[T], read: Read, geometry: AlbertGeometry, inputs: Inputs[T], first_token_only: bool) -> T:
    given = Encoded(ops, read, geometry, inputs, embed(ops, read, geometry, inputs))  # [B, S, E]
    x = linear(given, "embeddings.project", "embeddings.projected", given.x, Role.LINEAR)  # [B, S, H]
    bias = ops.mask_bias("mask", inputs.mask)
    for number, run in enumerate(_runs(geometry)):
        x = Layer(ops, read, geometry, f"layer.{number}", _weights(*run)).every_token(x, bias)
    return ops.first_token("layer.first", x) if first_token_only else x


def _modules(geometry: AlbertGeometry) -> Iterator[tuple[str, str]]:
    yield "albert.embeddings", "embeddings"
    yield "albert.encoder.embedding_hidden_mapping_in", "embeddings.projected"
    for number, run in enumerate(_runs(geometry)):
        layer = f"albert.{_stored(*run)}"
        yield f"{layer}.attention.LayerNorm", f"layer.{number}.attention.output"
        yield f"{layer}.ffn_output", f"layer.{number}.dense"
        yield f"{layer}.full_layer_layer_norm", f"layer.{number}.output"
    yield "albert.pooler_activation", "pooler"


ALBERT = Family(
    model_type="albert",
    tokenizer_class="AlbertTokenizer",
    prefix="albert.",
    buffers=("embeddings.position_ids", "embeddings.token_type_ids"),
    schema=AlbertConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: True,
    entries=_entries,
    encode=_encode,
    modules=_modules,
    heads=standard_heads(
        "Albert",
        "albert.pooler",
        "tanh",
        HeadNames(
            masked=MaskedNames(
                dense="predictions.dense",
                norm="predictions.LayerNorm",
                decoder="predictions.decoder",
                bias="predictions.bias",
                table="albert.embeddings.word_embeddings.weight",
            ),
            features_pooler="albert.pooler",
            unread=("predictions.", "sop_classifier.", "albert.pooler."),
        ),
    ),
)
