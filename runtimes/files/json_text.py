"""JSON text as bertport writes it: the same bytes for the same value, and readable."""

import json
from typing import Any

from runtimes.files.atomic_write import MANIFEST as MANIFEST


def to_json(value: Any) -> bytes:
    """Render JSON that is the same for the same value; read by people too."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
