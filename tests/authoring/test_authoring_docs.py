"""The examples in the docstrings of the authoring package run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import blackboard.authoring

MODULES = [each.name for each in pkgutil.iter_modules(blackboard.authoring.__path__, "blackboard.authoring.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    examples = [
        each for name in MODULES for each in finder.find(importlib.import_module(name)) if each.examples
    ]
    assert len(examples) >= 3
