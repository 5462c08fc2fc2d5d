"""The user's own code: a Python module that `model.module` names."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError

# What the module may define, with the arguments that Darkroom passes.
HOOKS: dict[str, tuple[str, ...]] = {
    "build_model": ("input_shapes", "n_classes"),
    "compile_model": ("model",),
    "augment": ("image", "label", "seed"),
    "random_transform": ("x", "seed"),
    "callbacks": ("metric", "greater_is_better"),
    "score": ("y_true", "y_pred"),
}


class OwnCode(BaseModel):
    """A module that was found and looked through.

    Attributes:
        module: its dotted name.
        folder: that of darkroom.yaml, from which it may be imported.
        hooks: which functions it defines.
        sha256: of its source, and of its package's, so that a run is not taken from the cache when it changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    module: str
    folder: str
    hooks: tuple[str, ...]
    sha256: str

    def hook(self, name: str) -> Callable[..., Any] | None:
        """The function of that name, None if there is none; its errors tell that they come from the user's code."""
        if name not in self.hooks:
            return None
        function = getattr(_import(self.module, Path(self.folder)), name)

        def guarded(*args: Any) -> Any:
            try:
                return function(*args)
            except Exception as error:
                raise ConfigurationError(f"{self.module}.{name} failed: {type(error).__name__}: {error}") from error

        return guarded


def find_own_code(config: DarkroomConfig) -> OwnCode | None:
    """The module that `model.module` names; None when none is named.

    Raises:
        ConfigurationError: it cannot be imported, defines none of the functions, or one that takes other arguments.
    """
    name = config.model.module
    if name is None:
        return None
    module = _import(name, config.base)
    hooks = tuple(hook for hook in HOOKS if callable(getattr(module, hook, None)))
    if not hooks:
        hints = "".join(f" Is {found} meant to be {meant}?" for found, meant in _near_misses(module, cutoff=0.6))
        raise ConfigurationError(f"model.module {name} defines none of {', '.join(HOOKS)}.{hints}")
    misses = [(found, meant) for found, meant in _near_misses(module, cutoff=0.85) if meant not in hooks]
    if misses:
        found, meant = misses[0]
        raise ConfigurationError(
            f"model.module {name} defines {found}, which is never called. Is it meant to be {meant}? A function of the "
            f"module's own with such a name should begin with an underscore."
        )
    for hook in hooks:
        _check_arguments(name, hook, getattr(module, hook))
    return OwnCode(module=name, folder=str(config.base), hooks=hooks, sha256=_source_digest(module))


def _import(name: str, folder: Path) -> ModuleType:
    with _importable(folder):
        importlib.invalidate_caches()
        loaded = sys.modules.get(name)
        try:
            if loaded is not None and _belongs_elsewhere(name, loaded):
                # Another configuration's module of the same name, in a process that saw both.
                del sys.modules[name]
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise ConfigurationError(f"model.module {name} imports {error.name}, which is not installed") from error
            raise ConfigurationError(
                f"model.module: there is no Python module {name}, neither installed nor in {folder}"
            ) from error
        except Exception as error:
            raise ConfigurationError(
                f"model.module {name} cannot be imported: {type(error).__name__}: {error}"
            ) from error


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _belongs_elsewhere(name: str, loaded: ModuleType) -> bool:
    if "." in name:
        return False
    spec = importlib.util.spec_from_file_location(name, getattr(loaded, "__file__", None) or "")
    found = importlib.machinery.PathFinder.find_spec(name, sys.path)
    return found is not None and spec is not None and found.origin != spec.origin


def _check_arguments(module: str, hook: str, function: Callable[..., Any]) -> None:
    wanted = HOOKS[hook]
    try:
        signature = inspect.signature(function)
        signature.bind(*wanted)
    except TypeError as error:
        raise ConfigurationError(
            f"{module}.{hook} must take ({', '.join(wanted)}), but is {hook}{signature}: {error}"
        ) from error


def _near_misses(module: ModuleType, cutoff: float) -> list[tuple[str, str]]:
    """The module's own functions whose names are nearly right, with the right name."""
    own = [name for name, value in vars(module).items() if inspect.isfunction(value) and _is_own(value, module)]
    public = [name for name in own if not name.startswith("_") and name not in HOOKS]
    return [(name, near[0]) for name in public if (near := difflib.get_close_matches(name, HOOKS, n=1, cutoff=cutoff))]


def _is_own(function: Callable[..., Any], module: ModuleType) -> bool:
    return function.__module__ == module.__name__


def _source_digest(module: ModuleType) -> str:
    """SHA-256 over the module's source and, where it is in a package, over all of the package's."""
    digest = hashlib.sha256()
    path = Path(module.__file__ or "")
    package = module.__name__.split(".", maxsplit=1)[0]
    if package != module.__name__ or hasattr(module, "__path__"):
        root = Path(sys.modules[package].__file__ or path).parent
        files = sorted(root.rglob("*.py"))
    else:
        files = [path]
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
