"""The command as its users call it: exit codes, one-line errors, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from exporter.cli.main import COMMANDS, export_main, main


def run(*arguments, cwd=None, **options):
    command = [sys.executable, "-m", "exporter", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, **options)


@pytest.fixture
def bundle(checkpoint, texts_file, tmp_path):
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "made"), "--texts", str(texts_file)]) == 0
    return tmp_path / "made"


def test_export_verify_inspect(bundle, checkpoint, texts_file, capsys):
    capsys.readouterr()
    assert main(["verify", str(bundle), "--checkpoint", str(checkpoint), "--texts", str(texts_file), "--explain"]) == 0
    out, err = capsys.readouterr()
    assert "layer.0.attention.scores" in out
    assert "every named tensor is within its share" in err
    assert main(["inspect", str(bundle)]) == 0
    assert "LayerNormalization" in capsys.readouterr().out


def test_json_for_machines(bundle, checkpoint, texts_file, capsys):
    capsys.readouterr()
    main(["verify", str(bundle), "--checkpoint", str(checkpoint), "--texts", str(texts_file), "--json", "--explain"])
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "pass"
    assert record["explanation"]["file"][0]["name"].startswith("embeddings")
    main(["inspect", str(bundle), "--json"])
    assert json.loads(capsys.readouterr().out)["facts"]["opset"] == "ai.onnx 20"
    main(["export", str(checkpoint), "-o", str(bundle), "--no-verify", "--json"])
    assert json.loads(capsys.readouterr().out)[0]["parity"]["verdict"] == "not run"


def test_beyond_the_budget_the_exit_code_is_1(checkpoint, texts_file, tmp_path, capsys):
    arguments = [str(checkpoint), "-o", str(tmp_path / "out"), "--texts", str(texts_file), "--quantize", "fp16"]
    assert export_main([*arguments, "--atol", "1e-12"]) == 1
    assert "parity failed: max_absolute" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_model_the_checkpoint_here_is_taken_and_named(checkpoint, tmp_path):
    done = run("--no-verify", "-o", tmp_path / "out", cwd=checkpoint)
    assert done.returncode == 0, done.stderr
    assert "taking the checkpoint in this folder" in done.stderr


def test_without_any_the_demo_is_taken_and_named(tmp_path):
    done = run("--quantize", "int8", "--target", "onnx", "--no-verify", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "taking the embedded demo" in done.stderr
    assert (tmp_path / "artifacts" / "demo" / "onnx-int8" / "bertport.json").is_file()


def test_export_without_verification_imports_no_torch(tmp_path):
    program = (
        "import sys; from exporter.cli.main import main\n"
        f"code = main(['export', 'demo', '--no-verify', '-o', {str(tmp_path / 'out')!r}])\n"
        "print(code, [name for name in ('torch', 'transformers', 'optimum', 'coremltools') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


MISTAKES = {
    "a missing folder": (["./nothing"], 2, "no such folder"),
    "an unknown scheme": (["demo", "--quantize", "int3"], 2, "it has none, fp16, int8"),
    "an unknown target": (["demo", "--target", "tflite"], 2, "known: onnx"),
    "an unknown task": (["demo", "--task", "translation"], 3, "known: auto, text-classification"),
    "an opset too new": (["demo", "--opset", "99"], 3, "pass --opset 20 to 26"),
    "a range of lengths": (["demo", "--target", "coreml", "--sequence-length", "1..128"], 2, "a range is none"),
    "a length below one": (["demo", "--target", "coreml", "--sequence-length", "0"], 2, "below 1"),
    "a length beyond the positions": (["demo", "--target", "coreml", "--sequence-length", "513"], 2, "512 or less"),
    "int4 below iOS 18": (["demo", "--target", "coreml", "--quantize", "int4"], 3, "--deployment-target iOS18"),
    "remote code": (["demo", "--trust-remote-code"], 2, "no code of a checkpoint is ever run"),
    "texts that are not there": (["demo", "--texts", "none.txt"], 2, "cannot be read"),
}


@pytest.mark.parametrize(("arguments", "code", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(arguments, code, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert export_main([*arguments, "-o", "out"]) == code
    error = capsys.readouterr().err
    assert words in error
    assert len([line for line in error.splitlines() if not line.endswith(": writing")]) == 1
    assert not list(tmp_path.iterdir())


def test_a_destination_in_use_is_refused_before_any_work(checkpoint, tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    assert export_main([str(checkpoint), "-o", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"), [(MemoryError(), ""), (MemoryError("Unable to allocate\n9 GiB"), "(Unable to allocate 9 GiB)")]
)
def test_a_lack_of_memory_is_one_line(tmp_path, monkeypatch, error, said, capsys):
    def fails(*_):
        raise error

    monkeypatch.setattr("exporter.pipeline.load", fails)
    assert export_main(["demo", "-o", str(tmp_path / "out")]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bertport: the memory ran out; close other programs")
    assert line.endswith(said)


def test_an_empty_texts_file_is_refused(tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n\n")
    assert export_main(["demo", "-o", str(tmp_path / "out"), "--texts", str(tmp_path / "empty.txt")]) == 2
    assert "holds no text" in capsys.readouterr().err


def test_verify_of_no_bundle(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "not a bundle" in capsys.readouterr().err


def test_verify_of_a_changed_bundle(bundle, checkpoint, capsys):
    with (bundle / "model.onnx").open("ab") as file:
        file.write(b"\0")
    assert main(["verify", str(bundle), "--checkpoint", str(checkpoint)]) == 3
    assert "changed model.onnx" in capsys.readouterr().err


def test_verify_when_the_checkpoint_is_gone(bundle, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["verify", str(bundle)]) == 4
    assert "--checkpoint" in capsys.readouterr().err


def test_verify_without_the_emulated_runtime_is_not_run_and_never_a_pass(
    bundle, checkpoint, texts_file, monkeypatch, capsys
):
    monkeypatch.setenv("PATH", "")
    capsys.readouterr()
    arguments = ["verify", str(bundle), "--checkpoint", str(checkpoint), "--arch", "arm64"]
    monkeypatch.setattr("runtimes.backends.emulation.processors.platform.machine", lambda: "x86_64")
    assert main([*arguments, "--texts", str(texts_file), "--json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == "not run"
    assert "not run: arm64: no qemu-aarch64 here" in err


def limit_file_size():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))


def test_a_disk_that_fills_up_half_way_leaves_the_old_bundle(tmp_path):
    """RLIMIT_FSIZE ends the write of model.onnx at 3 of its 4.5 MB, as a full disk would."""
    place = tmp_path / "out"
    assert run("demo", "--no-verify", "-o", place, "--quantize", "int8").returncode == 0
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    done = run("demo", "--no-verify", "-o", place, "--quantize", "int8-weights", preexec_fn=limit_file_size)
    assert done.returncode == 3
    assert "could not be written" in done.stderr
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("delay_s", [0.0, 0.3, 0.7, 1.0, 1.5])
def test_ctrl_c_leaves_nothing(tmp_path, delay_s):
    child = subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", "--no-cache", "-o", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell has it ignored
    )
    assert child.stderr is not None
    assert "writing" in child.stderr.readline()
    time.sleep(delay_s)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT  # a shell's 130
    assert error.strip().endswith("nothing was left half-written")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS), ["--version"]])
def test_help_works(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert capsys.readouterr().out
