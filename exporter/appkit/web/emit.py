"""The web app kit: `model/` for transformers.js, and beside it a tokenizer, typed wrappers and a page.

transformers.js has a tokenizer of its own, which differs from Hugging Face's on rare texts (artifacts/kits.json);
`bertkit/` has the exact one and wants ONNX Runtime alone. The sources are the files in `site/`. A model whose
tokenizer or task they do not know becomes a kit of `model/` alone.
"""

import html
import re
import shutil
from pathlib import Path

from exporter.appkit.kit import Kit
from exporter.appkit.kit_json import ModelFile, write_settings
from exporter.appkit.platform import Platform, Wrapper
from exporter.appkit.sources import character_tables, facts, fill, long_texts, tables_comment, texts_of
from exporter.appkit.wordpiece import read_wordpiece
from exporter.checkpoint.json_files import read_bundled
from exporter.targets.onnx import mapped as onnx_mapped
from exporter.targets.onnx.hub_places import FILES, FOLDER
from exporter.targets.onnx.schemes import SCHEMES
from runtimes.bundle.manifest import CARD, GOLDEN, MANIFEST, PARITY
from runtimes.errors import UsageError
from runtimes.files.bounded_read import read_own
from runtimes.files.json_text import to_json

SOURCES = Path(__file__).parent / "site"
ONNXRUNTIME_WEB = "1.30.0"
"""The version that a kit's package.json names: the one its tests ran with."""
_MODEL_ONLY = "README-model-only.md"


def emit(kit: Kit, wrapper: Wrapper, directory: Path) -> None:
    """See Platform. Raises UsageError for a bundle with int32 inputs: transformers.js gives int64."""
    model = _write_model(kit, directory / "model")
    write_settings(kit, wrapper.tokenizer, [ModelFile(model)], directory / "model")
    _write_data(kit, directory)
    more = {"type": wrapper.type, "long": long_texts(kit, wrapper.tokenizer)}
    for path in sorted(path for path in SOURCES.rglob("*") if path.is_file() and path.name != _MODEL_ONLY):
        _write(kit, path.relative_to(SOURCES).as_posix(), directory / path.relative_to(SOURCES), more)


def emit_model(kit: Kit, reason: str, directory: Path) -> None:
    """`model/` alone, and why; see Platform. Raises UsageError as `emit` does."""
    _write_model(kit, directory / "model")
    _write(kit, _MODEL_ONLY, directory / CARD, {"reason": reason})


def dtype_of(scheme: str) -> str:
    """What transformers.js calls the scheme."""
    return SCHEMES[scheme].web_dtype


def _check_inputs(kit: Kit) -> None:
    narrow = [spec.name for spec in kit.bundle.manifest.inputs if spec.dtype != "int64"]
    if narrow:
        raise UsageError(
            f"{kit.bundle.directory}: expected int64 inputs, which transformers.js gives, found int32 "
            f"{', '.join(narrow)}; export without --int32-inputs"
        )


def _write_model(kit: Kit, directory: Path) -> str:
    """What transformers.js reads; returns the model's path in it."""
    _check_inputs(kit)
    models = {*kit.bundle.manifest.models, onnx_mapped.FILE}  # the second's weights lie in the first, by its path
    own = {MANIFEST, PARITY, CARD, GOLDEN, "config.json", "vocab.txt", *models}
    (directory / FOLDER).mkdir(parents=True)
    for name in sorted(set(kit.bundle.manifest.files) - own):
        (directory / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(kit.bundle.directory / name, directory / name)
    dtype = dtype_of(kit.bundle.manifest.recipe.scheme)
    config = read_bundled(kit.bundle.directory / "config.json")
    (directory / "config.json").write_bytes(to_json(config | {"transformers.js_config": {"dtype": dtype}}))
    model = f"{FOLDER}/{FILES[dtype]}"
    shutil.copyfile(kit.bundle.directory / kit.bundle.manifest.models[0], directory / model)
    return model


def _write_data(kit: Kit, directory: Path) -> None:
    (directory / "model" / GOLDEN).write_bytes(to_json(kit.golden))
    tables = directory / "bertkit" / "character-tables.js"
    tables.parent.mkdir()
    lines = character_tables('export const {name} = "{text}";')
    tables.write_text(f"{tables_comment()}\n{lines}", encoding="utf-8", newline="\n")


def _write(kit: Kit, source: str, place: Path, more: dict[str, str]) -> None:
    """A source; what is no code of bertkit has places for what differs from kit to kit."""
    text = read_own(SOURCES / source)
    if place.suffix in (".html", ".md", ".json"):
        values = _values(kit) | more
        if place.suffix == ".html":
            values = {name: html.escape(value) for name, value in values.items()}
        text = fill(text, values)
    if kit.failed and place.name == "index.js":
        text = f"// {kit.warning}\n{text}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8", newline="\n")


def _values(kit: Kit) -> dict[str, str]:
    manifest = kit.bundle.manifest
    dtype = dtype_of(manifest.recipe.scheme)
    return {
        "name": re.sub(r"[^a-z0-9]+", "-", kit.name.lower()).strip("-") or "model-kit",
        "title": manifest.source_model,
        "task": manifest.recipe.task,
        "scheme": manifest.recipe.scheme,
        "facts": facts(kit),
        "file": FILES[dtype],
        "model_bytes": f"{kit.bundle.size_bytes:,}",
        "tolerance": f"{kit.tolerance:.3g}",
        "onnxruntime": ONNXRUNTIME_WEB,
        "calling": fill(_CALLS.get(manifest.recipe.task, ""), {"texts": texts_of(kit)}),
        "method": _METHODS.get(manifest.recipe.task, ""),
        "transformers_js": _transformers_js(manifest.recipe.task),
    }


def _transformers_js(task: str) -> str:
    """The lines that load `model/` there: a pipeline where that knows the task, else the model alone."""
    names, run = ("pipeline", f'const run = await pipeline("{task}", "model");') if task in _PIPELINES else _MODEL_ALONE
    host = 'env.allowRemoteModels = false;\nenv.localModelPath = "/"; // where your server has model/'
    return f'import {{ env, {names} }} from "@huggingface/transformers";\n\n{host}\n{run}'


_PIPELINES = ("text-classification", "token-classification", "question-answering", "fill-mask", "feature-extraction")
_MODEL_ALONE = (
    "AutoModel, AutoTokenizer",
    'const tokenizer = await AutoTokenizer.from_pretrained("model");\n'
    'const model = await AutoModel.from_pretrained("model");\n'
    'const outputs = await model(await tokenizer("…"));',
)
_CALLS = {
    "text-classification": "const [best] = await model.classify({texts}); // { label, score }",
    "text-ranking": 'const [{ score }] = await model.classify("query", "document"); // the higher, the better',
    "token-classification": 'const entities = await model.entities("…"); // [{ label, score, start, end, text }]',
    "question-answering": 'const answer = await model.answer("question", "context"); // { text, score, start, end }',
    "sentence-similarity": 'const similarity = (await model.embed("…")).similarity(await model.embed("…"));',
}
_METHODS = {
    "text-classification": "classify",
    "token-classification": "entities",
    "question-answering": "answer",
    "sentence-similarity": "embed",
}
PLATFORM = Platform("web", "JavaScript", ("onnx",), read_wordpiece, emit, emit_model)
