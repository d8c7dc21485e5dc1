"""Packages that are not what they should be: always a BundleError of one line, never anything else."""

import json
import shutil

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from coremltools.models.neural_network import NeuralNetworkBuilder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtimes.errors import BundleError
from runtimes.mil import open_package

MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
X = np.arange(6, dtype=np.float32).reshape(2, 3)
TABLE = np.arange(32, dtype=np.float32).reshape(8, 4)  # large enough to be written to the weight file


@pytest.fixture(scope="module")
def healthy(save):
    def body(x):
        rows = mb.gather(x=TABLE, indices=mb.cast(x=x, dtype="int32"), axis=0, name="rows")
        return mb.reduce_sum(x=rows, axes=[-1], name="sums")

    return save(body, {"x": X})


@pytest.fixture
def package(healthy, tmp_path):
    """A copy to damage."""
    path = tmp_path / "copy.mlpackage"
    shutil.copytree(healthy, path)
    return path


def refused(path, reason):
    with pytest.raises(BundleError, match=reason) as caught:
        open_package(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def edit_model(package, change):
    model = ct.proto.Model_pb2.Model.FromString((package / MODEL).read_bytes())
    change(model)
    (package / MODEL).write_bytes(model.SerializeToString())


def edit_manifest(package, change):
    path = package / "Manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def root_item(content):
    return content["itemInfoEntries"][content["rootModelIdentifier"]]


def main_block(model):
    function = model.mlProgram.functions["main"]
    return function.block_specializations[function.opset]


def operation(model, name):
    return next(op for op in main_block(model).operations if op.outputs[0].name == name)


def blob(model):
    return next(op for op in main_block(model).operations if "blobFileValue" in str(op)).attributes["val"]


def test_the_healthy_package_runs(package):
    np.testing.assert_array_equal(open_package(package).run({"x": X})["sums"], TABLE[X.astype(int)].sum(-1))


# --- the folder and its manifest --------------------------------------------------------------------------------------


def test_what_is_no_package_is_refused(tmp_path):
    refused(tmp_path / "absent.mlpackage", "not a Core ML package")
    refused(tmp_path, "not a Core ML package")


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"itemInfoEntries": 1}', "[" * 100_000, "\x00", '{"rootModelIdentifier": "x"}']
)
def test_a_manifest_that_is_none_is_refused(package, text):
    (package / "Manifest.json").write_text(text)
    refused(package, "not a package manifest")


def test_a_manifest_whose_path_is_a_number_is_refused(package):
    edit_manifest(package, lambda content: root_item(content).update(path=7))
    refused(package, "not a text")


@pytest.mark.parametrize(
    "escape", ["../../outside.mlmodel", "/etc/passwd", "com.apple.CoreML/../../../outside.mlmodel"]
)
def test_a_manifest_cannot_lead_out_of_the_package(package, escape):
    shutil.copy(package / MODEL, package.parent / "outside.mlmodel")
    edit_manifest(package, lambda content: root_item(content).update(path=escape))
    refused(package, "leads out of the package")


@pytest.mark.parametrize("name", [MODEL, WEIGHTS])
def test_a_link_out_of_the_package_is_refused(package, name):
    outside = package.parent / "outside"
    shutil.move(package / name, outside)
    (package / name).symlink_to(outside)
    refused(package, "link out of the package")


def test_a_linked_folder_is_refused(package):
    outside = package.parent / "outside"
    shutil.move(package / "Data/com.apple.CoreML", outside)
    (package / "Data/com.apple.CoreML").symlink_to(outside)
    refused(package, "link out of the package")


def test_a_link_to_itself_is_refused(package):
    (package / MODEL).unlink()
    (package / MODEL).symlink_to(package / MODEL)
    refused(package, "no file")


@pytest.mark.parametrize("path", ["absent", "nul\x00byte", "com.apple.CoreML"])
def test_a_manifest_must_name_a_file(package, path):
    edit_manifest(package, lambda content: root_item(content).update(path=path))
    refused(package, "no file|not a file")


