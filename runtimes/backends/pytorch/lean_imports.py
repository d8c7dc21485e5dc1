"""Importing transformers without what no answer needs, which is half of the time that a process takes to start.

Seen with transformers 5.23 and torch 2.13, on which it is tried; older ones are imported as they are. Each entry says
when it can go. Whatever fails is imported again whole: nothing here may decide whether a model is read.
"""

import importlib
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_UNUSED = ("scipy", "sklearn", "accelerate")
"""What transformers imports where it is there, for losses, searches and devices: 35 MB, and a tenth of the time. Can go
when it imports them as they are asked for."""
_SHARED = (
    "transformers.modeling_layers",
    "transformers.models.auto.tokenization_auto",
    "torch.fx.experimental.symbolic_shapes",
)
"""What every model of transformers and every tokenizer imports, and what loading one does: before it is known which."""
_MODELS = (
    *(
        "albert",
        "auto",
        "bert",
        "camembert",
        "deberta_v2",
        "distilbert",
        "electra",
        "mobilebert",
        "modernbert",
        "mpnet",
    ),
    *("roberta", "xlm_roberta"),
)
"""Of the classes that can be named without their module; another's is found by importing all again."""
_OURS = tuple(f"runtimes.backends.pytorch.{name}" for name in ("runner", "tokenizer", "own_configs", "own_models"))
_OLDEST = 5


def import_lean() -> bool:
    """Import torch and transformers; whether anything was left out."""
    sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # importing it is an ImportError now
    import torch

    if _major("transformers") < _OLDEST:
        return True
    try:
        _without_distribution(torch)
        _without_compiler(torch)
        _without_list_of_models()
        for name in _SHARED:
            importlib.import_module(name)
    except Exception:
        import_whole()
        return False
    return True


def import_whole() -> None:
    """Forget what was left out, and transformers with it, so that it is imported anew."""
    for name in [name for name, module in sys.modules.items() if _is_lean(name, module)]:
        del sys.modules[name]


def _is_lean(name: str, module: ModuleType | None) -> bool:
    left_out = name in _UNUSED or isinstance(module, _Skeleton)
    return left_out or name in _OURS or name.partition(".")[0] == "transformers"


def _without_distribution(torch: ModuleType) -> None:
    """As in a torch that was built without it, which transformers asks for: 0.3 s of sharded tensors and sympy.

    Can go when transformers.distributed.sharding_utils imports torch.distributed.tensor as it is asked for.
    """
    torch.distributed.is_available = lambda: False


def _without_compiler(torch: ModuleType) -> None:
    """Functions are marked for torch.compile and never compiled: 0.3 s, 0.8 s with what sharded tensors load as well.

    Can go when transformers.masking_utils and its attention functions no longer import torch._dynamo.
    """
    if "torch._dynamo" not in sys.modules:
        marks = dict.fromkeys(("disable", "assume_constant_result", "allow_in_graph"), _unchanged)
        _put("torch._dynamo", Path(str(torch.__file__)).parent / "_dynamo", marks)


def _without_list_of_models() -> None:
    """transformers reads every source of its models for the names of classes, twice: 0.4 s. Here of a few models, once.

    Can go when it keeps that list.
    """
    found = find_spec("transformers")
    if found is None or not found.origin:
        return
    folder = Path(found.origin).parent
    _put("transformers", folder, {"__version__": version("transformers")})
    listing: Any = importlib.import_module("transformers.utils.import_utils")
    whole = listing.define_import_structure

    def few(place: Any, prefix: str | None = None) -> Any:
        if Path(place) != folder / "models":
            return whole(place, prefix=prefix)
        named: dict[Any, Any] = {frozenset(): {}}
        for model in _MODELS:
            for needed, modules in whole(folder / "models" / model, prefix=f"{prefix}.{model}").items():
                named.setdefault(needed, {}).update(modules)
        return named

    listing.define_import_structure = few
    if isinstance(sys.modules["transformers"], _Skeleton):
        del sys.modules["transformers"]
    _put("transformers.models", folder / "models", {})


class _Skeleton(ModuleType):
    """A package whose modules can be imported and whose own code has not run; it does when more of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _put(name: str, folder: Path, known: dict[str, Any]) -> None:
    package, spec = _Skeleton(name), ModuleSpec(name, None, origin=str(folder / "__init__.py"), is_package=True)
    spec.submodule_search_locations = [str(folder)]
    package.__path__, package.__file__, package.__spec__ = [str(folder)], spec.origin, spec
    vars(package).update(known)
    sys.modules[name] = package


def _unchanged(function: Any = None, *_: Any, **__: Any) -> Any:
    """A decorator, with arguments or without."""
    return _unchanged if function is None else function


def _major(library: str) -> int:
    with suppress(PackageNotFoundError, ValueError):
        return int(version(library).partition(".")[0])
    return 0
