"""Activation ranges, and what w8a8 does with them."""

import numpy as np

from exporter.compression.activation_ranges import calibrate
from runtimes.mil import open_package


def test_the_range_is_over_all_samples_not_the_last():
    """coremltools 9.0's own calibration keeps the last sample's."""
    samples = [{"x": np.array([-5.0, 1.0])}, {"x": np.array([2.0]), "zero": np.zeros(2)}, {"x": np.array([0.5])}]
    assert calibrate(samples) == {"x": 5.0}


def test_nothing_measured_is_nothing():
    assert calibrate([]) == {}


def test_every_linear_that_runs_for_each_token_reads_int8_once(checkpoint, model_of, save):
    steps = open_package(save(model_of(checkpoint), "w8a8")).steps
    rounded = [step.results[0].name for step in steps if step.operation == "dequantize"]
    # query, key and value share theirs; then the output, the wide layer, and the narrow one. The last layer runs once
    assert rounded == [
        "embeddings_rounded",
        "layer_0_attention_context_rounded",
        "layer_0_attention_output_rounded",
        "layer_0_intermediate_rounded",
    ]


def test_other_schemes_round_no_activations(checkpoint, model_of, save):
    steps = open_package(save(model_of(checkpoint), "int8")).steps
    assert not [step for step in steps if step.operation in ("quantize", "dequantize")]
