"""The stand-alone source of a runtime: its module and those, of its package and of model tasks, it imports.

Releases and edge bundles carry it as one file, so that a model loads where slmworks is not installed. Nothing
is rewritten: the files follow one another as they are, less the statements that import one from the other.
One name of slmworks has a meaning there, too: what is a BadRequest here is a ValueError.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from slmworks.contract.catalog import BrokenPlugin

__all__ = ["standalone_source"]

OURS = "slmworks.model_tasks."
"""Modules whose source is carried along, beside those of the runtime's own package."""

_REFUSAL = "slmworks.contract.errors"
_BAD_REQUEST = '''

class BadRequest(ValueError):
    """A question, or a file, that cannot be answered from; says why in a line."""'''


def standalone_source(runtime: type) -> str:
    """The source of one module that defines `runtime` and imports nothing of slmworks.

    A module comes after those that it imports. BrokenPlugin where something of slmworks would be missing, or
    where two of the modules define a name differently.
    """
    parts: dict[str, str] = {}
    _append(runtime.__module__, parts, (OURS, *_own_package(runtime)))
    _require_one_meaning(runtime, parts)
    source = "\n\n".join(parts.values())
    own = {"", "slmworks", "__future__", runtime.__module__.split(".")[0]}
    missing = next((name for name in _imported(ast.parse(source)) if name.split(".")[0] in own), None)
    if missing is not None:
        raise BrokenPlugin(
            f"{runtime.__module__}: the runtime {runtime.__name__} does not stand alone: '{missing}' is not "
            f"carried along. Import only with  from {OURS}… import NAME  at the top of the module, where … "
            "may be the runtime's own package as well."
        )
    return source


def _own_package(runtime: type) -> tuple[str, ...]:
    """The prefix of the modules beside the runtime's; none for one of slmworks, or one without a package."""
    package = runtime.__module__.rpartition(".")[0]
    return (f"{package}.",) if package and package.split(".")[0] != "slmworks" else ()


def _append(name: str, parts: dict[str, str], carried: tuple[str, ...]) -> None:
    """Add a module's source behind that of the modules it imports, each module once."""
    if name in parts:
        return
    source = _read(name)
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    cut = [node for node in imports if _can_carry(node, carried)]
    for node in cut:
        _append(str(node.module), parts, carried)
    if refusals := [node for node in imports if _is_refusal(node)]:
        parts.setdefault(_REFUSAL, _BAD_REQUEST)
    parts[name] = _without(source, [*cut, *refusals])


def _can_carry(node: ast.ImportFrom, carried: tuple[str, ...]) -> bool:
    """The statement takes names, as they are, from a module whose source can be put before."""
    return (
        (node.module or "").startswith(carried)
        and not any(alias.asname for alias in node.names)
        and {alias.name for alias in node.names} <= set(_defined(_read(str(node.module))))
    )


def _is_refusal(node: ast.ImportFrom) -> bool:
    """The statement takes BadRequest, and nothing else of slmworks."""
    return node.module == _REFUSAL and [(one.name, one.asname) for one in node.names] == [
        ("BadRequest", None)
    ]


def _read(name: str) -> str:
    return Path(str(sys.modules[name].__file__)).read_text(encoding="utf-8")


def _without(source: str, nodes: list[ast.ImportFrom]) -> str:
    cut = {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines = enumerate(source.split("\n"), start=1)
    return "\n".join(line for number, line in lines if number not in cut)


def _defined(source: str) -> dict[str, str]:
    """Name -> definition of every class, function and constant at the top of a module."""
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = ast.unparse(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
            found |= {name.id: ast.unparse(node) for name in names}
    return found


def _require_one_meaning(runtime: type, parts: dict[str, str]) -> None:
    known: dict[str, str] = {}
    for module, source in parts.items():
        for name, definition in _defined(source).items():
            if known.setdefault(name, definition) != definition:
                raise BrokenPlugin(
                    f"{runtime.__module__}: the runtime {runtime.__name__} does not stand alone: {module} "
                    f"and a module before it define '{name}' differently. Rename one of them."
                )


def _imported(tree: ast.AST) -> Iterator[str]:
    """Every module that a source imports when it is run; `.` and its like for what is named relatively."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        else:
            yield from _imported(node)
