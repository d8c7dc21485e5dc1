"""Audit of a bundle's Core ML packages: every operation, weight and text of them, without running one.

The model is lowered once more, with a builder that records and with weights that are read from the package and held
against the checkpoint's as they are asked for. What is saved must be what was recorded.
"""

from collections.abc import Mapping
from dataclasses import replace

from threadpoolctl import ThreadpoolController

from exporter.model.ops import Array, Inputs
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.audit.trained_weights import what_training_did
from exporter.targets.coreml import lower as coreml
from exporter.targets.coreml.audit.activations import audit_ranges, stored_ranges
from exporter.targets.coreml.audit.description import audit_contents, audit_description
from exporter.targets.coreml.audit.forms import Reader
from exporter.targets.coreml.audit.program import compare_operations, kind_of
from exporter.targets.coreml.audit.recorder import Recorder
from exporter.targets.coreml.audit.shapes import Tensor
from exporter.targets.coreml.audit.stored_weights import ReadWeights, StoredWeights
from exporter.targets.coreml.metadata import Metadata, make_card
from exporter.targets.coreml.schemes import find_scheme
from runtimes.errors import BundleError
from runtimes.mil.description import disagreements
from runtimes.mil.listing import Listing, list_function
from runtimes.mil.package import Package, read_package
from runtimes.process.blas_lock import BLAS_LIMIT
from runtimes.process.threads import BLAS_THREADS

_BLAS = ThreadpoolController()
_OPSETS = {"iOS16": "CoreML6", "iOS17": "CoreML7", "iOS18": "CoreML8", "iOS26": "CoreML9"}


def audit_packages(audited: Audited, options: coreml.Options, metadata: Metadata) -> Audit:
    """Audit every package that `coreml.lower` writes for these options and metadata.

    A file that cannot be read is a finding.
    """
    names, lengths = coreml.file_names(options), options.sequence_lengths
    whole = Tally("bertport.json")
    whole.expect("models", "names", tuple(names), audited.bundle.manifest.models)
    shared = [lengths] if options.shares_weights else [(length,) for length in lengths]
    auditor = _Auditor(audited, options, metadata)
    with BLAS_LIMIT, _BLAS.limit(limits=BLAS_THREADS, user_api="blas"):  # a second thread costs more than it brings
        audits = [auditor.package(name, own) for name, own in zip(names, shared, strict=True)]
    return sum(audits, whole.audit)


def read_packages(audited: Audited, options: coreml.Options, metadata: Metadata) -> Mapping[str, Array]:
    """The float values of every weight, by our names: those of the first function, for all hold the same.

    For a bundle that passed its audit. Raises BundleError for another.
    """
    package, function, length = audited.bundle.fixed_models[0]
    listing, model = list_function(read_package(package), function or "main"), audited.checkpoint.model
    weights = _Auditor(audited, options, metadata).weights(listing, set(), Tally(package.name))
    reading = ReadWeights(**vars(weights))
    ops = coreml.make_ops(Recorder(), reading, options, {})
    model.build(ops, Inputs(*(Tensor(one, "int32", (1, length)) for one in model.inputs)))
    return reading.read


class _Auditor:
    """What every package of a bundle is held against."""

    def __init__(self, audited: Audited, options: coreml.Options, metadata: Metadata) -> None:
        self._audited, self._options, self._metadata = audited, options, metadata
        self._scheme = replace(find_scheme(audited.recipe.scheme), keep=options.keep)

    def package(self, name: str, lengths: tuple[int, ...]) -> Audit:
        """Audit one package, whose functions take `lengths`."""
        tally, directory = Tally(name), self._audited.bundle.directory / name
        try:
            package = read_package(directory)
            audit_contents(directory, tally)
            self._described(package, lengths, tally)
            compared: set[object] = set()
            for length in lengths:
                self._function(package, length, compared, tally)
        except BundleError as error:
            tally.find("package", str(error))
        return tally.audit

    def _described(self, package: Package, lengths: tuple[int, ...], tally: Tally) -> None:
        model, recipe = self._audited.checkpoint.model, self._audited.recipe
        card = make_card(model, recipe.scheme, self._options.compute_units, self._metadata, lengths)
        audit_description(package, card, self._options.deployment_target, tally)
        default = coreml.function_name(self._options, max(lengths))
        tally.expect("functions", "the default one", default, package.model.description.defaultFunctionName or "main")
        names = {coreml.function_name(self._options, length) for length in lengths}
        tally.expect("functions", "names", sorted(names), sorted(package.functions))
        for one in disagreements(package):
            tally.find(one.subject, one.problem)

    def _function(self, package: Package, length: int, compared: set[object], tally: Tally) -> None:
        name = coreml.function_name(self._options, length)
        if name not in package.functions:
            return  # found already
        listing = list_function(package, name)
        tally.expect(name, "set of operations", _OPSETS[self._options.deployment_target], listing.opset)
        model = self._audited.checkpoint.model
        inputs = [Tensor(one, "int32", (1, length)) for one in model.inputs]
        self._inputs(listing, name, inputs, tally)
        ranges = self._ranges(listing, tally)
        recorder = Recorder()
        ops = coreml.make_ops(recorder, self.weights(listing, compared, tally), self._options, ranges)
        model.build(ops, Inputs(*inputs))
        outputs = tuple(one.name for one in ops.outputs)
        tally.expect(name, "outputs", outputs, listing.outputs)
        compare_operations(listing, recorder.operations, outputs, tally)

    def _inputs(self, listing: Listing, name: str, inputs: list[Tensor], tally: Tally) -> None:
        expected = [(one.name, one.dtype, one.shape) for one in inputs]
        tally.expect(name, "inputs", expected, [(one, *kind_of(declared)) for one, declared in listing.inputs])

    def _ranges(self, listing: Listing, tally: Tally) -> Mapping[str, float]:
        """What the program rounds activations by: the lowering is given just these, once they are found to be right."""
        if not self._scheme.calibrated:
            return {}
        ranges = stored_ranges(listing, tally)
        return audit_ranges(ranges, self._audited, max(self._options.sequence_lengths), tally)

    def weights(self, listing: Listing, compared: set[object], tally: Tally) -> StoredWeights:
        """What a function holds, to be compared or read."""
        operations = {one.name: one for one in listing.operations}
        reader = Reader(listing, self._options.has("iOS18"), operations)
        recipe = self._audited.recipe
        weighed = recipe.frequencies_sha256 is not None
        exact, trained = self._audited.exact, what_training_did(self._audited)
        return StoredWeights(reader, self._scheme, tally, recipe.pq_dims or 0, trained, weighed, exact, compared)
