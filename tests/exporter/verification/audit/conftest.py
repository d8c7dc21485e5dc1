"""Bundles for audits: written as an export does, without records and parity; of Core ML the packages alone."""

import pytest

from exporter.bundling.contents import make_manifest, write_files
from exporter.bundling.staging import write_manifest
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.calibration import Calibration
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

    def save(checkpoint, directory, scheme, texts=(), **settings):
        recipe = make_recipe(checkpoint, "onnx", scheme, Settings.of(**settings))
        calibration = Calibration(checkpoint, Reference(checkpoint, texts).samples, recipe.pq_dims or 0, ())
        directory.mkdir(parents=True)
        models = write_files(checkpoint, recipe, directory, calibration)
        manifest = make_manifest(checkpoint, recipe, find_scheme("onnx", scheme).budget, models)
        write_manifest(directory, manifest)
        return audit_subject(Bundle(directory, manifest), checkpoint)

    return save
