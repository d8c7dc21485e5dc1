"""Match a checkpoint's tensors against a model's table; an error lists what is missing, unused or misshaped.

Of tensors that do not fit, an error says how many there are of each kind, the first three, and the likely cause.
"""

import re
from collections.abc import Mapping, Sequence

from exporter.model.tensor_table import Entry, StoredTensor
from runtimes.errors import CheckpointError

_SHOWN = 3
_LAYER = re.compile(r"\.layers?\.(\d+)\.")


def resolve(
    entries: list[Entry], stored: Mapping[str, StoredTensor], buffers: tuple[str, ...], problems: list[str], prefix: str
) -> dict[str, StoredTensor]:
    """Match the table against a checkpoint: our name → stored tensor; `prefix` begins the encoder's names.

    Raises CheckpointError with `problems`, and the first missing, unused and misshaped tensors, counted.
    """
    kinds = [problems, *_misfits(entries, stored, buffers)]
    if any(kinds):
        raise CheckpointError(
            f"tensors do not fit the config ({sum(map(len, kinds)):,}): {'; '.join(map(_some, filter(None, kinds)))}. "
            f"{_likely_cause(entries, stored, prefix)}"
        )
    return {entry.name: stored[entry.stored] for entry in entries}


def _misfits(entries: Sequence[Entry], stored: Mapping[str, StoredTensor], buffers: tuple[str, ...]) -> list[list[str]]:
    """Missing, unused and misshaped tensors, each a list of texts."""
    expected = {entry.stored for entry in entries}
    return [
        [f"missing {e.stored} {list(e.shape)}" for e in entries if e.stored not in stored],
        [f"unused {n} {list(t.shape)}" for n, t in stored.items() if n not in expected and n not in buffers],
        [
            f"misshaped {e.stored}: config.json says {list(e.shape)}, the file has {list(stored[e.stored].shape)}"
            for e in entries
            if e.stored in stored and tuple(stored[e.stored].shape) != e.shape
        ],
    ]


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN:,} more {texts[0].partition(' ')[0]}" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _likely_cause(entries: Sequence[Entry], stored: Mapping[str, StoredTensor], prefix: str) -> str:
    """What most often makes such a difference, with what to do then; `prefix` begins the encoder's names."""
    expected = {entry.stored: tuple(entry.shape) for entry in entries}
    if wrapper := _common_prefix(expected, stored):
        return f"Every name begins with {wrapper!r}: save the inner model's state_dict"
    if not expected.keys() & stored.keys():
        return "Not one name is known: these weights are another architecture's, or no model's; check config.json"
    ours, theirs = _layers(expected), _layers(stored)
    if ours and theirs and ours != theirs:
        return f"config.json says {ours} layers and the weights have {theirs}: correct config.json"
    other = [name for name, shape in expected.items() if name in stored and tuple(stored[name].shape) != shape]
    if len(other) > len(expected) // 4:
        return "config.json is of a model of another size: put the one beside these weights that they were saved with"
    if [name.endswith("word_embeddings.weight") for name in other] == [True]:
        return "The word table has other rows than config.json says: set vocab_size to those of the weights"
    absent = [name for name in expected if name not in stored]
    if absent and not any(name.startswith(prefix) for name in absent):
        return (
            "The encoder is whole and its head is not: pass the folder of the fine-tuned model, or --task with what "
            "these weights were trained for"
        )
    return "Check that config.json belongs to these weights and that --task names the head they were trained with"


def _common_prefix(expected: Mapping[str, object], stored: Mapping[str, object]) -> str:
    """What stands before every stored name, where without it half of them would be known."""
    first = next(iter(stored), "")
    leads = [first.removesuffix(name) for name in expected if first.endswith(f".{name}")]
    for lead in leads:
        known = sum(name.removeprefix(lead) in expected for name in stored if name.startswith(lead))
        if known * 2 >= len(stored) and all(name.startswith(lead) for name in stored):
            return lead
    return ""


def _layers(names: Mapping[str, object]) -> int:
    return 1 + max((int(found[1]) for name in names if (found := _LAYER.search(name))), default=-1)
