"""Names and colours of bundles in a report."""

from collections.abc import Iterable

from runtimes.records.subjects import BundleName
from runtimes.reporting.collect import Findings

REFERENCE = "ref"
COLOURS = 8


class Names:
    """Every bundle by target and scheme, with the model's name where the page has several models."""

    def __init__(self, findings: Findings) -> None:
        models = {model for model, _, _ in _all(findings)}
        self._several = len(models) > 1
        known = sorted({self._words(*parts) for parts in _all(findings)})
        self._colours = {name: f"c{number % COLOURS}" for number, name in enumerate(known)}

    def of(self, bundle: BundleName) -> str:
        """The name of a bundle."""
        return self._words(bundle.model, bundle.target, bundle.scheme)

    def parts(self, model: str, target: str, scheme: str) -> str:
        """The name of what a record tells in parts."""
        return self._words(model, target, scheme)

    def style(self, name: str) -> str:
        """The colour of a name; PyTorch's, for all that is no bundle."""
        return self._colours.get(name, REFERENCE)

    def _words(self, model: str, target: str, scheme: str) -> str:
        return f"{model} {target}-{scheme}" if self._several else f"{target}-{scheme}"


def _all(findings: Findings) -> Iterable[tuple[str, str, str]]:
    """(model, target, scheme) of everything that a record is about."""
    bundles = [found.name for found in findings.bundles]
    bundles += [found.record.bundle for found in findings.checks if found.record.bundle]
    bundles += [subject.bundle for found in findings.benches for subject in found.record.subjects if subject.bundle]
    yield from ((bundle.model, bundle.target, bundle.scheme) for bundle in bundles)
    yield from ((found.record.source, found.record.target, found.record.scheme) for found in findings.devices)
    for tune in findings.tunes:
        recipes = [candidate.recipe for candidate in tune.record.candidates]
        yield from ((tune.record.source.model, recipe["target"], recipe["scheme"]) for recipe in recipes)
    for found in findings.evaluations:
        yield found.record.source.model, found.record.recipe["target"], found.record.recipe["scheme"]
