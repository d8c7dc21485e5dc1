"""The weight file as coremltools' own writer makes it."""

import numpy as np
import pytest
from coremltools.libmilstoragepython import _BlobStorageWriter

from runtimes.errors import BundleError
from runtimes.mil.blobs import BlobFile
from runtimes.mil.datatypes import BY_NAME, DATA_TYPES

WRITTEN = {"fp16": "fp16", "fp32": "float"} | {t.name: t.name for t in DATA_TYPES if t.dtype.kind in "iu" and t.storage}


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_every_stored_type_is_read_back(tmp_path, name):
    data_type = BY_NAME[name]
    values = np.array([1, 0, 1, 1, 0, 0, 1], data_type.dtype)
    path = tmp_path / "weight.bin"
    writer = _BlobStorageWriter(str(path))
    write = getattr(writer, f"write_{WRITTEN[name]}_data")
    offsets = [write(v.view(np.uint16) if name == "fp16" else v) for v in (values, values[::-1].copy())]
    del writer  # it writes its last header when it goes
    file = BlobFile(path)
    for offset, expected in zip(offsets, (values, values[::-1]), strict=True):
        np.testing.assert_array_equal(file.read(offset, data_type, len(values)), expected)


def test_data_is_mapped_and_cannot_be_changed(tmp_path):
    path = tmp_path / "weight.bin"
    writer = _BlobStorageWriter(str(path))
    offset = writer.write_float_data(np.ones(4, np.float32))
    del writer
    values = BlobFile(path).read(offset, BY_NAME["fp32"], 4)
    assert not values.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 2


def test_a_folder_is_no_weight_file(tmp_path):
    with pytest.raises(BundleError, match="weight file"):
        BlobFile(tmp_path / "absent")
