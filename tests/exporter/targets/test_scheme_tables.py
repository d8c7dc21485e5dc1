"""How every role of weight is stored by each scheme of each target, and how a kept weight is."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Role, Weight
from exporter.targets.coreai.schemes import SCHEMES as COREAI
from exporter.targets.coreai.schemes import in_float32
from exporter.targets.coreml.schemes import SCHEMES as COREML
from exporter.targets.coreml.schemes import find_scheme
from exporter.targets.encoding.forms import Form
from exporter.targets.encoding.storage import Storage, wider
from exporter.targets.litert.schemes import SCHEMES as LITERT
from exporter.targets.onnx.schemes import SCHEMES
from runtimes.errors import UsageError

FLOAT32, FLOAT16, INT8, DYNAMIC, INT4, DYNAMIC4, CODES, CODES8, SHARED = Storage
PLAIN, FORM_INT8, INT4_32, INT4_64, INT4_ROW, PALETTE6, PALETTE4, FORM_CODES, FORM_CODES8, FORM_SHARED = Form
NARROW = (Role.TYPE_EMBEDDING, Role.HEAD, Role.VECTOR)


@pytest.mark.parametrize(
    ("scheme", "word", "position", "linear", "tail"),
    [
        ("none", FLOAT32, FLOAT32, FLOAT32, FLOAT32),
        ("fp16", FLOAT16, FLOAT16, FLOAT16, FLOAT16),
        ("int8", INT8, INT8, DYNAMIC, DYNAMIC),
        ("int8-weights", INT8, INT8, INT8, INT8),
        ("int4-embeddings", INT4, INT8, INT8, INT8),
        ("pq", CODES, INT8, DYNAMIC, DYNAMIC),
        ("pq4", CODES8, SHARED, DYNAMIC4, DYNAMIC4),
    ],
)
def test_an_onnx_scheme_stores_every_role(scheme, word, position, linear, tail):
    wide = {Role.WORD_EMBEDDING: word, Role.POSITION_EMBEDDING: position, Role.LINEAR: linear, Role.TAIL: tail}
    assert SCHEMES[scheme].storage == wide | dict.fromkeys(NARROW, FLOAT32)
    assert set(SCHEMES[scheme].storage) == set(Role)
    assert len(SCHEMES) == 7


@pytest.mark.parametrize(
    ("scheme", "word", "position", "linear", "integers"),
    [
        ("none", FLOAT32, FLOAT32, FLOAT32, False),
        ("fp16", FLOAT16, FLOAT16, FLOAT16, False),
        ("int8", INT8, INT8, DYNAMIC, True),
        ("int8-weights", INT8, INT8, INT8, False),
        ("int4-embeddings", INT4, INT8, DYNAMIC, True),
        ("pq", CODES, INT8, DYNAMIC, True),
        ("pq4", CODES8, SHARED, DYNAMIC4, True),
    ],
)
def test_a_litert_scheme_stores_every_role(scheme, word, position, linear, integers):
    wide = {Role.WORD_EMBEDDING: word, Role.POSITION_EMBEDDING: position, Role.LINEAR: linear, Role.TAIL: linear}
    assert LITERT[scheme].storage == wide | dict.fromkeys(NARROW, FLOAT32)
    assert LITERT[scheme].integers is integers
    assert (LITERT[scheme].codes, LITERT[scheme].narrow) == (scheme.startswith("pq"), scheme == "pq4")
    assert len(LITERT) == 7


@pytest.mark.parametrize(
    ("storage", "form", "stored"),
    [
        (DYNAMIC, None, DYNAMIC),
        (CODES, "int8", INT8),
        (CODES, "float16", FLOAT16),
        (CODES8, "int8", INT8),
        (SHARED, "int8", INT8),
        (DYNAMIC4, "int8", INT8),
        (DYNAMIC4, None, DYNAMIC4),
        (INT8, "float16", FLOAT16),
        (FLOAT16, "int8", FLOAT16),
        (FLOAT32, "float16", FLOAT32),
    ],
)
def test_a_kept_weight_of_onnx_or_litert_takes_the_wider_of_two(storage, form, stored):
    assert wider(storage, form) is stored


@pytest.mark.parametrize(
    ("scheme", "word", "position", "linear", "half", "int8_inputs", "oldest"),
    [
        ("none", PLAIN, PLAIN, PLAIN, False, False, "iOS16"),
        ("fp16", PLAIN, PLAIN, PLAIN, True, False, "iOS16"),
        ("int8", FORM_INT8, FORM_INT8, FORM_INT8, True, False, "iOS16"),
        ("w8a8", FORM_INT8, FORM_INT8, FORM_INT8, True, True, "iOS17"),
        ("int4-embeddings", INT4_32, FORM_INT8, FORM_INT8, True, False, "iOS18"),
        ("int4", INT4_64, FORM_INT8, INT4_32, True, False, "iOS18"),
        ("pq", FORM_CODES, FORM_INT8, FORM_INT8, True, False, "iOS17"),
        ("pq4", FORM_CODES8, FORM_SHARED, INT4_ROW, True, False, "iOS18"),
        ("palettize6", PALETTE6, PALETTE6, PALETTE6, True, False, "iOS16"),
        ("palettize4", PALETTE4, PALETTE4, PALETTE4, True, False, "iOS16"),
    ],
)
def test_a_coreml_scheme_stores_every_role(scheme, word, position, linear, half, int8_inputs, oldest):
    found = find_scheme(scheme)
    own = (found.word, found.position, found.linear, found.half, found.calibrated, found.oldest_target)
    assert own == (word, position, linear, half, int8_inputs, oldest)
    wide = {Role.WORD_EMBEDDING: word, Role.POSITION_EMBEDDING: position, Role.LINEAR: linear, Role.TAIL: linear}
    assert {role: found.form(role) for role in Role} == wide | dict.fromkeys(NARROW, PLAIN)
    assert len(COREML) == 10


def test_core_ai_stores_every_role_as_core_ml_does():
    assert list(COREAI) == ["none", "fp16", "int8", "int4-embeddings", "int4", "pq", "palettize6", "palettize4"]
    for name, scheme in COREAI.items():
        other = COREML[name]
        assert {role: scheme.form(role) for role in Role} == {role: other.form(role) for role in Role}
        assert (scheme.half, scheme.codes, scheme.budget) == (other.half, other.codes, other.budget)


def test_a_scheme_in_float32_stores_the_same_forms():
    wide = in_float32(COREAI["int4"])
    assert (wide.half, COREAI["int4"].half) == (False, True)
    assert {role: wide.form(role) for role in Role} == {role: COREAI["int4"].form(role) for role in Role}


def weight(name):
    return Weight(name, np.zeros((2, 2), np.float32), Role.LINEAR)


@pytest.mark.parametrize(
    ("scheme", "kept", "stored"),
    [
        ("palettize4", "layer.0.*", PLAIN),
        ("palettize4", "layer.0.*=int8", FORM_INT8),
        ("int4", "layer.0.*=int8", FORM_INT8),
        ("pq4", "layer.0.*=int8", FORM_INT8),
        ("fp16", "layer.0.*=int8", PLAIN),
        ("int4", "layer.1.*", INT4_32),
    ],
)
def test_a_kept_coreml_weight_takes_the_wider_of_two(scheme, kept, stored):
    assert replace(find_scheme(scheme), keep=Keep((kept,))).stored(weight("layer.0.query.weight")) is stored


def test_what_is_not_kept_is_stored_by_its_role():
    assert find_scheme("palettize6").stored(weight("layer.0.query.weight")) is PALETTE6


def test_an_unknown_coreml_scheme_is_refused_with_the_list():
    with pytest.raises(UsageError) as error:
        find_scheme("int3")
    assert str(error.value) == f"--quantize int3: unknown to coreml; it has {', '.join(COREML)}"
