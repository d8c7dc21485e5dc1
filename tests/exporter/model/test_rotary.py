"""Rotary positions against transformers' own functions."""

import numpy as np
import torch
from transformers import ModernBertConfig
from transformers.models.modernbert.modeling_modernbert import ModernBertRotaryEmbedding, apply_rotary_pos_emb

from exporter.model.numpy_ops import NumpyOps
from exporter.model.rotary import rotation

HEADS, WIDTH, LENGTH = 3, 10, 600


def test_heads_turn_as_in_transformers():
    x = np.random.default_rng(0).normal(size=(2, LENGTH, HEADS * WIDTH)).astype(np.float32)
    config = ModernBertConfig(hidden_size=HEADS * WIDTH, num_attention_heads=HEADS, global_rope_theta=300.0)
    tables = ModernBertRotaryEmbedding(config)(torch.zeros(1), torch.arange(LENGTH)[None], "full_attention")
    heads = torch.from_numpy(x).reshape(2, LENGTH, HEADS, WIDTH).transpose(1, 2)
    theirs = apply_rotary_pos_emb(heads, heads, *tables)[0].transpose(1, 2).reshape(x.shape).numpy()
    ours = NumpyOps().rotary("turned", x, HEADS, rotation("r", WIDTH, 300.0))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)  # the last digit of a frequency, 600 times
    np.testing.assert_array_equal(ours[:, 0], x[:, 0])
    assert np.abs(NumpyOps().rotary("other", x, HEADS, rotation("r", WIDTH, 310.0)) - theirs).max() > 0.1


def test_the_two_forms_of_the_tables_say_the_same():
    made = rotation("r", WIDTH, 50.0)
    (cosine, sine), (whole_cosine, signed) = made.tables(9), made.signed_tables(9)
    np.testing.assert_array_equal(whole_cosine, np.tile(cosine, 2))
    np.testing.assert_array_equal(signed, np.concatenate([-sine, sine], 1))
