"""The weights that schemes round are listed whole, whatever operation of a family reads them."""

import pytest

from benchmarks.models.seeded import WITH_LAYERS
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.families.registry import FAMILIES
from exporter.model.ops import Role
from exporter.model.weight_list import rounded_weights

POSITIONS = {"modernbert": None, "deberta-v2": "layer.1.attention.distance_query.rows"}
"""The last table of positions of a family, where that is not added to the embeddings."""


@pytest.mark.parametrize("family", WITH_LAYERS)
def test_every_family_lists_its_tables_and_its_layers(checkpoint_of, family):
    model = load(resolve(str(checkpoint_of(family, "text-classification")), HubOptions())).model
    found = {weight.role: weight.name for weight in rounded_weights(model)}
    assert found.keys() >= {Role.WORD_EMBEDDING, Role.LINEAR}
    assert found.get(Role.POSITION_EMBEDDING) == POSITIONS.get(family, "embeddings.position.weight")


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in WITH_LAYERS])
def test_a_table_alone_is_listed(checkpoint_of, family):
    model = load(resolve(str(checkpoint_of(family, "sentence-similarity")), HubOptions())).model
    assert [weight.role for weight in rounded_weights(model)] == [Role.WORD_EMBEDDING]
