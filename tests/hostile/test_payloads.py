"""A payload in every place that has run one somewhere: nothing runs, and nothing outside the folder is opened.

Each case is a folder with something in it that would make a marker file, or lead to a secret beside the folder. All are
read in one child process whose audit events are listened to (payload_child.py); the controls read the same payloads
by what is unsafe, and are seen.
"""

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file, save_file

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import hash_files, sealed
from runtimes.files.json_text import to_json

CHILD = Path(__file__).with_name("payload_child.py")
MODEL = "Data/com.apple.CoreML/model.mlmodel"


class Payload:
    """Unpickled, it makes the marker."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({self.marker!r}, 'w').close()",)


class Place:
    """Where one case is planted: `folder` is read, `marker` must not appear, `secret` must not be opened."""

    def __init__(self, root, name, honest):
        self.root, self.honest = root / name, honest
        self.folder, self.marker, self.secret = self.root / "folder", root / f"{name}.ran", root / f"{name}.secret"
        self.root.mkdir(parents=True)
        self.code = f"open({str(self.marker)!r}, 'w').close()\n"
        self.secret.write_bytes((honest["checkpoint"] / "model.safetensors").read_bytes())

    def copy(self, what="checkpoint"):
        return shutil.copytree(self.honest[what], self.folder)

    def config(self, name="config.json", **changes):
        path = self.folder / name
        found = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(found | changes))

    def reseal(self):
        """As a forger would: the manifest has the hashes of the files as they are now."""
        path = self.folder / MANIFEST
        raw = json.loads(path.read_text())
        path.write_bytes(to_json(sealed(raw | {"files": hash_files(self.folder)})))


def pickled(place, name="pytorch_model.bin"):
    place.copy()
    (place.folder / "model.safetensors").unlink()
    torch.save({"x": Payload(str(place.marker))}, place.folder / name)


def a_pickle_without_leave(place):
    pickled(place)


def a_pickle_with_leave(place):
    pickled(place)
    return {"allow_pickle": True}


def a_legacy_pickle(place):
    place.copy()
    (place.folder / "model.safetensors").unlink()
    (place.folder / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Payload(str(place.marker))}))
    return {"allow_pickle": True, "control": "unsafe_pickle", "file": "pytorch_model.bin"}


def a_zip_with_names_that_lead_out(place):
    place.copy()
    (place.folder / "model.safetensors").unlink()
    with zipfile.ZipFile(place.folder / "pytorch_model.bin", "w") as file:
        file.writestr("../../" + place.marker.name, "x")
        file.writestr("archive/data.pkl", pickle.dumps({"x": Payload(str(place.marker))}))
    return {"allow_pickle": True}


def a_pickle_of_a_dense_layer(place):
    place.copy("sentences")
    (place.folder / "2_Dense" / "model.safetensors").unlink()
    torch.save({"linear.weight": Payload(str(place.marker))}, place.folder / "2_Dense" / "pytorch_model.bin")
    return {"allow_pickle": True}


def weights_that_the_config_names(place):
    """transformers would read them, and they are a pickle."""
    place.copy()
    torch.save({"x": Payload(str(place.marker))}, place.folder / "payload.bin")
    place.config(transformers_weights="payload.bin")
    return {"control": "unsafe_torch", "file": "payload.bin"}


def auto_map_of_the_model(place):
    place.copy()
    (place.folder / "modeling_payload.py").write_text(place.code + "class Evil: pass\n")
    place.config(auto_map={"AutoModel": "modeling_payload.Evil", "AutoModelForSequenceClassification": "x.Evil"})
    return {"control": "unsafe_import", "module": "modeling_payload"}


def auto_map_of_the_tokenizer(place):
    place.copy()
    (place.folder / "tokenization_payload.py").write_text(place.code + "class Evil: pass\n")
    place.config("tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_payload.Evil", None]})


def compiled_code_of_the_hub(place):
    place.copy()
    place.config(_attn_implementation="payload/kernel", attn_implementation="payload/kernel")
    return {"reads": True}  # we say which implementation


def code_that_nobody_asked_for(place):
    place.copy()
    names = ("modeling_bert", "tokenization_bert", "tokenizer", "configuration_bert", "sitecustomize", "conftest")
    for name in (*names, "__init__", "torch", "json", "handler", "setup"):
        (place.folder / f"{name}.py").write_text(place.code)
    (place.folder / "custom_generate").mkdir()
    (place.folder / "custom_generate" / "generate.py").write_text(place.code)
    return {"reads": True, "control": "unsafe_import", "module": "modeling_bert"}


def a_chat_template(place):
    place.copy()
    text = "{{ cycler.__init__.__globals__.os.system('touch " + str(place.marker) + "') }}"
    (place.folder / "chat_template.jinja").write_text(text)
    place.config("tokenizer_config.json", chat_template=text)
    return {"reads": True, "control": "unsafe_template", "file": "chat_template.jinja"}


def a_model_card_in_yaml(place):
    place.copy()
    command = f"!!python/object/apply:os.system ['touch {place.marker}']"
    (place.folder / "README.md").write_text(f"---\nlicense: {command}\nx: {command}\n---\n")
    return {"reads": True}


def arrays_of_objects(place):
    place.copy()
    found = np.array([Payload(str(place.marker))], dtype=object)
    np.save(place.folder / "model.npy", found, allow_pickle=True)
    np.savez(place.folder / "weights.npz", found)
    return {"reads": True, "control": "unsafe_numpy", "file": "model.npy"}


def an_adapter_that_imports(place):
    adapter(place, megatron_config={"x": 1}, megatron_core="payload_core")
    (place.folder / "payload_core.py").write_text(place.code)
    return {"control": "unsafe_import", "module": "payload_core"}


def an_adapter_of_a_class_by_name(place):
    adapter(place, auto_mapping={"base_model_class": "Evil", "parent_library": "payload_library"})
    (place.folder / "payload_library.py").write_text(place.code)


def an_adapter_that_is_a_pickle(place):
    adapter(place)
    (place.folder / "adapter_model.safetensors").unlink()
    torch.save({"x": Payload(str(place.marker))}, place.folder / "adapter_model.bin")


def adapter(place, **changes):
    place.folder.mkdir()
    base = str(place.honest["checkpoint"])
    place.config(
        "adapter_config.json", peft_type="LORA", task_type="SEQ_CLS", r=2, base_model_name_or_path=base, **changes
    )
    weights = {"base_model.model.classifier.weight": np.zeros((3, 32), np.float32)}
    save_file(weights, place.folder / "adapter_model.safetensors")


def a_module_of_another_class(place):
    place.copy("sentences")
    modules = json.loads((place.folder / "modules.json").read_text())
    modules[1]["type"] = "payload_module.Evil"
    (place.folder / "modules.json").write_text(json.dumps(modules))
    (place.folder / "payload_module.py").write_text(place.code)


def an_activation_by_name(place):
    place.copy("sentences")
    place.config("2_Dense/config.json", activation_function="os.system")


def a_module_outside(place):
    place.copy("sentences")
    modules = json.loads((place.folder / "modules.json").read_text())
    modules[1]["path"] = "../../" + place.secret.name
    (place.folder / "modules.json").write_text(json.dumps(modules))


def shards(place, name):
    place.copy()
    names = load_file(place.folder / "model.safetensors")
    (place.folder / "model.safetensors").unlink()
    index = {"weight_map": dict.fromkeys(names, name)}
    (place.folder / "model.safetensors.index.json").write_text(json.dumps(index))


def a_shard_above(place):
    shards(place, f"../../{place.secret.name}")


def a_shard_by_its_whole_path(place):
    shards(place, str(place.secret))


def a_shard_behind_a_link(place):
    shards(place, "model-00001-of-00001.safetensors")
    (place.folder / "model-00001-of-00001.safetensors").symlink_to(place.secret)


def linked(place, name):
    place.copy()
    (place.folder / name).unlink(missing_ok=True)
    (place.folder / name).symlink_to(place.secret)
    return {"control": "unsafe_open", "file": name}


def a_link_instead_of_weights(place):
    return linked(place, "model.safetensors")


def a_link_instead_of_a_vocabulary(place):
    return linked(place, "vocab.txt")


def a_link_instead_of_a_card(place):
    return linked(place, "README.md")


def external(place, location):
    place.copy("onnx")
    model = onnx.load(place.folder / "model.onnx")
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    for key, value in (("location", location), ("offset", "0"), ("length", str(size))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (place.folder / "model.onnx").write_bytes(model.SerializeToString())
    place.reseal()
    return {"read": "read_bundle"}


def onnx_data_above(place):
    return external(place, f"../../{place.secret.name}")


def onnx_data_by_its_whole_path(place):
    return external(place, str(place.secret))


def onnx_data_behind_a_link(place):
    case = external(place, "data.bin")
    (place.folder / "data.bin").symlink_to(place.secret)
    place.reseal()
    return case


def a_model_outside_of_the_bundle(place):
    place.copy("onnx")
    path = place.folder / MANIFEST
    raw = json.loads(path.read_text())
    path.write_bytes(to_json(sealed(raw | {"models": [f"../../{place.secret.name}"]})))
    return {"read": "read_bundle"}


def a_file_outside_of_the_bundle(place):
    place.copy("onnx")
    path = place.folder / MANIFEST
    raw = json.loads(path.read_text())
    raw["files"][f"../../{place.secret.name}"] = "0" * 64
    path.write_bytes(to_json(sealed(raw)))
    return {"read": "read_bundle"}


def arrays_of_objects_in_a_bundle(place):
    place.copy("onnx")
    np.save(place.folder / "calibration.npy", np.array([Payload(str(place.marker))], dtype=object), allow_pickle=True)
    return {"read": "read_bundle", "control": "unsafe_numpy", "file": "calibration.npy"}


def package(place, change):
    shutil.copytree(place.honest["coreml"] / "Model.mlpackage", place.folder)
    path = place.folder / "Manifest.json"
    manifest = json.loads(path.read_text())
    manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"] = change
    path.write_text(json.dumps(manifest))
    return {"read": "read_package"}


def an_item_above_the_package(place):
    return package(place, f"../../../{place.secret.name}")


def an_item_by_its_whole_path(place):
    return package(place, str(place.secret))


def weights_of_a_package_behind_a_link(place):
    shutil.copytree(place.honest["coreml"] / "Model.mlpackage", place.folder)
    weights = place.folder / "Data/com.apple.CoreML/weights/weight.bin"
    weights.unlink()
    weights.symlink_to(place.secret)
    return {"read": "read_package"}


def a_gzip_file_that_names_another(place):
    place.folder.mkdir()
    name = f"../../{place.marker.name}".encode() + b"\0"
    raw = b"the cat sat\n" * 4
    packed = zipfile.zlib.compressobj(9, zipfile.zlib.DEFLATED, -15)
    body = packed.compress(raw) + packed.flush()
    tail = struct.pack("<II", zipfile.zlib.crc32(raw), len(raw))
    (place.folder / "rows.txt.gz").write_bytes(b"\x1f\x8b\x08\x08" + b"\0" * 6 + name + body + tail)
    return {"read": "read_rows", "file": "rows.txt.gz", "reads": True}


def a_template_in_a_record(place):
    place.copy("onnx")
    text = "{{ cycler.__init__.__globals__.os.system('touch " + str(place.marker) + "') }}"
    path = place.folder / MANIFEST
    raw = json.loads(path.read_text()) | {"source_model": text}
    path.write_bytes(to_json(sealed(raw)))
    return {"read": "read_report", "reads": True}


PLANTERS = {
    name: one
    for name, one in list(globals().items())
    if callable(one) and getattr(one, "__module__", "") == __name__ and name[0].islower()
}
for _helper in ("pickled", "adapter", "shards", "linked", "external", "package"):
    del PLANTERS[_helper]


@pytest.fixture(scope="module")
def honest(tmp_path_factory, write_checkpoint, write_sentence_files):
    root = tmp_path_factory.mktemp("honest")
    made = {"checkpoint": write_checkpoint(root / "checkpoint")}
    made["sentences"] = write_checkpoint(root / "sentences", architecture="BertModel")
    write_sentence_files(made["sentences"], kinds=("Dense", "Normalize"))
    dense = {"in_features": 32, "out_features": 8, "bias": False, "activation_function": "torch.nn.Tanh"}
    (made["sentences"] / "2_Dense" / "config.json").write_text(json.dumps(dense))
    save_file({"linear.weight": np.ones((8, 32), np.float32)}, made["sentences"] / "2_Dense" / "model.safetensors")
    for target in ("onnx", "coreml"):
        made[target] = root / target
        request = Request(str(made["checkpoint"]), (target,), destination=root / target, verify=False)
        export(request)
    return made


@pytest.fixture(scope="module")
def answers(tmp_path_factory, honest):
    """Name → (place, case, what the child answered, and what the control answered where there is one)."""
    root = tmp_path_factory.mktemp("payloads")
    places = {name: Place(root, name, honest) for name in PLANTERS}
    cases = {name: planted(name, places[name]) for name in PLANTERS}
    for place in places.values():  # planting may have read it
        os.utime(place.secret, (0, time.time()))
    controls = [case | {"read": case["control"], "name": name} for name, case in cases.items() if "control" in case]
    found = ask(root, list(cases.values()), str(honest["checkpoint"]))
    ran = {name: place.marker.exists() for name, place in places.items()}
    touched = {name: place.secret.stat().st_atime > 0 for name, place in places.items()}
    unsafe = {one["name"]: one for one in ask(root, controls)}
    return {one["name"]: (cases[one["name"]], one, ran, touched, unsafe, places) for one in found}


def planted(name, place):
    common = {"name": name, "read": "read_checkpoint", "folder": str(place.folder), "place": str(place.root)}
    case = common | {"secret": str(place.secret), "checkpoint": str(place.honest["checkpoint"])}
    return case | (PLANTERS[name](place) or {})


def ask(root, cases, *honest):
    (root / "cases.json").write_text(json.dumps(cases))
    (root / "scratch").mkdir(exist_ok=True)
    environment = os.environ | {"TMPDIR": str(root / "scratch"), "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
    environment["BERTPORT_CACHE"] = ""  # which is ours, and lies outside
    command = [sys.executable, str(CHILD), str(root / "cases.json"), *honest]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=root / "scratch")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", PLANTERS)
def test_nothing_runs_and_nothing_outside_is_opened(answers, name):
    case, answer, ran, touched, _, _ = answers[name]
    assert not ran[name]
    assert not touched[name]
    assert answer["seen"] == []
    assert answer["outcome"] == "read" if case.get("reads") else answer["outcome"].startswith("refused: ")


def test_the_same_payloads_run_where_they_are_read_unsafely(answers):
    _, _, _, _, unsafe, places = next(iter(answers.values()))
    assert len(unsafe) >= 10
    for name, answer in unsafe.items():
        assert answer["seen"], name
        assert places[name].marker.exists() or "opened" in str(answer["seen"]), name
    place = places["a_link_instead_of_weights"]
    assert place.secret.stat().st_atime > 0 or os.statvfs(place.root).f_flag & os.ST_NOATIME
