"""Targets: ``module:attribute`` or ``path/to/file.py:attribute``, the scheduler of an application."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from gnomon.errors import GnomonError, TargetError, shown
from gnomon.scheduler import Scheduler

_GNOMON = Path(__file__).parents[1]


def load(target: str) -> Scheduler:
    """Import the application's module and find its scheduler; without an attribute, the only one that it has.

    The working directory (for a file: its own) comes first on ``sys.path``, as with ``python -m``. Raises
    ``TargetError`` that says what was found instead.
    """
    where, _, attribute = target.partition(":")
    if not where:
        raise TargetError(
            f"the target {shown(target)} names no module; write module:attribute, such as myapp.jobs:scheduler"
        )
    module = _of_file(Path(where)) if where.endswith(".py") else _imported(where, Path.cwd())
    return _attribute(module, attribute) if attribute else _only_one(module)


def schedulers_of(module: ModuleType) -> dict[str, Scheduler]:
    """The schedulers at the module's top level by name; one that has several names, by its first."""
    found: dict[int, tuple[str, Scheduler]] = {}
    for name, value in vars(module).items():
        if isinstance(value, Scheduler):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"there is no file {shown(str(path))} (looked in {Path.cwd()})")
    path = path.resolve()
    root, name = path.parent, path.stem
    # A file in a package is imported as part of it, or its relative imports would fail.
    while (root / "__init__.py").is_file():
        root, name = root.parent, f"{root.name}.{name}"
    module = _imported(name.removesuffix(".__init__"), root)
    if Path(getattr(module, "__file__", None) or "").resolve() != path:
        other = getattr(module, "__file__", None) or "built in"
        raise TargetError(
            f"{path} would be imported as {name!r}, and that is another module ({other}); rename the file"
        )
    return module


def _imported(name: str, directory: Path) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(
            f"{shown(name)} is no module's name; write module:attribute or path/to/file.py:attribute, such as "
            "myapp.jobs:scheduler"
        )
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise TargetError(_not_there(name, error.name, directory)) from error
        raise TargetError(_raised(name, error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also a SystemExit: an import runs the application's code
        raise TargetError(_raised(name, error)) from error


def _not_there(name: str, missing: str, directory: Path) -> str:
    message = f"there is no module {missing!r} in {directory} or among what is installed"
    if name != missing:
        message += f" (for {name!r})"
    as_file = directory / (name.replace(".", os.sep) + ".py")
    if not as_file.is_file():
        nearby = sorted(file.stem for file in directory.glob("*.py") if not file.stem.startswith("__"))
        if nearby:
            message += f"; here are {', '.join(nearby[:8])}"
    return message


def _raised(name: str, error: BaseException) -> str:
    # What Gnomon refused is said in its own words already, and it is the application's line that has to change.
    is_ours = isinstance(error, GnomonError)
    last = str(error) if is_ours else "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<")
        and "importlib" not in frame.filename
        and not Path(frame.filename).is_relative_to(_GNOMON)
    ]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"importing {name!r} failed: {last}{where}"


def _attribute(module: ModuleType, path: str) -> Scheduler:
    found: Any = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise TargetError(f"{module.__name__!r} has no attribute {path!r}; {_offered(module)}") from None
    if not isinstance(found, Scheduler):
        kind = type(found).__name__
        raise TargetError(f"{module.__name__}:{path} is a {kind} and no gnomon.Scheduler; {_offered(module)}")
    return found


def _only_one(module: ModuleType) -> Scheduler:
    found = schedulers_of(module)
    if not found:
        name = module.__name__
        raise TargetError(f"{name!r} is no target: {_offered(module)}; make one, or name its place: {name}:ATTRIBUTE")
    if len(found) != 1:
        raise TargetError(f"say which scheduler of {module.__name__!r} is meant; {_offered(module)}")
    return next(iter(found.values()))


def _offered(module: ModuleType) -> str:
    names = [f"{module.__name__}:{name}" for name in schedulers_of(module)]
    if not names:
        return "it holds no gnomon.Scheduler at its top level"
    return f"it holds {' and '.join(names)}"
