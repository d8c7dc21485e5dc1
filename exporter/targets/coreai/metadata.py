"""metadata.json of an asset: the texts that Xcode shows, and the facts that apps read."""

from collections.abc import Mapping
from typing import Any

from exporter.model.model import Model
from exporter.targets.apple_metadata import Metadata, model_facts
from exporter.targets.coreai.lower import Options

CREATED = "20260101T000000Z"
"""Of every asset, whenever it is made: the same export gives the same bytes."""
MINIMUM_SYSTEM = "27"
"""Of iOS, macOS, tvOS, visionOS and watchOS: the first that has Core AI."""
FACTS = "creatorDefinedMetadata"


def asset_metadata(model: Model, scheme: str, options: Options, metadata: Metadata) -> Mapping[str, Any]:
    """What an asset says of itself, its keys in order."""
    facts = model_facts(model, scheme, options.compute_units, metadata.labels, options.sequence_lengths)
    found = {
        "author": metadata.author,
        "creationDate": CREATED,
        FACTS: {**facts, "minimum_system": MINIMUM_SYSTEM},
        "description": metadata.description,
        "license": metadata.licence,
    }
    return {key: value for key, value in sorted(found.items()) if value}
