"""Checking a .tflite file before LiteRT opens it: its structure, its operators, and the sizes of what they make.

LiteRT's interpreter follows every offset of a file, and XNNPACK every index of a node: a wrong one ends the process.
Ids beyond a table it refuses itself (seen in ai-edge-litert 2.3.0: EMBEDDING_LOOKUP and GATHER), and so a version of an
operator that is newer than it: no table of them can be asked for. An older version than an operator's form needs means
nothing to it, for its kernels look at types alone; it is the audit that holds versions to what was to be written.
"""

from pathlib import Path

from runtimes.backends.litert.rules import RULES
from runtimes.backends.litert.sizes import check_signatures, check_sizes
from runtimes.errors import BundleError, some
from runtimes.tflite import schema
from runtimes.tflite.model import Model
from runtimes.tflite.reading import read_model

OPERATORS = frozenset(schema.OPERATORS)
"""All that the LiteRT target emits: no branches, loops, states or calls."""
FOREIGN_OPERATORS = frozenset(RULES)
"""What encoders that others converted are made of, too; nothing of another's making, and no control flow either."""
LISTS = frozenset((("FULLY_CONNECTED", "slot 5"),))
"""Options of operators that are run which are lists and which `schema` does not have: LiteRT may follow them."""


def check_litert(path: Path, operators: frozenset[str] = OPERATORS) -> Model:
    """Refuse a model that LiteRT could come to harm with; the model, where nothing is wrong.

    Raises BundleError for a file that cannot be read, an operator that is none of `operators`, a node that reads what
    nothing made or does not fit what it reads, and a graph that makes more out of its constants than any encoder.
    """
    model = read_model(path)
    strange = sorted({node.operator for graph in model.subgraphs for node in graph.nodes} - operators)
    if strange:
        does = "writes" if operators is OPERATORS else "runs"
        raise BundleError(f"{path}: bertport {does} no {some(strange, 5)}; export again")
    _check_options(path, model, operators)
    check_signatures(path, model)
    check_sizes(path, model, path.stat().st_size)
    return model


def _check_options(path: Path, model: Model, operators: frozenset[str]) -> None:
    """Refuse options that are not read here: in a bundle all of them, elsewhere those that lead on."""
    unread = {(node.operator, name) for graph in model.subgraphs for node in graph.nodes for name in node.options}
    strange = sorted(one for one in unread if one[1].startswith("slot "))
    strange = strange if operators is OPERATORS else [one for one in strange if one in LISTS]
    if strange:
        raise BundleError(
            f"{path}: {strange[0][0]} has options that bertport does not read, {strange[0][1]}; export again"
        )
