"""The interface: inputs, outputs, flexible shapes, several functions, metadata, and imports."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from threadpoolctl import threadpool_info

from runtimes.errors import BundleError, RuntimeUnavailable
from runtimes.mil import open_package, protobuf
from runtimes.mil.ops.linear import LINEAR
from runtimes.mil.ops.registry import OPERATIONS, Kind, Operation

X = np.arange(6, dtype=np.float32).reshape(2, 3)
IDS = np.array([[0, 2, 1]], np.int32)
TABLE = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(scope="module")
def program(save):
    return open_package(save(lambda ids: mb.gather(x=TABLE, indices=ids, axis=0, name="rows"), {"ids": IDS}))


def test_inputs_and_outputs_are_described(program):
    assert [(spec.name, spec.dtype, spec.shape) for spec in program.inputs] == [("ids", "int32", (1, 3))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in program.outputs] == [("rows", "fp32", (1, 3, 4))]
    assert program.functions == ("main",)
    assert program.function == "main"


@pytest.mark.parametrize(
    ("feeds", "reason"),
    [
        ({}, "expected ids; found none"),
        ({"ids": IDS, "more": IDS}, "found ids, more"),
        ({"ids": IDS[0]}, r"shape \(3,\), expected \(1, 3\)"),
        ({"ids": np.zeros((1, 4), np.int32)}, r"shape \(1, 4\), expected \(1, 3\)"),
        ({"ids": IDS.astype(np.float32)}, "float32 given, expected int32"),
        ({"ids": np.array([[0, 1, 2**40]])}, "values beyond int32"),
    ],
)
def test_feeds_that_do_not_fit_are_refused_in_one_line(program, feeds, reason):
    with pytest.raises(BundleError, match=reason) as caught:
        program.run(feeds)
    assert "\n" not in str(caught.value)


def test_wider_integers_are_taken_when_they_fit(program):
    np.testing.assert_array_equal(program.run({"ids": IDS.astype(np.int64)})["rows"], TABLE[IDS])


def test_unknown_precision_is_refused(program):
    with pytest.raises(BundleError, match="precision 'exact', expected one of declared, strict"):
        open_package(program.package.directory, precision="exact")


def _flexible(save, shape):
    def body(x):
        return mb.add(x=x, y=np.float32(1), name="more")

    inputs = [ct.TensorType(name="x", shape=shape)]
    return open_package(save(body, {"x": X}, symbolic=True, inputs=inputs, passes=ct.PassPipeline.DEFAULT))


def test_enumerated_shapes_are_the_only_ones(save):
    program = _flexible(save, ct.EnumeratedShapes([(2, 3), (2, 5)]))
    for length in (3, 5):
        np.testing.assert_array_equal(program.run({"x": np.ones((2, length), np.float32)})["more"], 2)
    with pytest.raises(BundleError, match=r"shape \(2, 4\), expected \(2, 3\) or \(2, 5\)"):
        program.run({"x": np.ones((2, 4), np.float32)})


def test_a_range_is_bounded_on_both_sides(save):
    program = _flexible(save, ct.Shape((2, ct.RangeDim(2, 4, default=3))))
    assert program.run({"x": np.ones((2, 4), np.float32)})["more"].shape == (2, 4)
    for length in (1, 5):
        with pytest.raises(BundleError, match=r"expected \(2, 2..4\)"):
            program.run({"x": np.ones((2, length), np.float32)})


def test_every_function_of_a_package_can_be_chosen(save, new_path):
    description = ct.utils.MultiFunctionDescriptor()
    for length in (2, 3):
        ids = np.zeros((1, length), np.int32)
        part = save(lambda ids: mb.gather(x=TABLE, indices=ids, axis=0, name="rows"), {"ids": ids}, "iOS18")
        description.add_function(str(part), "main", f"length_{length}")
    description.default_function_name = "length_3"
    path = new_path()
    ct.utils.save_multifunction(description, str(path))
    default, other = open_package(path), open_package(path, "length_2")
    assert default.functions == ("length_3", "length_2")
    assert (default.function, other.function) == ("length_3", "length_2")
    assert (default.inputs[0].shape, other.inputs[0].shape) == ((1, 3), (1, 2))
    np.testing.assert_array_equal(other.run({"ids": IDS[:, :2]})["rows"], TABLE[IDS[:, :2]])
    np.testing.assert_array_equal(default.run({"ids": IDS})["rows"], TABLE[IDS])


def test_metadata_is_read(save, new_path):
    model = ct.models.MLModel(str(save(lambda x: mb.relu(x=x), {"x": X})), skip_model_load=True)
    model.author, model.license, model.version, model.short_description = "Ada", "Apache-2.0", "1.2", "a test"
    model.user_defined_metadata["labels"] = "yes,no"
    path = new_path()
    model.save(str(path))
    found = open_package(path).metadata
    assert (found.author, found.license, found.version, found.description) == ("Ada", "Apache-2.0", "1.2", "a test")
    assert found.user_defined["labels"] == "yes,no"


def test_an_output_may_be_a_constant_or_an_input(save):
    def body(x):
        return mb.identity(x=x, name="same"), mb.const(val=TABLE, name="table")

    results = open_package(save(body, {"x": X})).run({"x": X})
    np.testing.assert_array_equal(results["table"], TABLE)


def test_a_model_with_state_is_refused(save, new_path):
    state = mb.StateTensorSpec((2, 3), dtype=ct.converters.mil.mil.types.fp16)

    @mb.program(input_specs=[mb.TensorSpec((2, 3)), state], opset_version=ct.target.iOS18)
    def main(x, memory):
        return mb.add(x=mb.cast(x=x, dtype="fp16"), y=mb.read_state(input=memory))

    model = ct.convert(main, minimum_deployment_target=ct.target.iOS18, skip_model_load=True)
    path = new_path()
    model.save(str(path))
    with pytest.raises(BundleError, match="stateType where a tensor is expected"):
        open_package(path)


def test_one_blas_thread_is_used_during_a_run(save, monkeypatch):
    seen = []

    def spy(*arguments, **parameters):
        libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
        # numpy's own: scipy brings another, and when it is loaded is other tests' business
        seen.extend(one["num_threads"] for one in libraries if "numpy" in one["filepath"])
        return LINEAR["linear"](*arguments, **parameters)

    monkeypatch.setitem(OPERATIONS, "linear", Operation(spy, Kind.COMPOSES))
    open_package(save(lambda x: mb.linear(x=x, weight=np.ones((2, 3), np.float32)), {"x": X})).run({"x": X})
    assert set(seen) == {1}


def test_runs_in_threads_leave_each_other_one_blas_thread_and_restore_what_was(save, monkeypatch):
    def numpys():
        return [one["num_threads"] for one in threadpool_info() if "numpy" in one["filepath"]]

    seen = []

    def spy(*arguments, **parameters):
        time.sleep(0.001)  # lets another thread end its run
        seen.extend(numpys())
        return LINEAR["linear"](*arguments, **parameters)

    monkeypatch.setitem(OPERATIONS, "linear", Operation(spy, Kind.COMPOSES))
    program = open_package(save(lambda x: mb.linear(x=x, weight=np.ones((2, 3), np.float32)), {"x": X}))

    def work(_number):
        for _ in range(8):
            program.run({"x": X})
            time.sleep(0.001)

    before = numpys()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert set(seen) == {1}
    assert numpys() == before


def test_reading_a_package_imports_no_coremltools_and_says_nothing(program):
    code = (
        "import sys; from runtimes.mil import open_package; open_package(sys.argv[1]);"
        "assert not {'coremltools', 'torch', 'scipy'} & set(sys.modules), sorted(sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(program.package.directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_coremltools_may_be_imported_afterwards(program):
    code = (
        "import sys, logging; logging.disable(); from runtimes.mil import open_package; open_package(sys.argv[1]);"
        "import coremltools; coremltools.models.MLModel(sys.argv[1], skip_model_load=True); open_package(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(program.package.directory)], check=True, capture_output=True)


def test_without_coremltools_the_runtime_is_unavailable(monkeypatch):
    monkeypatch.setattr(protobuf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailable, match="coremltools is not installed"):
        protobuf._proto_folder()


def test_an_unusable_coremltools_is_unavailable():
    with pytest.raises(RuntimeUnavailable, match=r"cannot be imported .* install coremltools"):
        protobuf._messages("Absent_pb2")
