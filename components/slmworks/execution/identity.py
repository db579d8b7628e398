"""What a task *is*: the fingerprint under which its result is found again.

In it: stage, plugin, the digest of the plugin's code, validated options, the digests of what it reads,
and what the plugin says it depends on. Never in it: paths, images, machines, regions, times.
"""

import ast
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from slmworks.contract import catalog
from slmworks.contract.artifact import HEADER
from slmworks.contract.catalog import STAGES
from slmworks.contract.manifest import File, Manifest, tree_digest
from slmworks.contract.options import plain
from slmworks.contract.stage import Stage
from slmworks.execution.missing_inputs import Given
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.machine.process import cpu_name

ROOMS = ("slmworks.contract.", "slmworks.machine.", "slmworks.registry.", "slmworks.store.")
FACES = frozenset(
    {"slmworks", "slmworks.contract", "slmworks.machine", "slmworks.registry", "slmworks.store"}
) | frozenset(f"slmworks.{name}" for name in (*STAGES, "execution.identity", "testing"))
"""Modules of the core that every plugin relies on; they are not part of any plugin's code."""


def code_digest(plugin: type[Stage]) -> str:
    """Digest of a plugin's module and of those it imports from its family, other families and the core."""
    return module_digest(plugin.__module__)


@cache
def module_digest(module: str) -> str:
    """Digest of a module and of those it imports from its family, other families and the core.

    Read from the sources without running them, so an edited checkout, an editable install and a wheel of
    the same text agree. Docstrings, comments and blank lines don't count.
    """
    found: dict[str, str] = {}
    todo, family = [module], module.partition(".")[0]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        source = _source(name)
        if source is None:
            continue
        found[name] = hashlib.sha256(without_comments(source)).hexdigest()
        todo += _imports(name, source, family)
    return _digest(found)


_STRING = (
    rb"""("{3}(?:\\.|[^\\])*?"{3}|'{3}(?:\\.|[^\\])*?'{3}"""
    rb"""|"(?:\\.|[^\\\n])*"|'(?:\\.|[^\\\n])*')"""
)
# Regular expressions, because Python's own tokenizer takes twenty times as long.
_COMMENT = re.compile(_STRING + rb"|[ \t]*\#[^\n]*", re.DOTALL)
_BLANK = re.compile(_STRING + rb"|(?:[ \t]*\n)+(?=\n)", re.DOTALL)


@cache
def without_comments(source: bytes) -> bytes:
    """A module's text without docstrings (strings that are statements), comments and blank lines."""
    lines = source.splitlines()
    for node in _statements(_parsed(source).body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            if isinstance(node.value.value, str) and not lines[first][: node.col_offset].strip():
                rest = lines[last][node.end_col_offset or 0 :]
                lines[first : last + 1] = [b""] * (last - first) + [rest]
    text = b"\n".join(lines)
    for pattern in (_COMMENT, _BLANK):
        text = pattern.sub(lambda found: found[1] or b"", text)
    return text.strip()


@cache
def _parsed(source: bytes) -> ast.Module:
    return ast.parse(source)


def _counts(module: str, family: str) -> bool:
    return _is_ours(module, family) and module not in FACES and not module.startswith(ROOMS)


def _is_ours(module: str, family: str) -> bool:
    """Whether a module is of the plugin's own family, of another one, or the core's."""
    top = module.partition(".")[0]
    return top in ("slmworks", family) or top.startswith("slmworks_")


def _source(module: str) -> bytes | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        main = sys.modules.get(module)
        origin = getattr(main, "__file__", None)
        return Path(origin).read_bytes() if origin else None
    return Path(spec.origin).read_bytes()


@cache  # plugins of a family share most of what they import
def _imports(module: str, source: bytes, family: str) -> tuple[str, ...]:
    """Modules that `module` imports, of those that count for a plugin of `family`."""
    return tuple(_found(module, source, family))


def _found(module: str, source: bytes, family: str) -> Iterator[str]:
    spec = importlib.util.find_spec(module)
    package = module if spec and spec.submodule_search_locations else module.rpartition(".")[0]
    for node in _statements(_parsed(source).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _counts(alias.name, family))
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            home = importlib.util.resolve_name(base, package) if node.level else base
            if _is_ours(home, family):  # others are not even looked for: that would import their parents
                found = [home, *(f"{home}.{alias.name}" for alias in node.names if _is_package(home))]
                yield from (name for name in found if _counts(name, family))


def _statements(body: list[Any]) -> Iterator[ast.AST]:
    """Every statement, however deep. What is inside expressions is no import, and most of a module."""
    for node in body:
        yield node
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, inner, []))