def test_the_weight_file_cannot_be_outside(package):
    edit_model(package, lambda m: setattr(blob(m).blobFileValue, "fileName", "@model_path/../../../outside"))
    refused(package, "leads out of the package")
    edit_model(package, lambda m: setattr(blob(m).blobFileValue, "fileName", "/etc/passwd"))
    refused(package, "not below @model_path")


# --- the model --------------------------------------------------------------------------------------------------------


def test_a_model_cut_anywhere_is_refused(package):
    content = (package / MODEL).read_bytes()
    for length in [*range(0, len(content), 37), len(content) - 1]:
        (package / MODEL).write_bytes(content[:length])
        refused(package, "truncated or damaged|not an ML program|no function|no block|version")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_bytes_are_refused_or_run(package, healthy, data):
    content = bytearray((healthy / MODEL).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (package / MODEL).write_bytes(content)
    assert "\n" not in _complaint(package)


def _complaint(path):
    """Open and run; any other error than ours goes through."""
    try:
        program = open_package(path)
        program.run({spec.name: X for spec in program.inputs})
    except BundleError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("version", [0, 5, 11, 99])
def test_an_unknown_version_is_refused(package, version):
    edit_model(package, lambda m: setattr(m, "specificationVersion", version))
    refused(package, f"specification version {version}, known are 6 to 10")


def test_a_neural_network_is_refused_by_name(package):
    features = [("x", ct.models.datatypes.Array(3))], [("y", ct.models.datatypes.Array(3))]
    network = NeuralNetworkBuilder(*features)
    network.add_activation("relu", "RELU", "x", "y")
    (package / MODEL).write_bytes(network.spec.SerializeToString())
    refused(package, "a neuralNetwork, not an ML program")


def test_an_operation_we_lack_is_named_when_the_package_is_opened(package):
    edit_model(package, lambda m: setattr(operation(m, "rows"), "type", "teleport"))
    refused(package, r"operation 'teleport' → rows \(number \d+\): the interpreter lacks this operation")


def test_a_parameter_we_do_not_know_is_named(package):
    def change(model):
        sums = operation(model, "sums")
        sums.inputs["wish"].CopyFrom(sums.inputs["x"])

    edit_model(package, change)
    refused(package, r"'reduce_sum' → sums .* unexpected keyword argument 'wish'")


def test_a_missing_parameter_is_named(package):
    edit_model(package, lambda m: operation(m, "rows").inputs.pop("indices"))
    refused(package, r"'gather' → rows .* missing a required argument: 'indices'")


def test_a_name_that_nothing_defines_is_refused(package):
    edit_model(package, lambda m: setattr(operation(m, "sums").inputs["x"].arguments[0], "name", "nowhere"))
    refused(package, "nothing before it defines 'nowhere'")


def test_an_output_that_nothing_defines_is_refused(package):
    edit_model(package, lambda m: main_block(m).outputs.append("nowhere"))
    refused(package, "output nowhere: nothing before it defines")


def test_a_name_defined_twice_is_refused(package):
    edit_model(package, lambda m: main_block(m).operations.append(operation(m, "sums")))
    refused(package, "'sums' is defined twice")


def test_an_unknown_data_type_is_refused(package):
    edit_model(package, lambda m: setattr(operation(m, "sums").outputs[0].type.tensorType, "dataType", 40))
    refused(package, "tensor sums: unknown data type 40")


def test_a_result_of_another_shape_than_declared_is_refused(package):
    def change(model):
        operation(model, "sums").outputs[0].type.tensorType.dimensions[0].constant.size = 9

    edit_model(package, change)
    with pytest.raises(BundleError, match=r"result sums has shape \(2, 3\), the program declares \(9, 3\)"):
        open_package(package).run({"x": X})


def test_an_unknown_function_is_refused_with_those_there_are(package):
    with pytest.raises(BundleError, match="no function 'other'; the package has: main"):
        open_package(package, "other")


def test_a_program_without_functions_is_refused(package):
    edit_model(package, lambda m: m.mlProgram.functions.clear())
    refused(package, "no function")


def test_a_function_without_its_block_is_refused(package):
    edit_model(package, lambda m: setattr(m.mlProgram.functions["main"], "opset", "CoreML99"))
    refused(package, "no block for opset 'CoreML99'")


# --- the weights ------------------------------------------------------------------------------------------------------


def test_a_missing_weight_file_is_refused(package):
    (package / WEIGHTS).unlink()
    refused(package, "no file 'weights/weight.bin'")


def test_a_short_weight_file_is_refused_at_every_length(package):
    content = (package / WEIGHTS).read_bytes()
    for length in range(0, len(content), 8):
        (package / WEIGHTS).write_bytes(content[:length])
        refused(package, "a weight file has at least|the file has")


@pytest.mark.parametrize("offset", [65, 10**6, 2**63, 2**64 - 1])
def test_an_offset_without_a_record_is_refused(package, offset):
    edit_model(package, lambda m: setattr(blob(m).blobFileValue, "offset", offset))
    refused(package, "no blob record|the file has")


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (64, b"\x00", "no blob record at 64: found .*, expected 0xdeadbeef"),
        (68, b"\x09", r"data type 9, expected 2 \(fp32\)"),
        (72, b"\x01", "expected 128 for 32 × fp32"),
        (79, b"\x80", "the file has"),
        (80, b"\xff", "the file has"),
        (87, b"\xff", "the file has"),
        (4, b"\x63", "weight file of format 99"),
    ],
)
def test_a_damaged_record_is_refused(package, position, value, reason):
    content = bytearray((package / WEIGHTS).read_bytes())
    content[position : position + 1] = value
    (package / WEIGHTS).write_bytes(content)
    refused(package, reason)


