"""Which weights bear rounding worst is measured."""

from fnmatch import fnmatchcase

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.weight_list import rounded_weights
from exporter.search.sensitivity import Group, Sensitivity, groups, measure_sensitivity, worth_keeping
from exporter.verification.labelled.answers import Examiner
from runtimes.evaluation.data.dataset import DataFile


@pytest.mark.parametrize("heads", [2, 4])
def test_every_rounded_weight_is_in_one_group(make_checkpoint, heads):
    model = load(resolve(str(make_checkpoint(num_attention_heads=heads)), HubOptions())).model
    found, weights = groups(model), rounded_weights(model)
    for weight in weights:
        matching = [g.name for g in found if any(fnmatchcase(weight.name, pattern) for pattern in g.patterns)]
        assert len(matching) == 1, (weight.name, matching)
    assert sum(group.numbers for group in found) == sum(weight.values.size for weight in weights)


def test_the_table_in_four_bits_is_what_int4_embeddings_loses_by(checkpoint, texts, tmp_path):
    from exporter.options.request import Request
    from exporter.pipeline import export
    from exporter.targets.target import Settings
    from runtimes.bundle.reading import read_bundle

    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + "".join(f"{text},{number % 3}\n" for number, text in enumerate(texts)))
    examiner = Examiner(load(resolve(str(checkpoint), HubOptions())), DataFile(data))
    kept = []

    def make(keep):
        kept.append(keep)
        place, settings = tmp_path / str(len(kept)), Settings(keep=keep)
        request = Request(str(checkpoint), ("onnx",), ("int4-embeddings",), place, settings=settings, verify=False)
        return read_bundle(export(request)[0].directory)

    ranked = measure_sensitivity(examiner, range(len(texts)), make)
    worst = max(ranked, key=lambda one: one.mean_absolute)
    assert worst.group.name == "embeddings.word"
    assert worst.mean_absolute > 3 * sorted(one.mean_absolute for one in ranked)[-2]
    assert [one.per_number for one in ranked] == sorted((one.per_number for one in ranked), reverse=True)
    assert all(one.rows == len(texts) for one in ranked)


def ranked(*errors):
    groups = [
        Sensitivity(Group(name, (f"{name}.*",), 1), error, 64, 0.0)
        for name, error in zip("abcdef", errors, strict=False)
    ]
    return ["".join(group.name for group in kept) for kept in worth_keeping(groups)]


def test_small_groups_are_tried_together_and_the_worst_alone():
    assert ranked(3.0, 4.0, 1.0) == ["a", "ab", "b"]


def test_where_one_makes_nearly_all_it_alone_is_tried():
    assert ranked(0.1, 0.2, 0.1, 20.0) == ["d"]
    assert ranked(9.0, 1.0) == ["a"]
