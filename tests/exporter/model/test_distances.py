"""Rows of a table by distance, and how a product with them holds the square of scores."""

import numpy as np
import pytest
import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from exporter.model.distances import Distances
from exporter.model.families.deberta_v2 import DEBERTA_V2
from exporter.model.families.deberta_v2_layers import distances
from exporter.model.families.mpnet import distances as distances_of_mpnet

POSITIONS = 7


@pytest.fixture
def by_distance():
    """A row of its own for each distance: that of i - j is 100 + i - j."""
    return Distances("d", np.arange(101 - POSITIONS, 100 + POSITIONS, dtype=np.int32))


@pytest.mark.parametrize("length", range(1, POSITIONS + 1))
def test_products_hold_the_square(by_distance, length):
    places = np.arange(length)
    wanted = 100 + places[:, None] - places
    np.testing.assert_array_equal(by_distance.square(length), wanted)
    np.testing.assert_array_equal(sheared(np.tile(by_distance.falling(length), (length, 1))), wanted)
    np.testing.assert_array_equal(sheared(np.tile(by_distance.rising(length), (length, 1))).T, wanted)


def sheared(products):
    """[S, 2·S] → [S, S], as every target computes it."""
    length = len(products)
    return products.reshape(-1)[length - 1 : -1].reshape(length, -1)[:, :length]


def test_rows_of_a_shorter_text_lie_within_those_of_a_longer(by_distance):
    """So that one constant serves every length."""
    whole = by_distance.falling(POSITIONS)
    for length in range(1, POSITIONS):
        part = whole[POSITIONS - length : POSITIONS + length]
        np.testing.assert_array_equal(part[:-1], by_distance.falling(length)[:-1])


@pytest.mark.parametrize(
    ("buckets", "positions", "farthest"), [(256, 512, 512), (32, 512, 128), (8, 48, 48), (0, 48, 20)]
)
def test_the_rows_are_those_of_transformers(buckets, positions, farthest):
    """256 buckets of 512 positions are those of every DeBERTa-v3."""
    config = {"relative_attention": True, "position_buckets": buckets or -1, "max_relative_positions": farthest}
    shape = {"hidden_size": 32, "num_attention_heads": 2, "max_position_embeddings": positions}
    geometry = DEBERTA_V2.read_geometry({**config, **shape, "model_type": "deberta-v2"})
    far = torch.arange(1 - positions, positions)
    bucket = make_log_bucket_position(far, buckets, farthest) if buckets else far
    span = geometry.span
    wanted = torch.clamp(bucket.long() + span, 0, 2 * span - 1).numpy()
    np.testing.assert_array_equal(distances(geometry).rows, wanted)
    assert len(np.unique(wanted)) > span  # both sides


def test_the_rows_of_mpnet_are_those_of_transformers():
    keys_from_queries = -torch.arange(1 - 512, 512)
    wanted = MPNetEncoder.relative_position_bucket(keys_from_queries).numpy()
    np.testing.assert_array_equal(distances_of_mpnet(512).rows, wanted)
    assert len(np.unique(wanted)) == 31  # the row of distance 0 after the query is never read
