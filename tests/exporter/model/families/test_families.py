"""Every family for every task it has, on every target: exported, compared with PyTorch, explained, replayed."""

import json

import numpy as np
import pytest

from benchmarks.models import seeded
from exporter.model.families.registry import FAMILIES
from exporter.model.tasks import TASKS
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.parity.compare import Verdict
from runtimes.runner import Batch

LENGTH = 24
UNITS = {
    "onnx": ("all",),
    "coreml": ("all", "cpu-and-gpu"),
    "coreai": ("all", "cpu-and-gpu"),
    "litert": ("any", "fixed"),
}
"""What a target is exported for: compute units, or any length and fixed ones."""
SLOW = {("litert", "fixed")}
"""Minutes of them; targets/litert holds each to its definition in seconds."""
PLACES = [(target, units) for target in UNITS for units in UNITS[target]]
SECONDS = ("coreai",)
"""Targets whose runtime takes seconds for each bundle; of these a few combinations are quick."""
SMALLER = {"initializer_range": 0.15}
"""Weights whose activations stay as near to each other as those of trained models, for what rounds."""
SEGMENTED = ("electra", "mobilebert", "albert")
QUICK = ("text-classification", "all")
"""Task and units of those."""
OTHERS = tuple(name for name in FAMILIES if name != "bert")
KINDS = [(family, task) for family, task in seeded.KINDS if family != "bert"]  # BERT: test_tasks.py


def marks(target, units, quick):
    """Of what takes minutes; `quick` is what is not, of a target that takes seconds."""
    return pytest.mark.slow if (target, units) in SLOW or (target in SECONDS and not quick) else ()


OF_KINDS = [
    pytest.param(*kind, *place, marks=marks(*place, quick=(kind[1], place[1]) == QUICK))
    for kind in KINDS
    for place in PLACES
]
OF_FAMILIES = [pytest.param(family, *place, marks=marks(*place, quick=False)) for family in OTHERS for place in PLACES]


pytestmark = pytest.mark.usefixtures("modules_that_are_not_searched")


@pytest.fixture(scope="module")
def exported(few, checkpoint_of, tmp_path_factory):
    """(family, task, target, units, schemes) → what became of each scheme; each made once."""
    made = {}

    def get(family, task, target, units, schemes=("none",)):
        key = (family, task, target, units, schemes)
        if key not in made:
            options = {
                "coreml": {"sequence_lengths": (LENGTH,), "compute_units": units, "deployment_target": "iOS18"},
                "coreai": {"sequence_lengths": (LENGTH,), "compute_units": units},
            }
            fixed = {"sequence_lengths": (LENGTH, 8)} if units == "fixed" else {}
            settings = Settings(options.get(target, fixed))
            folder = checkpoint_of(family, task, **({} if schemes == ("none",) else SMALLER))
            place = tmp_path_factory.mktemp(f"{family}-{task}-{target}-{units}") / "bundles"
            request = Request(str(folder), (target,), schemes, place, settings=settings, texts=few, keep_failing=True)
            made[key] = export(request)
        return made[key]

    return get


@pytest.mark.parametrize(("family", "task", "target", "units"), OF_KINDS)
def test_float32_agrees_with_pytorch(exported, family, task, target, units):
    (item,) = exported(family, task, target, units)
    assert item.parity.verdict is Verdict.PASS, item.parity.failures
    assert item.parity.max_absolute <= 1e-4
    assert min(item.parity.seen.values()) > 0.9999


@pytest.mark.parametrize(("family", "task", "target", "units"), OF_KINDS)
def test_golden_vectors_replay(exported, family, task, target, units):
    """With what the family's tokenizer gives, and nothing else."""
    (item,) = exported(family, task, target, units)
    bundle = read_bundle(item.directory)
    runner = open_runner(bundle)
    for vector in json.loads((item.directory / "golden.json").read_text())["vectors"]:
        assert ("token_type_ids" in vector) == ("token_type_ids" in bundle.input_names) == (family in SEGMENTED)
        ids, mask = np.array([vector["input_ids"]]), np.array([vector["attention_mask"]])
        types = np.array([vector["token_type_ids"]]) if family in SEGMENTED else np.zeros_like(ids)
        found = runner.run(Batch(ids, mask, types))
        if task == "fill-mask":
            scores = found["logits"][0][vector["positions"]]
            best = np.argsort(-scores, axis=-1)[:, :5]
            assert best.tolist() == vector["top_ids"]
            np.testing.assert_allclose(np.take_along_axis(scores, best, -1), vector["top_logits"], atol=1e-4)
            continue
        answers = [spec for spec in bundle.manifest.outputs if spec.name not in TASKS[task].besides]
        assert answers
        for spec in answers:
            np.testing.assert_allclose(found[spec.name][0], vector[spec.name], atol=1e-4)


@pytest.mark.parametrize(("family", "target", "units"), OF_FAMILIES)
def test_verify_explains_every_layer(exported, checkpoint_of, few, family, target, units):
    task = "token-classification"
    (item,) = exported(family, task, target, units)
    check = Check(read_bundle(item.directory), str(checkpoint_of(family, task)), few)
    verification = verify(check)
    parity = verification.parity
    assert parity.verdict is Verdict.PASS
    found = verification.explain()
    assert found.first is None, found.first
    borders = {"embeddings", "layer.0.attention.output", "layer.0.output", "layer.1.output", "logits"}
    assert borders <= {row.name for row in found.graph}
    assert borders <= {row.name for row in found.file}


@pytest.mark.parametrize(("family", "target", "units"), OF_FAMILIES)
def test_every_scheme_is_near(exported, family, target, units):
    schemes = tuple(name for name in TARGETS[target].schemes if name != "none")
    for item in exported(family, "text-classification", target, units, schemes):
        parity = item.parity
        assert 0 < parity.max_relative < (0.02 if item.recipe.scheme == "fp16" else 0.6), item.recipe.name
        assert parity.mean_absolute < 0.15 * parity.logit_range, item.recipe.name


def test_choices_of_a_text_are_weighed_at_one_length(checkpoint_of, tmp_path):
    """Of MobileBERT, where the last token sees whether padding follows: beside a long choice some does, in PyTorch.

    With [CLS] and two [SEP] the first choice fills the shorter length.
    """
    texts = ("the cat\tdog runs fast\ta dog sleeps in the market",)
    settings = Settings(options={"sequence_lengths": (8, LENGTH), "deployment_target": "iOS18"})
    folder = str(checkpoint_of("mobilebert", "multiple-choice"))
    (item,) = export(Request(folder, ("coreml",), ("none",), tmp_path / "out", settings=settings, texts=texts))
    assert item.parity.verdict is Verdict.PASS, item.parity.failures
