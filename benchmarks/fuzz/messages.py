"""Changes of a protobuf by its fields: an ONNX model or a Core ML model that still parses, and says something else."""

import random
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message

from benchmarks.fuzz.strange import STRANGE_NUMBERS, STRANGE_TEXTS
from runtimes.mil.protobuf import model_messages

_SMALLEST = 64


def changed_message(content: bytes, choice: random.Random) -> bytes | None:
    """The message with one field of it changed; None for what is no model of either kind."""
    message = _message(content)
    if message is None:
        return None
    places = list(_places(message, 0))
    if not places:
        return None
    for _ in range(8):
        inside, field = choice.choice(places)
        if _change(inside, field, choice):
            break
    return bytes(message.SerializePartialToString())


def _message(content: bytes) -> Message | None:
    if len(content) < _SMALLEST:
        return None
    for kind, has in ((onnx.ModelProto, "graph"), (model_messages().Model, "description")):
        message = kind()
        try:
            message.ParseFromString(content)
        except DecodeError:
            continue
        if message.HasField(has):
            return message
    return None


def _places(message: Message, depth: int) -> Any:
    """Every (message, field) that is set, down to a depth."""
    for field, value in message.ListFields():
        yield message, field
        if field.message_type is None or depth > 12:
            continue
        entry = field.message_type.GetOptions().map_entry
        if entry:
            values = [v for v in value.values() if isinstance(v, Message)]
        else:
            values = list(value) if field.is_repeated else [value]
        for one in values:
            yield from _places(one, depth + 1)


def _change(inside: Message, field: Any, choice: random.Random) -> bool:
    """Change a field; False where this change is none that its type takes."""
    if choice.randrange(6) == 0:
        inside.ClearField(field.name)
        return True
    value = getattr(inside, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        del value[choice.choice(sorted(value))]
        return True
    if not field.is_repeated:
        return field.message_type is None and _set(inside, field, choice)
    match choice.randrange(3):
        case 0:
            del value[choice.randrange(len(value))]
        case 1 if field.message_type is not None:
            value.add().CopyFrom(value[choice.randrange(len(value))])
        case _ if field.message_type is None:
            at = choice.randrange(len(value))
            try:
                value[at] = _strange(value[at], choice)
            except (ValueError, TypeError):
                return False
        case _:
            return False
    return True


def _set(inside: Message, field: Any, choice: random.Random) -> bool:
    try:
        setattr(inside, field.name, _strange(getattr(inside, field.name), choice))
    except (ValueError, TypeError):
        return False
    return True


def _strange(value: Any, choice: random.Random) -> Any:
    if isinstance(value, str):
        return choice.choice(STRANGE_TEXTS)
    if isinstance(value, bytes):
        return value[: choice.randrange(len(value) + 1)] + choice.randbytes(choice.randrange(4))
    if isinstance(value, bool):
        return not value
    return type(value)(choice.choice((*STRANGE_NUMBERS, value + 1, value - 1, value * 2)))
