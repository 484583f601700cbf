"""Finds knowledge sources in a file or a module, and says clearly why it cannot."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from blackboard.authoring import KnowledgeSource
from blackboard.core.errors import BlackboardError

__all__ = ["load_file", "load_module", "sources_in"]


def load_file(path: Path, *, code: bytes | None = None) -> list[KnowledgeSource]:
    """Run a Python file and return its knowledge sources; its folder is importable meanwhile and after.

    Args:
        path: The file.
        code: What stands in it, where it was read before; the file itself is not looked at then.

    Raises:
        BlackboardError: `invalid_source`, with file and line where it failed.
    """
    if code is None and not path.is_file():
        raise BlackboardError("invalid_source", f"{path}: no such file; pass a Python file with sources")
    name = f"blackboard_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    loader = None if spec is None else spec.loader
    if spec is None or loader is None:
        raise BlackboardError("invalid_source", f"{path}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules[name] = module
    try:
        run = partial(loader.exec_module, module) if code is None else partial(_exec, code, path, module)
        _run(run, str(path))
        return sources_in(module)
    except BlackboardError:
        del sys.modules[name]
        raise


def _exec(code: bytes, path: Path, module: ModuleType) -> None:
    """Run code that was read before, so that tracebacks show its lines and not the file's of now."""
    text = importlib.util.decode_source(code)
    linecache.cache[str(path)] = (len(code), None, text.splitlines(keepends=True), str(path))
    exec(compile(code, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - it is a loader


def load_module(name: str) -> list[KnowledgeSource]:
    """Import a module and return its knowledge sources.

    Raises:
        BlackboardError: `invalid_source`, with file and line where it failed.
    """
    module: ModuleType = _run(lambda: importlib.import_module(name), name)
    return sources_in(module)


def sources_in(module: ModuleType) -> list[KnowledgeSource]:
    """Return the knowledge sources among a module's public names, in order of definition.

    Raises:
        BlackboardError: `invalid_source` if there is none, or two share a name.
    """
    public = [value for name, value in vars(module).items() if not name.startswith("_")]
    found = list(dict.fromkeys(value for value in public if isinstance(value, KnowledgeSource)))
    where = module.__file__ or module.__name__
    if not found:
        raise BlackboardError(
            "invalid_source", f"{where}: no knowledge source; put @knowledge_source above a handler"
        )
    names: dict[str, KnowledgeSource] = {}
    for source in found:
        known = names.setdefault(source.name, source)
        if known is not source:
            raise BlackboardError(
                "invalid_source",
                f"two sources are called {source.name!r}: {known.location} and {source.location}; rename one",
            )
    return found


def _run(load: Callable[[], Any], what: str) -> Any:
    try:
        return load()
    except BlackboardError as error:
        raise BlackboardError("invalid_source", f"{_place(error, what)}: {error.message}") from error
    except SyntaxError as error:
        place = f"{error.filename}:{error.lineno}"
        raise BlackboardError("invalid_source", f"{place}: SyntaxError: {error.msg}") from error
    except Exception as error:
        message = f"{_place(error, what)}: {type(error).__name__}: {error}"
        raise BlackboardError("invalid_source", message) from error


def _place(error: BaseException, what: str) -> str:
    """Return `file:line` of the innermost frame that belongs to the plugin, else what was loaded."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == what]
    if own:
        return f"{what}:{own[-1].lineno}"
    outside = [each for each in frames if "importlib" not in each.filename and each.filename != __file__]
    return f"{outside[-1].filename}:{outside[-1].lineno}" if outside else what
