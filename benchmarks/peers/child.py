"""One model in one process that imports its runtime and nothing else: stages of memory, load, latency; or its answers.

    echo REQUEST | PYTHON benchmarks/peers/child.py

Runs in every peer's environment, so it needs nothing but the runtime that `runtime` names and numpy, which all of them
bring. The request and the result are JSON: a case is a list of batches, run one after the other; times in seconds,
memory in bytes.
"""

import json
import os
import sys
import time
from inspect import signature

START = time.perf_counter()
LOGITS, PAD = 0, 0
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def peak_rss_bytes():
    """Largest resident size of this process so far, as Linux counts it."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib would be in the figure
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def open_onnx(path, threads):
    """As `runtimes/backends/onnx/session.py` opens every ONNX file, whoever made it: what differs is the file."""
    from runtimes.backends.onnx.session import open_session

    def load():
        session = open_session(path, threads, spins=True)
        names = [spec.name for spec in session.get_inputs()]
        return lambda feeds: session.run(None, {name: feeds[name] for name in names})[LOGITS]

    return load


def open_torch(path, threads, quantised=False):
    """transformers' model, float32; `quantised` gives its linear layers PyTorch's dynamic int8."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(threads)

    def load():
        model = AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float32).eval()
        if quantised:
            model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
        names = [name for name in INPUTS if name in signature(model.forward).parameters]
        return lambda feeds: run(model, {name: feeds[name] for name in names})

    def run(model, feeds):
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(values) for name, values in feeds.items()}).logits.numpy()

    return load


def open_torch_int8(path, threads):
    """See open_torch."""
    return open_torch(path, threads, quantised=True)


def open_openvino(path, threads):
    """One stream, float32 where it is not int8."""
    import openvino

    def load():
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        request = core.compile_model(path, "CPU", settings).create_infer_request()
        names = [one.get_any_name() for one in request.model_inputs]
        return lambda feeds: request.infer(
            {name: feeds[name] for name in names}, share_inputs=True, share_outputs=True
        )[LOGITS]

    return load


def open_litert(path, threads):
    """LiteRT's interpreter with its XNNPACK kernels; the signature of the shape, or the next longer one."""
    from ai_edge_litert.interpreter import Interpreter

    def load():
        interpreter, runners = Interpreter(model_path=path, num_threads=threads), {}
        lengths = sorted(int(name.split("x")[1]) for name in interpreter.get_signature_list() if "_1x" in name)

        def run(feeds):
            rows, tokens = feeds["input_ids"].shape
            length = next(n for n in lengths if n >= tokens)
            name = f"shape_{rows}x{length}"
            if name not in runners:
                runners[name] = interpreter.get_signature_runner(name)
            number = len(runners[name].get_input_details())
            return next(iter(runners[name](**as_arguments(feeds, length, number)).values()))

        return run

    return load


def open_litert_any(path, threads):
    """A file of any batch and length, as `runtimes/backends/litert/session.py` opens it."""
    import numpy as np

    from runtimes.backends.litert.session import MainSignature, open_interpreter

    def load():
        model = MainSignature(open_interpreter(path, threads), "serving_default")
        names = model.inputs

        def run(feeds):
            return next(iter(model.run({name: feeds[name].astype(np.int32) for name in names}).values()))

        return run

    return load


def as_arguments(feeds, length, number):
    """LiteRT's args_0 and so on, so many, int32, padded to a length."""
    import numpy as np

    padded = [np.pad(feeds[name], ((0, 0), (0, length - feeds[name].shape[1]))) for name in INPUTS[:number]]
    values = [one.astype(np.int32) for one in padded]
    return {f"args_{number}": array for number, array in enumerate(values)}


OPEN = {
    "onnx": open_onnx,
    "torch": open_torch,
    "torch-int8": open_torch_int8,
    "openvino": open_openvino,
    "litert": open_litert,
    "litert-any": open_litert_any,
}


def feeds_of(batch):
    """What every model is fed. A batch is its shape and its ids as one text, "1x16 101 2023 …", 0 for padding.

    A text is shorter than lists of numbers: our own memory is in every figure.
    """
    import numpy as np

    shape, _, ids = batch.partition(" ")
    ids = np.array(ids.split(), np.int64).reshape([int(size) for size in shape.split("x")])
    return {"input_ids": ids, "attention_mask": (ids != PAD).astype(np.int64), "token_type_ids": np.zeros_like(ids)}


def timed_runs(run, case, runs, limit_s):
    """Seconds of each run over all batches: `runs` at most, none begun after `limit_s`, but three at least."""
    values, end = [], time.perf_counter() + limit_s
    while len(values) < 3 or (len(values) < runs and time.perf_counter() < end):
        start = time.perf_counter()
        for feeds in case:
            run(feeds)
        values.append(time.perf_counter() - start)
    return values


def measure(request, load):
    """Load, first run, then every case in order; the peak after each stage."""
    stages = {"runtime": peak_rss_bytes()}
    import_s, start = time.perf_counter() - START, time.perf_counter()
    run = load()
    load_s = time.perf_counter() - start
    stages["loaded"] = peak_rss_bytes()
    first_run_s, latency_s = None, {}
    for name, batches in request["cases"].items():
        case = [feeds_of(batch) for batch in batches]
        start = time.perf_counter()
        for feeds in case:
            run(feeds)
        first_run_s = first_run_s or time.perf_counter() - start
        latency_s[name] = timed_runs(run, case, request["runs"], request["limit_s"])
        stages[name] = peak_rss_bytes()
    return {
        "import_s": import_s,
        "load_s": load_s,
        "first_run_s": first_run_s,
        "latency_s": latency_s,
        "peak_rss_bytes": stages,
    }


def answer(request, load):
    """Logits of every row, each run alone."""
    run = load()
    rows = [feeds_of(f"1x{len(row)} {' '.join(map(str, row))}") for row in request["rows"]]
    return {"logits": [[float(value) for value in run(feeds)[0]] for feeds in rows]}


def main():
    """Read the request, print the result as the last line."""
    request = json.loads(sys.stdin.read())
    load = OPEN[request["runtime"]](request["path"], request["threads"])
    result = answer(request, load) if "rows" in request else measure(request, load)
    print(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)  # some runtimes fail while they unload, after the result


if __name__ == "__main__":
    main()
