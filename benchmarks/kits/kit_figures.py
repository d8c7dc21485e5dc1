"""What the kits of the int8 demo weigh, what a browser fetches of the web kit, how transformers.js tokenizes.

    python -m benchmarks.kits.kit_figures     # about three minutes; needs .npm (make npm-packages) and Chromium

Writes artifacts/kits.json. Weights are what `app-kit --json` says. What a browser fetches is what headless Chromium
asked the harness's server for, compressed here as a server would. transformers.js is given tokenizer.json itself and
texts of `tokenizer_exactness.py`; counted are those whose ids differ from what `tokenizers` gives, as a kit's own
never do.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import tokenizers

from benchmarks import ARTIFACTS, ROOT
from benchmarks.kits.tokenizer_exactness import MODES, Mode, demo_pieces, news, reference
from benchmarks.kits.tokenizer_kits import HARNESSES, bertport_says, make_kit
from benchmarks.kits.tokenizer_texts import mark_texts, mixed_texts
from exporter.appkit.registry import PLATFORMS
from runtimes.measurement.measure import fingerprint

RECORD = ARTIFACTS / "kits.json"
PACKAGES = ROOT / ".npm" / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OF_THE_HARNESS = ("/harness.html", "/test/", "/found")
GROUPS = {
    "model": "/model/onnx/*",
    "vocabulary and settings": "/model/[vk]*",
    "character tables": "/bertkit/character-tables.js",
    "code": "/bertkit/*",
    "runtime, wasm": "*.wasm",
    "runtime, code": "/node_modules/*",
    "page": "*",
}
"""Group → the paths of its files; the first that fits has a file."""


def weigh(folder: Path) -> dict[str, dict[str, int]]:
    """Platform → bytes of the model and of everything else in its kit."""
    found = {}
    for platform in PLATFORMS:
        made = make_kit(folder / platform, platform)
        place = folder / platform / "again" / made.name
        said = json.loads(
            bertport_says("app-kit", made.parent / "bundle", "--platform", platform, "-o", place, "--json")
        )
        found[platform] = {name: said[name] for name in ("model_bytes", "other_bytes")}
    return found


def fetched(kit: Path) -> list[dict[str, Any]]:
    """The files that the kit's page asks for, with their group and bytes. Raises RuntimeError without a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise RuntimeError(f"no browser: expected one of {', '.join(BROWSERS)}; apt-get install chromium")
    asked = json.loads(node(HARNESSES / "web" / "harness" / "chromium.mjs", kit, browser))["bytes"]
    paths = sorted(path for path in asked if not path.startswith(OF_THE_HARNESS))
    files = [kit / ("index.html" if path == "/" else path.removeprefix("/")) for path in paths]
    sizes = json.loads(node(HARNESSES / "web" / "harness" / "compressed.mjs", *files))
    return [{"path": path, "group": group(path)} | size for path, size in zip(paths, sizes, strict=True)]


def group(path: str) -> str:
    """The group of a path."""
    return next(name for name, pattern in GROUPS.items() if fnmatch(path, pattern))


def sums(files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Group → bytes of its files together; and of what is bertport's, all but the runtime."""
    names = ("bytes", "gzip_bytes", "brotli_bytes")
    ours = [file for file in files if not file["group"].startswith("runtime")]
    groups = {name: [file for file in files if file["group"] == name] for name in GROUPS} | {
        "all but the runtime": ours
    }
    return {name: {kind: sum(file[kind] for file in found) for kind in names} for name, found in groups.items()}


def differences(kit: Path, mode: Mode, name: str, texts: Sequence[str]) -> dict[str, Any]:
    """How many texts transformers.js gives other ids than `tokenizers` does; the first of them."""
    tokenizer = reference(mode, demo_pieces())
    with tempfile.TemporaryDirectory(dir=kit) as folder:  # beside node_modules
        place = Path(folder) / "model"
        shutil.copytree(kit / "model", place, ignore=shutil.ignore_patterns("onnx"))
        (place / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
        config = json.loads((place / "tokenizer_config.json").read_bytes()) | {"do_lower_case": mode.lowercase}
        (place / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        (place / "texts.json").write_text(json.dumps(list(texts)), encoding="utf-8")
        script = shutil.copy(HARNESSES / "web" / "harness" / "transformers.mjs", folder)
        ids = json.loads(node(script, folder, "none", place / "texts.json"))["ids"]
    expected = [one.ids for one in tokenizer.encode_batch(list(texts))]
    wrong = [text for text, ours, theirs in zip(texts, expected, ids, strict=True) if ours != theirs]
    first = ascii(wrong[0])[:200] if wrong else ""
    return {"mode": mode.name, "texts": name, "count": len(texts), "mismatches": len(wrong), "first": first}


def compare(kit: Path, share: int = 1) -> list[dict[str, Any]]:
    """transformers.js on every `share`-th text of each kind, cased and not."""
    words = [piece for piece in demo_pieces() if piece.isalpha()]
    kinds = {"news": news(), "mixed": mixed_texts(10_000, words), "marks": mark_texts(20_000)}
    return [differences(kit, mode, name, texts[::share]) for mode in MODES[:2] for name, texts in kinds.items()]


def node(script: str | Path, *arguments: str | Path) -> str:
    """What a script says."""
    return subprocess.run(["node", script, *arguments], check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Measure, and write the record."""
    versions = json.loads((ROOT / "tests" / "npm" / "package.json").read_bytes())["dependencies"]
    with tempfile.TemporaryDirectory() as name:
        weights = weigh(Path(name))
        kit = Path(name) / "web" / "TestedKit"
        (kit / "node_modules").symlink_to(PACKAGES)
        files = fetched(kit)
        compared = compare(kit)
    record = {
        "host": fingerprint(),
        "versions": versions | {"tokenizers": tokenizers.__version__},
        "kits": weights,
        "fetched": sums(files),
        "files": files,
        "transformers_js": compared,
    }
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(json.dumps({name: record[name] for name in ("kits", "fetched", "transformers_js")}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
