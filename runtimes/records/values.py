"""The kinds of value that records hold, each with its bounds."""

from typing import Annotated, Literal

from pydantic import Field

_MOST = 1e30
"""Of any figure: sums and axes of figures stay finite."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Finite = Annotated[float, Field(ge=-_MOST, le=_MOST, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
Seconds = Amount
Text = Annotated[str, Field(max_length=4000)]
Status = Literal["measured", "emulated", "simulated", "not run"]
