"""Static embeddings (Model2Vec, Tulkens and van Dongen 2024): of each token a row of a table, and no encoder.

What makes a text's vector of them is a pooling, as of any sentence encoder. `exporter.checkpoint.static_embeddings`
reads the folders that Model2Vec and sentence-transformers save.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from exporter.model.config_schema import EncoderConfig, Identifier, Width
from exporter.model.family import Family
from exporter.model.geometry import Geometry
from exporter.model.heads.embedding import sentence_head
from exporter.model.ops import Inputs, Ops, Read, Role, T, Weight
from exporter.model.tensor_table import Entry


@dataclass(frozen=True)
class TableGeometry(Geometry):
    """`unknown` is the id of the token that is left out of the mean, if one is."""

    unknown: int | None

    def renumbered(self, number: Mapping[int, int]) -> Self:
        """See Geometry."""
        unknown = None if self.unknown is None else number.get(self.unknown)
        return replace(super().renumbered(number), unknown=unknown)


class Model2VecConfig(EncoderConfig):
    """Of a text `max_position_embeddings` tokens are read; no token knows where it stands."""

    hidden_size: Width = 256
    unk_token_id: Identifier | None = None


def _read_geometry(config: Mapping[str, Any]) -> TableGeometry:
    read = Model2VecConfig.read(config)
    return TableGeometry(
        vocabulary=read.vocab_size,
        embedding=read.hidden_size,
        hidden=read.hidden_size,
        layers=0,
        heads=1,
        intermediate=0,
        positions=read.max_position_embeddings,
        types=0,
        activation="",
        epsilon=0.0,
        pad=read.pad_token_id,
        unknown=read.unk_token_id,
    )


def _entries(geometry: TableGeometry) -> Iterator[Entry]:
    yield Entry("embeddings.word", "embedding.weight", (geometry.vocabulary, geometry.hidden))


def _encode(ops: Ops[T], read: Read, _geometry: TableGeometry, inputs: Inputs[T], first_token_only: bool) -> T:
    word = Weight("embeddings.word.weight", read("embeddings.word"), Role.WORD_EMBEDDING)
    x = ops.as_tokens("embeddings.tokens", ops.embedding("embeddings.word", word, inputs.ids))
    return ops.first_token("first", x) if first_token_only else x


MODEL2VEC = Family(
    model_type="model2vec",
    tokenizer_class="PreTrainedTokenizerFast",
    prefix="",
    buffers=(),
    schema=Model2VecConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: False,
    entries=_entries,
    encode=_encode,
    modules=lambda _: iter((("embedding", "embeddings.word"),)),
    heads=(sentence_head("StaticModel"),),
    multiplies_last=False,
    hidden_token=lambda geometry: geometry.unknown,
    in_transformers=False,
)
