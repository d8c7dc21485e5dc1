"""How a LiteRT bundle is loaded: a part of its card."""

from collections.abc import Mapping

from exporter.targets.litert.lower import ANY_LENGTH, FILE, signature_of
from exporter.targets.loading_python import RuntimeLines, python_lines
from runtimes.bundle.reading import Bundle

_IMPORTS = "from ai_edge_litert.interpreter import Interpreter"
_OPENING = f"""\
interpreter = Interpreter(str(folder / "{FILE}"))
run = interpreter.get_signature_runner({{key}})"""
_ALL_ROWS = "outputs = run(**inputs)"
_ONE_BY_ONE = """\
answers = [run(**{name: values[[row]] for name, values in inputs.items()}) for row in range(len(rows))]
outputs = {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}"""
_LOADING = f"""\
```python
{{python}}
```

That takes `pip install ai-edge-litert tokenizers` and nothing else. {{shape}} Scores come before softmax, labels in the
order above. `golden.json` holds texts with their ids and the outputs that PyTorch gives, to be replayed on the device.

In an Android app, `com.google.ai.edge.litert:litert` from 2.1 on has the same interpreter. Give it `{FILE}` by its
path, so that weights are mapped and not copied, and call `runSignature` with {{keys}}.
`bertport app-kit --platform android` writes a module that does.

On iOS, LiteRT's library for C or Swift opens the file by its path too. What is older than LiteRT 2.1 was not tried."""
_FREE_SHAPE = "Inputs are int32 [{axes}],\nany number of each, padded with id {pad} and masked with 0."
_FIXED_SHAPE = (
    "Inputs are int32 [1, length],\npadded on the right with id {pad} and masked with 0{choices}; the lengths share "
    "their weights in the file."
)
_CHOICE_BY_CHOICE = ", one choice at a time, all of a text at one length"


def loading_text(bundle: Bundle) -> str:
    """Python that runs the model, how an app opens it, and what its inputs are."""
    lengths = bundle.manifest.recipe.sequence_lengths
    keys = " or ".join(f'`"{signature_of(length)}"`' for length in lengths) or f'`"{ANY_LENGTH}"`'
    return _LOADING.format(python=python_lines(bundle, _runtime(lengths)), keys=keys, shape=_shape(bundle))


def _runtime(lengths: tuple[int, ...]) -> RuntimeLines:
    key = 'f"tokens_{length}"' if lengths else f'"{ANY_LENGTH}"'

    def read(outputs: Mapping[str, str]) -> str:
        found = ", ".join(f'outputs["{name}"]' for name in outputs.values())
        return f"{_ONE_BY_ONE if lengths else _ALL_ROWS}\n{', '.join(outputs)} = {found}"

    return RuntimeLines(_IMPORTS, _OPENING.format(key=key), read)


def _shape(bundle: Bundle) -> str:
    manifest, choices = bundle.manifest, bundle.manifest.problem == "multiple_choice"
    if manifest.recipe.sequence_lengths:
        return _FIXED_SHAPE.format(pad=manifest.pad_id, choices=_CHOICE_BY_CHOICE if choices else "")
    return _FREE_SHAPE.format(pad=manifest.pad_id, axes="texts, choices, tokens" if choices else "texts, tokens")
