"""The budget follows what a file holds: what `--keep` does not round buys nothing."""

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.budgets import budget_of
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.check import Check, Limit
from exporter.verification.verify import verify
from runtimes.bundle.manifest import Recipe
from runtimes.bundle.reading import read_bundle

WORDS = "embeddings.word.weight"


@pytest.fixture(scope="module")
def read(checkpoint):
    return load(resolve(str(checkpoint), HubOptions()))


@pytest.mark.parametrize(
    ("target", "scheme", "keep", "as_of"),
    [
        ("onnx", "pq", f"{WORDS}=int8", "int8"),
        ("onnx", "pq", f"{WORDS}=float16", "int8"),
        ("onnx", "int4-embeddings", f"{WORDS}=int8", "int8-weights"),
        ("onnx", "int8", "*", "fp16"),
        ("onnx", "pq", "*=int8", "int8-weights"),
        ("coreml", "pq", f"{WORDS}=int8", "int8"),
        ("coreml", "pq", "embeddings.word.*", "int8"),
        ("coreml", "int4-embeddings", f"{WORDS}=int8", "int8"),
        ("coreml", "int4", "*=int8", "int8"),
        ("coreml", "palettize4", "*=float16", "fp16"),
        ("litert", "pq", f"{WORDS}=int8", "int8"),
        ("litert", "int4-embeddings", f"{WORDS}=float16", "int8"),
        ("litert", "int8", "*", "fp16"),
        ("litert", "pq4", "*=int8", "int8-weights"),
        # what is kept is not what the scheme's budget is for
        ("onnx", "pq", "embeddings.position.*", "pq"),
        ("onnx", "pq", "layer.*", "pq"),
        ("onnx", "int8", WORDS, "int8"),
        ("onnx", "none", "*", "none"),
        ("litert", "pq", "layer.*", "pq"),
        ("litert", "int8", WORDS, "int8"),
        ("litert", "none", "*", "none"),
        ("coreml", "pq", "layer.*", "pq"),
        ("coreml", "int4", WORDS, "int4"),
        ("coreml", "w8a8", "*", "w8a8"),
        ("coreml", "none", "*", "none"),
    ],
)
def test_the_budget_is_that_of_what_is_held(read, target, scheme, keep, as_of):
    assert (
        budget_of(read, Recipe(target, scheme, "text-classification", keep=(keep,)))
        == TARGETS[target].schemes[as_of].budget
    )


@pytest.mark.parametrize(("target", "scheme"), [(target, one) for target in TARGETS for one in TARGETS[target].schemes])
def test_with_nothing_kept_it_is_the_schemes(read, target, scheme):
    for keep in ((), ("matches.nothing",)):
        assert (
            budget_of(read, Recipe(target, scheme, "text-classification", keep=keep))
            == TARGETS[target].schemes[scheme].budget
        )


@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_cannot_buy_the_budget_of_codes_that_it_lacks(checkpoint, texts, tmp_path, target):
    options = {
        "coreml": {"sequence_lengths": (24,), "deployment_target": "iOS17"},
        "coreai": {"sequence_lengths": (24,)},
    }
    settings = Settings(options=options.get(target, {"sequence_lengths": ()}), keep=(f"{WORDS}=int8",))
    asked = {"texts": texts[::9], "settings": settings, "keep_failing": True}
    for name, limit in {
        "own": Limit(),
        "widened": Limit(max_relative=TARGETS[target].schemes["pq"].budget.max_relative),
    }.items():
        export(Request(str(checkpoint), (target,), ("pq",), tmp_path / name, limit=limit, **asked))
    own, widened = (read_bundle(tmp_path / name) for name in ("own", "widened"))
    assert own.manifest.budget == TARGETS[target].schemes["int8"].budget
    for bundle, found in ((own, False), (widened, True)):
        parity = verify(Check(bundle, str(checkpoint), texts[::9])).parity
        assert any("budget.max_relative" in text for text in parity.failures) is found
