"""Audit of a bundle's Core AI asset: every weight, operation and text of it, without running it.

The recipe is lowered once more, over a store that reads the asset's own constants and holds them against the
checkpoint. The program that comes of it must be the saved one, byte by byte.
"""

from collections.abc import Mapping

from exporter.model.ops import Array
from exporter.targets.apple_metadata import VERSION, metadata_of
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.audit.trained_weights import what_training_did
from exporter.targets.coreai.audit.graph import compare_operations
from exporter.targets.coreai.audit.stored import stored_constants
from exporter.targets.coreai.audit.weights import Against, AuditedStore, ReadStore
from exporter.targets.coreai.lower import Options, function_names, lower
from exporter.targets.coreai.metadata import FACTS, asset_metadata
from exporter.targets.coreai.program.graph import Program
from exporter.targets.coreai.requirements import require_coreai
from exporter.targets.encoding.forms import FormScheme
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.model import Asset
from runtimes.aimodel.names import ASSET
from runtimes.errors import BundleError


def audit_asset(audited: Audited, scheme: FormScheme, options: Options) -> Audit:
    """Compare Model.aimodel with the checkpoint and the recipe. What cannot be read is a finding.

    Raises RuntimeUnavailable without Apple's package, which builds the expected program.
    """
    require_coreai("the audit of a Core AI asset")
    tally, path = Tally(ASSET), audited.bundle.directory / ASSET
    try:
        asset = read_asset(path)
    except BundleError as error:
        tally.find("asset", f"expected a Core AI asset, found what cannot be read ({error})")
        return tally.audit
    _audit_metadata(asset, audited, options, tally)
    names = sorted(function_names(options.sequence_lengths).values())
    if not tally.expect("functions", "names", names, sorted(one.name for one in asset.functions)):
        return tally.audit
    store = AuditedStore(scheme, stored_constants(asset), tally, against(audited))
    program = lower(audited.checkpoint.model, store, options.sequence_lengths, options.layout)
    _audit_constants(asset, program, tally)
    if not store.unlike:
        compare_operations(program, path, tally)
    return tally.audit


def read_weights(audited: Audited, scheme: FormScheme, options: Options) -> Mapping[str, Array]:
    """The float values of every weight, by our names, of a bundle that passed its audit."""
    asset = read_asset(audited.bundle.directory / ASSET)
    store = ReadStore(scheme, stored_constants(asset), Tally(ASSET), against(audited))
    lower(audited.checkpoint.model, store, (max(options.sequence_lengths),), options.layout)
    return store.read


def against(audited: Audited) -> Against:
    """What decides how the weights of a bundle are compared."""
    recipe = audited.recipe
    return Against(recipe.pq_dims or 0, what_training_did(audited), recipe.frequencies_sha256 is not None)


def _audit_metadata(asset: Asset, audited: Audited, options: Options, tally: Tally) -> None:
    """Which bertport wrote it is not compared: another version's asset may hold the same."""
    found, checkpoint = asset.metadata, audited.checkpoint
    expected = asset_metadata(checkpoint.model, audited.recipe.scheme, options, metadata_of(checkpoint))
    said = {"author": found.author, "creationDate": found.creation_date, "description": found.description}
    for key, value in (said | {"license": found.license}).items():
        tally.expect(f"metadata {key}", "text", expected.get(key, ""), value)
    facts = expected[FACTS]
    for key in sorted({*facts, *found.user_defined} - {VERSION}):
        tally.expect(f"metadata {key}", "text", facts.get(key), found.user_defined.get(key))


def _audit_constants(asset: Asset, program: Program, tally: Tally) -> None:
    """Note what is stored and read by nothing."""
    for one in asset.constants:
        if one.name not in program.constants:
            tally.find(one.name, "expected no constant of that name, found one")