def _is_package(module: str) -> bool:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.submodule_search_locations is not None


def read_files(plugin: type[Stage], port: str, manifest: Manifest) -> tuple[File, ...]:
    """The files of an input that a plugin gets to see: all, or the header and the splits it reads."""
    splits = plugin.reads.get(port)
    if splits is None or manifest.kind != "Dataset":
        return manifest.files
    seen = {HEADER, *(f"{split}.parquet" for split in splits)}
    return tuple(f for f in manifest.files if f.path in seen)


def fingerprint(
    plugin: type[Stage],
    *,
    stage: str,
    name: str,
    options: Mapping[str, Any],
    inputs: Mapping[str, Manifest | Sequence[Manifest]],
    sources: Mapping[str, Any],
    threads: int,
    seed: int = 0,
    made_for: str = "",
    names: Mapping[str, Sequence[str]] | None = None,
    parts: Mapping[str, type[Any]] | None = None,
) -> str:
    """The identity of a task: 64 hex digits.

    `made_for`: the model task of its result, by its options; `names`: what it calls the models that reports
    are about, in the order of its inputs; `parts`: plugins that its options name (`Stage.parts`).
    """

    def digest(port: str, manifest: Manifest) -> str:
        return tree_digest(read_files(plugin, port, manifest))

    read = {
        port: digest(port, given) if isinstance(given, Manifest) else [digest(port, one) for one in given]
        for port, given in inputs.items()
        if port not in plugin.ignores
    }
    return _digest(
        {
            "stage": stage,
            "plugin": name,
            "code": code_digest(plugin),
            "model_tasks": _model_tasks(inputs, made_for) if plugin.runs_models else {},
            "options": dict(options),
            "inputs": read,
            "sources": dict(sources),
            "depends_on": {what: _depends(what, threads) for what in plugin.depends_on},
            "seed": seed,
            **({"names": {port: list(some) for port, some in names.items()}} if names else {}),
            **({"parts": {name: _part(part, threads) for name, part in parts.items()}} if parts else {}),
        }
    )


def _part(part: type[Any], threads: int) -> dict[str, Any]:
    return {
        "code": module_digest(part.__module__),
        "depends_on": {what: _depends(what, threads) for what in part.depends_on},
    }


def _model_tasks(inputs: Mapping[str, Manifest | Sequence[Manifest]], made_for: str) -> dict[str, str]:
    """Digests of the code that answers and measures: of the model tasks, and of the inputs' runtimes."""
    given = [one for some in inputs.values() for one in ([some] if isinstance(some, Manifest) else some)]
    named = {catalog.canonical(str(one.meta["task"])) for one in given if one.meta.get("task")}
    known = catalog.model_tasks()
    found = {name: module_digest(known[name].module) for name in (named | {made_for}) & known.keys()}
    for name in sorted(named & known.keys()):
        for format_, offered in catalog.runtimes(name).items():
            found[f"{name}.{format_}"] = module_digest(offered.module)
    return found


def identify(spec: TaskSpec, plugin: Stage, given: Given, sources: Mapping[str, Source]) -> str:
    """The fingerprint of a task whose inputs are known; `sources` are pinned."""
    return fingerprint(
        type(plugin),
        stage=spec.stage,
        name=spec.plugin,
        options=plain(plugin),
        inputs=given,
        sources={name: source.identity() for name, source in sources.items()},
        threads=spec.threads,
        seed=spec.seed,
        made_for=plugin.made_for(),
        names=spec.names,
        parts=plugin.parts(),
    )


def shared_fingerprint(module: str, name: str, inputs: Mapping[str, str], options: Mapping[str, Any]) -> str:
    """The identity of an intermediate result that the code of `module` builds, for whichever plugin."""
    return _digest(
        {"shared": name, "code": module_digest(module), "inputs": dict(inputs), "options": dict(options)}
    )


def _depends(what: str, threads: int) -> str:
    if what == "cpu":
        return cpu_name()
    if what == "threads":
        return str(threads)
    try:
        return version(what)
    except PackageNotFoundError:
        return "absent"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
