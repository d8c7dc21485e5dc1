"""Fixtures of all tests: small checkpoints (benchmarks/models/seeded.py), texts, and what changes them."""

import functools
import gc
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from benchmarks.models import seeded
from benchmarks.models.tokenizer_files import TEXTS
from runtimes.extras import EXTRAS, missing
from runtimes.process.progress import PROGRESS, Step
from tests.longest import longest_first
from tests.made_once import MadeOnce

torch.set_num_threads(1)  # these models are too small to share: a second thread is waited for in every layer

CI_HAS_ALL = bool(os.environ.get("CI")) and (platform.system(), platform.machine()) == ("Linux", "x86_64")
"""Every extra has a wheel for it: what is missing there is a failure, and elsewhere a skip."""
Make = Callable[..., Path]
ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Strict: under transformers 4, what it reads otherwise must not agree. What takes longest comes first."""
    if int(transformers.__version__.split(".")[0]) < 5:
        for item in items:
            if item.get_closest_marker("transformers_5"):
                item.add_marker(pytest.mark.xfail(strict=True))
    for extra in () if CI_HAS_ALL else filter(missing, EXTRAS):
        for item in items:
            if extra in _words_of(item):
                item.add_marker(pytest.mark.skip(reason=missing(extra)))
    items[:] = longest_first(items)


@pytest.fixture(scope="module", autouse=True)
def _what_stays_is_not_searched_for_garbage() -> None:
    """An export collects twice, coremltools after each conversion: a third of a second each over torch's modules."""
    gc.collect()
    gc.freeze()


def _words_of(item: pytest.Item) -> set[str]:
    """Folders of a test's file, what it is given, and its mark `needs`: a target's name among them tells its extra."""
    given = getattr(item, "callspec", None)
    marked = [name for mark in item.iter_markers("needs") for name in mark.args]
    texts = (one for one in (given.params.values() if given else ()) if isinstance(one, str))
    return {*item.path.parts, *texts, *marked}


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """pytest-xdist sends what a test printed as UTF-8; a name of a file that is none would end its worker."""
    return _escaped((yield))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _escaped(one) for name, one in value.items()}
    return type(value)(map(_escaped, value)) if isinstance(value, list | tuple) else value


@pytest.fixture(scope="session", autouse=True)
def kept_answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where PyTorch's answers are kept while tests run: one folder a worker, and never the developer's own."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("kept-answers")
        patch.setenv("BERTPORT_CACHE", str(place))
        yield place


@pytest.fixture
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for answers: PyTorch is asked, whatever other tests asked it before."""
    monkeypatch.setenv("BERTPORT_CACHE", str(tmp_path / "answers"))
    return tmp_path / "answers"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeOnce]:
    """(name, what writes it) → a folder that the first worker to ask makes, and that all workers only read."""
    place = tmp_path_factory.getbasetemp()
    made = MadeOnce((place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "made-once")
    yield made
    assert made.changed() == [], "a test wrote into what others read: let it take a copy"


@pytest.fixture(scope="session")
def wheel(made_once: MadeOnce) -> Path:
    """The wheel of this clone, built offline."""

    def build(place: Path) -> None:
        options = ["--no-index", "--no-deps", "--no-build-isolation", "-w", str(place), str(ROOT)]
        subprocess.run([*PIP, "wheel", *options], check=True, capture_output=True)

    (found,) = made_once("wheel", build).glob("bertport-*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, made_once: MadeOnce) -> Path:
    """The folder that pip installed the wheel into; offline."""

    def install(place: Path) -> None:
        options = ["--no-index", "--no-deps", "--no-compile", "--target", str(place), str(wheel)]
        subprocess.run([*PIP, "install", *options], check=True, capture_output=True)

    return made_once("installed", install)


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by its path."""

    def tree(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return tree


@pytest.fixture(scope="session")
def write_family() -> Make:
    return seeded.write_family


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """(family, task, what its config says besides) → a checkpoint that is only read, written once."""

    @functools.cache
    def write(family: str, task: str, **config: Any) -> Path:
        return seeded.write_task(tmp_path_factory.mktemp(f"{family}-{task}") / "checkpoint", family, task, **config)

    return write


@pytest.fixture(scope="session")
def write_checkpoint() -> Make:
    return seeded.write_bert


@pytest.fixture(scope="session")
def write_sentence_files() -> Callable[..., None]:
    return seeded.write_sentence_files


class _Records(logging.Handler):
    def __init__(self, level: int, taken: Callable[[logging.LogRecord], Any]) -> None:
        super().__init__(level)
        self._taken = taken
        self.found: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self._taken(record))


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the packages log while the test runs: notes and warnings, a line each."""
    yield from _recorded(logging.INFO, lambda record: record.getMessage())


@pytest.fixture
def steps() -> Iterator[list[Step]]:
    """How far long steps are while the test runs."""
    yield from _recorded(PROGRESS, lambda record: getattr(record, "step", None))


def _recorded(level: int, taken: Callable[[logging.LogRecord], Any]) -> Iterator[list[Any]]:
    handler, loggers = _Records(level, taken), [logging.getLogger(name) for name in ("exporter", "runtimes")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(level)
    yield handler.found
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Make:
    return lambda name="checkpoint", **settings: seeded.write_bert(tmp_path / name, **settings)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is only read."""
    return seeded.write_bert(tmp_path_factory.mktemp("shared") / "checkpoint")


@pytest.fixture(scope="session")
def texts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    return TEXTS


@pytest.fixture
def edit_config() -> Callable[..., None]:
    """Change keys of a config.json; None removes one."""

    def edit(folder: Path, **changes: Any) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return edit


@pytest.fixture
def edit_weights() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """Change the tensors of a model.safetensors in place."""

    def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return edit


PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put an example package of tests/plugins on sys.path, with what pip would write of its pyproject.toml."""

    def install(name: str) -> Path:
        site, project = tmp_path / "site", tomllib.loads((PLUGINS / name / "pyproject.toml").read_text("utf-8"))
        shutil.copytree(PLUGINS / name, site, dirs_exist_ok=True)
        told = project["project"]
        info = site / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        groups = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in told["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        return site

    return install
