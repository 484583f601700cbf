"""What a pure module may not do, read from its syntax tree.

Pure means: the same input gives the same output, on every machine and in every run. So no clock, randomness,
environment, I/O or waiting; nothing that depends on where an object lies in memory or on the seed of
string hashes, which is what the order of a set comes down to.

Imports are judged by a list of what is allowed, so that a new module has to be admitted by name. Sets are
followed inside one function or module: displays, comprehensions, calls of `set` and `frozenset`, operators
and methods that yield sets, and names bound to any of these or annotated as sets.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STANDARD = _words("""
    __future__ abc bisect collections contextlib dataclasses difflib enum functools hashlib heapq itertools
    math operator re typing types
""")
"""Modules of the standard library that neither wait, nor look at the world."""

LIBRARIES = frozenset({"jsonschema_rs", "msgspec", "orjson", "pydantic", "pydantic_core"})
"""Libraries that map values to values."""

PROJECT = frozenset({"blackboard", "blackboard_control"})
"""Ours; import-linter says which of them may import which."""

CALLS = _words("""
    id hash open print input breakpoint exec eval compile __import__ globals locals vars object
""")
"""Built-in functions that look at memory, at the world, or run what cannot be read here. `object()` as a
bare sentinel at module level is fine and is let through; anywhere else it would be an identity."""

ORDERLESS = _words("sorted any all len min max set frozenset bool isinstance")
"""Consumers of a set that give the same answer in every order."""

ORDERED = _words("list tuple enumerate zip map filter iter next reversed dict sum deque")
"""Consumers that keep the order in which they are fed; `sum` does so with floats."""

ORDERED_METHODS = _words("fromkeys join extend extendleft writelines pop popitem")
SET_METHODS = _words("union intersection difference symmetric_difference copy")
SET_NAMES = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet"})


@dataclass(frozen=True)
class Finding:
    """One impurity: where, and what."""

    line: int
    rule: str
    what: str


def check(source: str, *, allowed: Iterable[str] = ()) -> list[Finding]:
    """Return every impurity of a module; `allowed` names modules that it may import beside the usual."""
    checker = _Checker(frozenset(allowed))
    checker.visit(ast.parse(source))
    return sorted(checker.found, key=lambda finding: (finding.line, finding.rule, finding.what))


class _Checker(ast.NodeVisitor):
    def __init__(self, allowed: frozenset[str]) -> None:
        self.found: list[Finding] = []
        self._allowed = STANDARD | LIBRARIES | PROJECT | allowed
        self._sets: list[set[str]] = [set()]
        self._sentinels: set[int] = set()

    def _find(self, node: ast.AST, rule: str, what: str) -> None:
        self.found.append(Finding(getattr(node, "lineno", 0), rule, what))

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "the project imports by absolute names"
        self._import(node, node.module or "")

    def _import(self, node: ast.AST, name: str) -> None:
        parents = [name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)]
        if not self._allowed.intersection(parents):
            self._find(node, "import", name)
        if name == "blackboard":
            self._find(node, "import", "blackboard, the lazy package; import the module that owns the name")

    # Waiting

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._find(node, "async", f"async def {node.name}")
        self._scope(node)

    def visit_Await(self, node: ast.Await) -> None:
        self._find(node, "async", "await")
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._find(node, "async", "async for")
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self._find(node, "async", "async with")
        self.generic_visit(node)

    # Calls

    def visit_Module(self, node: ast.Module) -> None:
        for statement in node.body:
            value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Call) and _called(value) == "object":
                self._sentinels.add(id(value))
        self._bind(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _called(node)
        if isinstance(node.func, ast.Name) and name in CALLS and id(node) not in self._sentinels:
            self._find(node, "call", f"{name}()")
        is_ordered = name in (ORDERED if isinstance(node.func, ast.Name) else ORDERED_METHODS)
        arguments = [arg.value if isinstance(arg, ast.Starred) else arg for arg in node.args]
        if is_ordered and any(map(self._is_set, arguments)):
            self._find(node, "order", f"{name}() of a set")
        if isinstance(node.func, ast.Attribute) and name == "pop" and self._is_set(node.func.value):
            self._find(node, "order", "pop() from a set")
        orderless = isinstance(node.func, ast.Name) and name in ORDERLESS
        for argument in node.args:
            if orderless and isinstance(argument, ast.GeneratorExp):
                self._comprehension(argument, is_ordered=False)
            else:
                self.visit(argument)
        for each in (node.func, *node.keywords):
            self.visit(each)

    def visit_Set(self, node: ast.Set) -> None:
        for each in node.elts:
            self.visit(each.value if isinstance(each, ast.Starred) else each)

    def visit_Starred(self, node: ast.Starred) -> None:
        if self._is_set(node.value):
            self._find(node, "order", "unpacking of a set")
        self.generic_visit(node)

    # Iteration

    def visit_For(self, node: ast.For) -> None:
        self._iterated(node.iter)
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._iterated(node.value)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node, is_ordered=True)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node, is_ordered=True)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node, is_ordered=True)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node, is_ordered=False)

    def _comprehension(
        self, node: ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp, *, is_ordered: bool
    ) -> None:
        if is_ordered:
            for each in node.generators:
                self._iterated(each.iter)
        for each in node.generators:
            if each.is_async:
                self._find(each.iter, "async", "async comprehension")
        self.generic_visit(node)

    def _iterated(self, node: ast.expr) -> None:
        if self._is_set(node):
            self._find(node, "order", f"iteration over the set {ast.unparse(node)}")

    # What is a set

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scope(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._scope(node)

    def _scope(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._sets.append(set())
        arguments = node.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if each.annotation is not None and _is_set_annotation(each.annotation):
                self._sets[-1].add(each.arg)
        if not isinstance(node, ast.Lambda):
            self._bind(node)
        self.generic_visit(node)
        self._sets.pop()

    def _bind(self, scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Note the names that the statements of a scope bind to sets, until no more are found."""
        statements = list(_own_statements(scope))
        known = -1
        while known != len(self._sets[-1]):
            known = len(self._sets[-1])
            for each in statements:
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                    if _is_set_annotation(each.annotation):
                        self._sets[-1].add(each.target.id)
                elif isinstance(each, ast.Assign) and self._is_set(each.value):
                    self._sets[-1].update(name.id for name in each.targets if isinstance(name, ast.Name))

    def _is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return any(name in names for names in self._sets)
            case ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Call(func=ast.Attribute(attr=method, value=value)) if method in SET_METHODS:
                return self._is_set(value)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.Sub() | ast.BitXor(), left=left, right=right):
                return self._yields_set(left) or self._yields_set(right)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_set(body) or self._is_set(orelse)
            case ast.BoolOp(values=values):
                return any(map(self._is_set, values))
            case ast.NamedExpr(value=value):
                return self._is_set(value)
            case _:
                return False

    def _yields_set(self, node: ast.expr) -> bool:
        """Operators on the keys of a dictionary yield a set as well."""
        is_view = isinstance(node, ast.Call) and _called(node) in {"keys", "items"} and not node.args
        return is_view or self._is_set(node)


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_set_annotation(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SET_NAMES
        case ast.Subscript(value=ast.Name(id="Final" | "ClassVar"), slice=inner):
            return _is_set_annotation(inner)
        case ast.Subscript(value=value):
            return _is_set_annotation(value)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _is_set_annotation(left) or _is_set_annotation(right)
        case _:
            return False


def _own_statements(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, but not those of the functions inside it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _own_statements(node)
