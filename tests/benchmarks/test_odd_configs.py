"""Odd configs of every family, each refused in one line or loaded: a part of `benchmarks/fuzz/odd_configs`."""

import json

import pytest

from benchmarks.fuzz.odd_configs.draw import FAMILIES, HEADS, VALUES, Odd, draw, keys
from benchmarks.fuzz.odd_configs.judge import judge, write_models
from benchmarks.fuzz.odd_configs.run import ARTIFACT, GOOD

NOT_RUN = {"xlm-roberta", "camembert", "albert", "mpnet", "deberta-v2", "modernbert"}
"""Families of which the recorded run had none: the tests here draw them, and the next run of 20,000 will."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    place = tmp_path_factory.mktemp("odd")
    return place, write_models(place)


@pytest.mark.filterwarnings("ignore")  # transformers': an odd config is what it warns of
def test_no_odd_config_ends_in_a_traceback(models):
    place, honest = models
    found = [(odd, judge(odd, place, whole=False)) for odd in draw(honest, 150, seed=11)]
    assert [(odd.change, one.told) for odd, one in found if one.outcome not in GOOD] == []
    assert {one.outcome for _, one in found} <= set(GOOD)


def test_an_honest_config_is_exported_and_agrees(models):
    place, honest = models
    odd = Odd("electra", HEADS[0], "nothing", json.dumps(honest["electra", HEADS[0]]).encode())
    assert judge(odd, place, whole=True).outcome == "exported"


@pytest.mark.filterwarnings("ignore")
def test_a_reader_that_lets_a_key_through_is_found(models, monkeypatch):
    """The control: with the config as it is told, a bundle's would not load."""
    place, honest = models
    odd = Odd("bert", HEADS[0], "use_cache", json.dumps(honest["bert", HEADS[0]] | {"use_cache": "x"}).encode())
    assert judge(odd, place, whole=False).outcome == "loaded"
    monkeypatch.setattr(
        "exporter.checkpoint.config.reading.without_stumbling_blocks", lambda config, _: (dict(config), [])
    )
    assert judge(odd, place, whole=False).outcome == "wrong"


def test_every_key_of_every_family_is_drawn_by_every_value(models):
    every = sum(len(keys(family)) for family in FAMILIES) * len(VALUES)
    assert every > 20_000
    drawn = [odd.change for odd in draw(models[1], 400, seed=1)]
    assert len(set(drawn)) > 350
    assert drawn == [odd.change for odd in draw(models[1], 400, seed=1)]


def test_the_recorded_run_met_no_traceback_and_no_limit():
    """What else it found, a message too long or a bundle that does not load, is in the record, and fixed since."""
    record = json.loads(ARTIFACT.read_text(encoding="utf-8"))
    assert record["configs"] >= 20_000
    assert set(record["outcomes"]) <= {*GOOD, "wrong"}
    assert set(record["families"]) | NOT_RUN == set(FAMILIES)
    assert not set(record["families"]) & NOT_RUN