@pytest.mark.parametrize("size", [9, 2**40, 2**62])
def test_a_declared_shape_beyond_the_file_allocates_nothing(package, size):
    def change(model):
        blob(model).type.tensorType.dimensions[0].constant.size = size

    edit_model(package, change)
    refused(package, "blob at 64 holds 128 bytes, expected")


def test_a_constant_with_too_few_elements_is_refused(package):
    def change(model):
        axes = next(op for op in main_block(model).operations if op.outputs[0].name == "sums_axes_0")
        axes.attributes["val"].type.tensorType.dimensions[0].constant.size = 3

    edit_model(package, change)
    refused(package, "sums_axes_0 .* constant has 1 elements, expected 3")


def test_a_flipped_weight_changes_the_output(package):
    content = bytearray((package / WEIGHTS).read_bytes())
    content[128 + 4 : 128 + 8] = np.float32(99).tobytes()
    (package / WEIGHTS).write_bytes(content)
    expected = TABLE.copy()
    expected[0, 1] = 99
    np.testing.assert_array_equal(open_package(package).run({"x": X})["sums"], expected[X.astype(int)].sum(-1))


def test_a_parameter_without_a_value_is_refused(package):
    def empty(model):
        given = next(op for op in main_block(model).operations if "x" in op.inputs)
        del given.inputs["x"].arguments[:]

    edit_model(package, empty)
    refused(package, "parameter x is empty; export the package again")


def test_a_constant_without_a_value_is_refused(package):
    def empty(model):
        constant = next(op for op in main_block(model).operations if op.type == "const")
        del constant.attributes["val"]

    edit_model(package, empty)
    refused(package, "a constant needs one value and one result; export the package again")


def test_an_input_larger_than_any_text_is_refused(package):
    def widen(model):
        (given,) = model.mlProgram.functions["main"].inputs
        for dimension in given.type.tensorType.dimensions:
            dimension.constant.size = 1 << 20

    edit_model(package, widen)
    refused(package, "is larger than any text; export the package again")


@pytest.mark.parametrize("name", ["Manifest.json", "Data/com.apple.CoreML/model.mlmodel"])
def test_a_file_that_the_disk_does_not_give_is_told(package, name, monkeypatch):
    opened = type(package).open

    def fail(path, *arguments, **options):
        if path.name == name.rpartition("/")[2]:
            raise OSError(5, "Input/output error")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(type(package), "open", fail)
    refused(package, r"cannot be read \(Input/output error\); export the package again")
