"""A package that adds an export target: ONNX files that only their own backend opens, with one option of its own."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from exporter.targets.onnx.target import TARGET as ONNX
from exporter.targets.target import Settings, option
from runtimes.backends.onnx.backend import BACKEND as ONNX_BACKEND

NOTE = "toy.txt"


@dataclass(frozen=True)
class ToyOptions:
    """What a user may say of a toy."""

    colour: str = option("blue", "Write this colour beside the model.")


def _recipe(checkpoint, scheme, settings):
    made = ONNX.recipe(checkpoint, scheme, Settings(keep=settings.keep))
    return replace(made, target="toy", options={**made.options, **asdict(TARGET.chosen(settings))})


def _as_onnx(recipe):
    options = {name: value for name, value in recipe.options.items() if name != "colour"}
    return replace(recipe, target="onnx", options=options)


def _write(checkpoint, recipe, directory: Path, calibration):
    models = ONNX.write(checkpoint, _as_onnx(recipe), directory, calibration)
    (directory / NOTE).write_text(str(recipe.options["colour"]), encoding="utf-8")
    return models


def _audited(audited):
    manifest = replace(audited.bundle.manifest, recipe=_as_onnx(audited.recipe))
    return replace(audited, bundle=replace(audited.bundle, manifest=manifest))


TARGET = replace(
    ONNX,
    name="toy",
    options=ToyOptions,
    schemes={name: ONNX.schemes[name] for name in ("none", "int8")},
    recipe=_recipe,
    check=lambda recipe, checkpoint: ONNX.check(_as_onnx(recipe), checkpoint),
    inputs=lambda checkpoint, recipe: ONNX.inputs(checkpoint, _as_onnx(recipe)),
    write=_write,
    advice=lambda checkpoint, recipe, texts: ONNX.advice(checkpoint, _as_onnx(recipe), texts),
    audit=lambda audited: ONNX.audit(_audited(audited)),
    read=lambda audited: ONNX.read(_audited(audited)),
    loading=lambda bundle: "Open it with the toy.",
)
BACKEND = replace(ONNX_BACKEND, name="toy", files="a .toy file", is_model=lambda path: path.suffix == ".toy")
