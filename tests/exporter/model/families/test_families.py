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
from tests.covering import cover, marked
from tests.exporter.places import LENGTH, PLACES, QUICK, SECONDS, options_of

SMALLER = {"initializer_range": 0.15}
"""Weights whose activations stay as near to each other as those of trained models, for what rounds."""
SEGMENTED = ("electra", "mobilebert", "albert")
OTHERS = tuple(name for name in FAMILIES if name != "bert")
KINDS = [(*kind, *place) for kind in seeded.KINDS if kind[0] != "bert" for place in PLACES]  # BERT: test_tasks.py
FAMILY, TASK, TARGET, UNITS = range(4)
OF_KINDS = cover(
    [kind for kind in KINDS if kind[TARGET:] in QUICK],
    [(FAMILY, TASK), (FAMILY, TARGET, UNITS), (TASK, TARGET)],
    cost=lambda kind: SECONDS.get(kind[TARGET], 1.0),
)
"""Every family for each of its tasks and on every target, and every task on every target."""
OF_FAMILIES = [(family, *place) for family in OTHERS for place in PLACES]
OF_SCHEMES = [(*one, scheme) for one in OF_FAMILIES for scheme in TARGETS[one[1]].schemes if scheme != "none"]


def quick(families):
    """Those where a runtime does not take seconds."""
    return [one for one in families if one[1:3] in QUICK and one[1] not in SECONDS]


QUICK_SCHEMES = cover(quick(OF_SCHEMES), [(0, 3), (0, 1, 2), (1, 2, 3)])
"""Every scheme for every family, and on every target in every layout."""


@pytest.fixture(scope="module")
def exported(few, checkpoint_of, tmp_path_factory):
    """(family, task, target, units, schemes) → what became of each scheme; each made once."""
    made = {}

    def get(family, task, target, units, schemes=("none",)):
        key = (family, task, target, units, schemes)
        if key not in made:
            newest = {"deployment_target": "iOS18"} if target == "coreml" else {}
            settings = Settings(options_of(target, units) | newest)
            folder = checkpoint_of(family, task, **({} if schemes == ("none",) else SMALLER))
            place = tmp_path_factory.mktemp(f"{family}-{task}-{target}-{units}") / "bundles"
            request = Request(str(folder), (target,), schemes, place, settings=settings, texts=few, keep_failing=True)
            made[key] = export(request)
        return made[key]

    return get


@pytest.mark.parametrize(("family", "task", "target", "units"), marked(KINDS, OF_KINDS))
def test_float32_agrees_with_pytorch(exported, family, task, target, units):
    (item,) = exported(family, task, target, units)
    assert item.parity.verdict is Verdict.PASS, item.parity.failures
    assert item.parity.max_absolute <= 1e-4
    assert min(item.parity.seen.values()) > 0.9999


@pytest.mark.parametrize(("family", "task", "target", "units"), marked(KINDS, OF_KINDS))
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


@pytest.mark.parametrize(("family", "target", "units"), marked(OF_FAMILIES, quick(OF_FAMILIES)))
def test_verify_explains_every_layer(exported, checkpoint_of, few, family, target, units):
    task = seeded.task_of(family, "token-classification")
    (item,) = exported(family, task, target, units)
    check = Check(read_bundle(item.directory), str(checkpoint_of(family, task)), few)
    verification = verify(check)
    parity = verification.parity
    assert parity.verdict is Verdict.PASS
    found = verification.explain()
    assert found.first is None, found.first
    borders = {"layer.0.attention.output", "layer.0.output", "layer.1.output", "logits"}
    borders = {"embeddings", *borders} if family in seeded.WITH_LAYERS else {"sentence_embedding"}
    assert borders <= {row.name for row in found.graph}
    assert borders <= {row.name for row in found.file}


@pytest.mark.parametrize(("family", "target", "units", "scheme"), marked(OF_SCHEMES, QUICK_SCHEMES))
def test_every_scheme_is_near(exported, family, target, units, scheme):
    (item,) = exported(family, seeded.task_of(family, "text-classification"), target, units, (scheme,))
    assert 0 < item.parity.max_relative < (0.02 if scheme == "fp16" else 0.6)
    assert item.parity.mean_absolute < 0.15 * item.parity.logit_range


def test_the_quick_ones_have_every_two_of_family_task_and_target():
    every = {"families": [(FAMILY, TASK), (FAMILY, TARGET), (TASK, TARGET)], "schemes": [(0, 1), (0, 3), (1, 3)]}
    for rows, chosen, columns in (
        (KINDS, OF_KINDS, every["families"]),
        (quick(OF_SCHEMES), QUICK_SCHEMES, every["schemes"]),
    ):
        for a, b in columns:
            assert {(row[a], row[b]) for row in chosen} == {(row[a], row[b]) for row in rows}


def test_choices_of_a_text_are_weighed_at_one_length(checkpoint_of, tmp_path):
    """Of MobileBERT, where the last token sees whether padding follows: beside a long choice some does, in PyTorch.

    With [CLS] and two [SEP] the first choice fills the shorter length.
    """
    texts = ("the cat\tdog runs fast\ta dog sleeps in the market",)
    settings = Settings(options={"sequence_lengths": (8, LENGTH), "deployment_target": "iOS18"})
    folder = str(checkpoint_of("mobilebert", "multiple-choice"))
    (item,) = export(Request(folder, ("coreml",), ("none",), tmp_path / "out", settings=settings, texts=texts))
    assert item.parity.verdict is Verdict.PASS, item.parity.failures
