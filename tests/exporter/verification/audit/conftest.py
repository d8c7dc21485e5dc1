"""Bundles for audits: written as an export does, without records and parity; of Core ML the packages alone."""

import functools
from dataclasses import replace

import pytest

from exporter.bundling.contents import make_manifest, write_files
from exporter.bundling.staging import write_manifest
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression import product_quantization
from exporter.compression.calibration import Calibration, Finetune
from exporter.finetuning import finetune as finetuning
from exporter.targets.registry import TARGETS, find_scheme, make_recipe
from exporter.targets.target import Settings
from exporter.verification.audit.bundle import audit_subject
from exporter.verification.reference.reference import Reference
from runtimes.bundle.reading import Bundle


@pytest.fixture(scope="session")
def load_checkpoint():
    return lambda folder: load(resolve(str(folder), HubOptions()))


@pytest.fixture(scope="session")
def save_packages():
    """Write the packages of one recipe; return what is audited."""

    def save(checkpoint, directory, scheme, texts=(), **settings):
        recipe = make_recipe(checkpoint, "coreml", scheme, Settings.of(**{"sequence_lengths": (13,), **settings}))
        frequent = settings.get("frequent_texts", ())
        calibration = Calibration(checkpoint, Reference(checkpoint, texts).samples, recipe.pq_dims or 0, frequent)
        directory.mkdir(parents=True)
        models = TARGETS["coreml"].write(checkpoint, recipe, directory, calibration)
        manifest = make_manifest(checkpoint, recipe, find_scheme("coreml", scheme).budget, models)
        return audit_subject(Bundle(directory, manifest), checkpoint)

    return save


@pytest.fixture(scope="session")
def save_onnx():
    """Write the model and its companions of one recipe; return what is audited."""
    return functools.partial(save, "onnx")


@pytest.fixture(scope="session")
def save_litert():
    """As `save_onnx`."""
    return functools.partial(save, "litert")


@pytest.fixture(scope="session")
def save_coreai():
    """As `save_onnx`."""
    return functools.partial(save, "coreai")


def save(target, checkpoint, directory, scheme, texts=(), **settings):
    recipe = make_recipe(checkpoint, target, scheme, Settings.of(**settings))
    calibration = Calibration(checkpoint, Reference(checkpoint, texts).samples, recipe.pq_dims or 0, ())
    directory.mkdir(parents=True)
    models = write_files(checkpoint, recipe, directory, calibration)
    manifest = make_manifest(checkpoint, recipe, find_scheme(target, scheme).budget, models)
    write_manifest(directory, manifest)
    return audit_subject(Bundle(directory, manifest), checkpoint)


COARSE = 16
"""Entries of codebooks, so few that there is something to learn."""


@pytest.fixture
def coarse(monkeypatch):
    """Codebooks as `tuned` has them."""
    monkeypatch.setattr(product_quantization, "ENTRIES", COARSE)


@pytest.fixture(scope="session")
def tuned(tmp_path_factory, write_family, load_checkpoint, texts):
    """Target, family, architecture, scheme → a bundle, and the checkpoints before and after training; made once."""

    @functools.cache
    def get(target, family, architecture, scheme):
        place = tmp_path_factory.mktemp(f"{target}-{architecture}")
        whole = load_checkpoint(write_family(place / "checkpoint", family, architecture, labels=2))
        return whole, *train(target, whole, place / "saved", texts, scheme)

    return get


def train(target, whole, directory, texts, scheme):
    """Train, and write what an export writes: the bundle, and the checkpoint that it was made of."""
    training_texts = Finetune(tuple(f"{a} {b}" for a in texts for b in texts[::9]), 4)
    recipe = make_recipe(whole, target, scheme, Settings(finetune=training_texts))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(product_quantization, "ENTRIES", COARSE)
        reference = Reference(whole, texts)
        calibration = Calibration(whole, reference.samples, 4, ())
        found = finetuning.finetune(reference, calibration, training_texts, find_scheme(target, scheme).narrow)
        directory.mkdir()
        own = Calibration(found.checkpoint, reference.samples, 4, ())
        models = write_files(found.checkpoint, recipe, directory, own)
    manifest = make_manifest(found.checkpoint, recipe, find_scheme(target, scheme).budget, models)
    return Bundle(directory, replace(manifest, finetuning=found.record)), found.checkpoint
