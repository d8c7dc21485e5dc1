"""An untouched package passes its audit, whatever the scheme, layout, deployment target, task and family."""

import pytest

from benchmarks.models.seeded import KINDS
from exporter.targets.coreml.lower import DEPLOYMENT_TARGETS
from exporter.targets.coreml.schemes import SCHEMES
from exporter.targets.registry import TARGETS
from runtimes.mil.listing import list_function
from runtimes.mil.package import read_package

COREML, UNITS = TARGETS["coreml"], ("all", "cpu-and-gpu")
KEPT = {"int4": ("layer.0.*=int8", "embeddings.position.weight"), "int8": ("*.intermediate.*",)}


def oldest(scheme):
    return DEPLOYMENT_TARGETS.index(SCHEMES[scheme].oldest_target)


@pytest.fixture(scope="module")
def small(checkpoint, load_checkpoint):
    return load_checkpoint(checkpoint)


QUICK = [(scheme, DEPLOYMENT_TARGETS[max(oldest(scheme), number % 3)]) for number, scheme in enumerate(SCHEMES)]
CASES = [(scheme, target) for scheme in SCHEMES for target in DEPLOYMENT_TARGETS[oldest(scheme) :]]


MARKED = [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES]


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize(("scheme", "target"), MARKED)
def test_every_scheme_layout_and_target_passes(small, save_packages, tmp_path, texts, scheme, target, units):
    keep = KEPT.get(scheme, ())
    place = tmp_path / "saved"
    audited = save_packages(small, place, scheme, texts, deployment_target=target, compute_units=units, keep=keep)
    audit = COREML.audit(audited)
    assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    listing = list_function(read_package(audited.bundle.directory / "Model.mlpackage"))
    plain = [one for one in listing.operations if not one.type.startswith("constexpr_")]
    assert audit.operators == len(plain)
    assert audit.rows > 2 * len(small.tokenizer.tokenizer.get_vocab())


@pytest.mark.slow  # test_families.py and test_tasks.py export each with its audit
@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize(("family", "task"), KINDS)
def test_every_family_and_task_passes(
    load_checkpoint, save_packages, tmp_path, checkpoint_of, texts, family, task, units
):
    small = load_checkpoint(checkpoint_of(family, task))
    audit = COREML.audit(save_packages(small, tmp_path / "saved", "int8", texts, compute_units=units))
    assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    assert audit.operators > 40


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
@pytest.mark.parametrize("scheme", ["int8", "pq", "pq4"])
def test_several_lengths_pass_and_shared_weights_are_read_once(small, save_packages, tmp_path, scheme, target):
    if oldest(scheme) > DEPLOYMENT_TARGETS.index(target):
        pytest.skip(f"{scheme} is newer than {target}")
    audited = save_packages(small, tmp_path / "saved", scheme, sequence_lengths=(24, 8), deployment_target=target)
    one = COREML.audit(save_packages(small, tmp_path / "one", scheme, sequence_lengths=(24,), deployment_target=target))
    both = COREML.audit(audited)
    assert not both.findings
    again = 0.01 if target == "iOS18" else 1  # a bias of three numbers lies in the program, not in the shared file
    assert one.rows <= both.rows <= one.rows * (1 + again)
    assert both.operators > one.operators
