"""The kinds of value that records hold, each with its bounds."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

_MOST = 1e30
"""Of any figure: sums and axes of figures stay finite."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Finite = Annotated[float, Field(ge=-_MOST, le=_MOST, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
Seconds = Amount
Text = Annotated[str, Field(max_length=4000)]
Status = Literal["measured", "emulated", "simulated", "not run"]
Verdict = Literal["pass", "fail", "not run"]
Interval = tuple[Finite, Finite]
Strings = Annotated[dict[str, Text], Field(default_factory=dict)]
"""Host or versions; older records may lack them."""
_NAMES = ("target", "scheme")


def _named(recipe: dict[str, Any]) -> dict[str, Any]:
    if not all(isinstance(recipe.get(name), str) for name in _NAMES):
        raise ValueError("expected target and scheme, which are texts")
    return recipe


Recipe = Annotated[
    dict[str, Any],
    AfterValidator(_named),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {name: {"type": "string"} for name in _NAMES},
            "required": list(_NAMES),
            "additionalProperties": True,
        }
    ),
]
"""What was asked of an export, as its manifest has it: every target and release adds options of its own."""
