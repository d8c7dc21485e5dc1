"""A fine-tuned Core AI bundle is audited against the weights before training: what was not trained is the same."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest

from exporter.model.weight_list import WORD_TABLE, rounded_weights
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_bundle, audit_subject
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import ASSET, HASH, PROGRAM
from runtimes.bundle.reading import Bundle

KINDS = {"bert": "BertForSequenceClassification", "roberta": "RobertaForSequenceClassification"}
pytestmark = pytest.mark.usefixtures("coarse")


@pytest.mark.parametrize(
    "family", [pytest.param(one, marks=() if one == "bert" else pytest.mark.slow) for one in KINDS]
)
def test_an_untouched_bundle_passes_before_and_after_training(tuned, family):
    before, bundle, after = tuned("coreai", family, KINDS[family], "pq")
    for audited in (audit_subject(bundle, before, exact=False), audit_subject(bundle, after)):
        audit = audit_bundle(audited)
        assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    assert audit_bundle(audit_subject(bundle, before)).findings  # it was trained


def test_what_is_read_is_what_was_trained(tuned):
    before, bundle, after = tuned("coreai", "bert", KINDS["bert"], "pq")
    read = TARGETS["coreai"].read(audit_subject(bundle, before, exact=False))
    trained = {weight.name: weight.values for weight in rounded_weights(after.model)}
    np.testing.assert_allclose(read[WORD_TABLE], trained[WORD_TABLE], atol=1e-3)
    for name, values in trained.items():
        found = read[name]
        assert np.square(found - values[: len(found)]).mean() <= 0.3**2 * np.square(values).mean()


@pytest.mark.parametrize("name", [f"{WORD_TABLE}.codes", "layer.0.attention.query.weight"])
def test_what_training_leaves_is_still_held(tuned, tmp_path, name):
    """The control: codes and integers are as before training."""
    before, bundle, _ = tuned("coreai", "bert", KINDS["bert"], "pq")
    copy = shutil.copytree(bundle.directory, tmp_path / "copy")
    (one,) = (found for found in read_asset(copy / ASSET).constants if found.name == name)
    content = np.memmap(copy / ASSET / PROGRAM, np.uint8, mode="r+")
    part = content[one.offset : one.offset + one.size_bytes]
    part[:] = np.roll(part, one.type.shape[-1] if name.endswith("codes") else one.type.shape[1])
    content.flush()
    (copy / ASSET / HASH).write_bytes(hashlib.sha256((copy / ASSET / PROGRAM).read_bytes()).digest())
    audited = audit_subject(replace(Bundle(copy, bundle.manifest)), before, exact=False)
    assert {found.subject for found in TARGETS["coreai"].audit(audited).findings} == {name.removesuffix(".codes")}
