"""The conformance suite: the rules that a plugin must keep, checked without pytest and without a checkout.

A rule is a function that yields one line for each breach, with the way out. `slmworks plugins check NAME`
runs them for one installed plugin, `tests/conformance` for every one. Deliberately not in here: what only a
run can show (the same bytes again), for which a plugin has tests of its own.
"""

import inspect
import os
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.catalog import Plugin
from slmworks.contract.documented import docstrings
from slmworks.contract.errors import SlmworksError, did_you_mean
from slmworks.contract.options import OptionError, configure, plain
from slmworks.contract.stage import Stage, output, ports

WIDTH = 110
"""Characters of a docstring's first line that a list has room for."""
HEAVY = frozenset(
    {"airflow", "datasets", "jax", "kfp", "kubernetes", "mlflow", "neural_compressor", "numpy", "obstore"}
    | {"onnx", "onnxruntime", "onnxscript", "pandas", "polars", "prometheus_client", "pyarrow", "scipy"}
    | {"sklearn", "starlette", "tensorflow", "tokenizers", "torch", "torchao", "transformers", "uvicorn"}
    | {"conversion", "duckdb", "gguf", "lm_eval", "lxml", "markdown_it", "py3langid", "pypdf", "pyspark"}
    | {"safetensors", "xllamacpp"}
)
"""Packages that a scheduler, which only plans, does without."""


@dataclass(frozen=True)
class Result:
    """One rule and its breaches by one plugin."""

    rule: str
    """The rule in one line."""
    breaches: tuple[str, ...]
    """One line each, with the way out; empty where the rule is kept."""


def check(plugin: Plugin) -> list[Result]:
    """Every rule, in order; only the first one for a plugin that cannot be loaded."""
    loaded = result(loads, plugin)
    return [loaded] if loaded.breaches else [loaded, *(result(rule, plugin) for rule in RULES)]


def result(rule: "Rule", plugin: Plugin) -> Result:
    """One rule, by the first line of its docstring."""
    return Result((rule.__doc__ or "").partition("\n")[0].rstrip("."), tuple(rule(plugin)))


def loads(plugin: Plugin) -> Iterator[str]:
    """It loads, derives from its stage, and names the stage's ports."""
    try:
        plugin.load()
    except SlmworksError as error:
        yield str(error)


def described(plugin: Plugin) -> Iterator[str]:
    """Its docstring begins with one sentence in one line."""
    first = _docstring(plugin.load()).partition("\n")[0]
    if not first:
        yield "the class has no docstring; write a sentence about what it does."
    elif not first.endswith("."):
        yield f"'{first}' does not end like a sentence; make the first line one, with a full stop."
    elif len(first) > WIDTH:
        yield f"the docstring's first line has {len(first)} characters; keep to {WIDTH}."


def typed(plugin: Plugin) -> Iterator[str]:
    """The annotation of run's result is a kind that the stage makes."""
    loaded, contract = plugin.load(), catalog.stage_class(plugin.stage)
    allowed = _results(contract)
    fix = f"write  def run(self, …) -> {' | '.join(kind.__name__ for kind in allowed)}"
    try:
        found = _results(loaded)
    except KeyError:
        yield f"it is missing; {fix}"
    except (NameError, TypeError) as error:
        yield f"it cannot be read ({error}); import its name at module level, from slmworks."
    else:
        if not set(found) <= set(allowed):
            yield f"it is {' | '.join(getattr(kind, '__name__', str(kind)) for kind in found)}; {fix}"


def documented(plugin: Plugin) -> Iterator[str]:
    """Every option has a docstring."""
    loaded = plugin.load()
    for name, field in loaded.model_fields.items():
        if not field.description and not docstrings(loaded).get(name):
            yield f"option '{name}' has none; write a string below the field."


def named(plugin: Plugin) -> Iterator[str]:
    """No option hides an attribute of the contract or of pydantic."""
    loaded = plugin.load()
    taken = {name for one in (BaseModel, catalog.stage_class(plugin.stage)) for name in dir(one)}
    for name in sorted(set(loaded.model_fields) & taken):
        yield f"option '{name}' hides one; give it another name, or annotate a trait as ClassVar."


def strict(plugin: Plugin) -> Iterator[str]:
    """Options are frozen, strict and JSON."""
    loaded = plugin.load()
    if not loaded.model_config.get("frozen") or loaded.model_config.get("extra") != "forbid":
        yield "model_config is changed; leave frozen=True and extra='forbid' as the stage has them."
    elif not any(field.is_required() for field in loaded.model_fields.values()):
        yield from _unreadable_defaults(loaded, plugin.name)


def real(plugin: Plugin) -> Iterator[str]:
    """Traits name ports and model tasks that fit."""
    loaded = plugin.load()
    taken = ports(catalog.stage_class(plugin.stage))
    for trait, kind in (("reads", Dataset), ("accepts", Model)):
        for port in getattr(loaded, trait):
            if taken[port].kind is not kind:
                yield f"{trait}: port '{port}' takes no {kind.kind}; leave it out."
    for port in sorted(loaded.needs):
        if not taken[port].optional:
            yield f"needs: port '{port}' is not optional, so it is always given; leave it out."
    for name in filter(None, (*loaded.model_tasks, loaded.makes_model_task)):
        yield from _unknown_model_task(name)


def blind(plugin: Plugin) -> Iterator[str]:
    """A stage that makes a model does not read the split test."""
    loaded, contract = plugin.load(), catalog.stage_class(plugin.stage)
    data = [port.name for port in ports(loaded).values() if port.kind is Dataset]
    for port in data if output(contract) is Model else ():
        if port not in loaded.ignores and "test" in loaded.reads.get(port, ("test",)):
            fix = f'reads: ClassVar = {{"{port}": ("train", "validation")}}'
            yield f"port '{port}' is given the split test; write  {fix}"


def digested(plugin: Plugin) -> Iterator[str]:
    """Its code has a digest, so that an edit runs it again."""
    from slmworks.execution.identity import code_digest

    loaded = plugin.load()
    try:
        source = inspect.getsourcefile(loaded)
        code_digest(loaded)
    except (OSError, TypeError, SyntaxError) as error:
        yield f"its source cannot be read ({error}); install it with its .py files."
    else:
        if source is None:
            yield "it has no source; install it with its .py files."


def light(plugin: Plugin) -> Iterator[str]:
    """Loading it imports no heavy library."""
    if found := heavy_imports(plugin.distribution):
        yield (
            f"loading the plugins of {plugin.distribution} imports {', '.join(found)}; import it inside "
            "`run`, or below `if TYPE_CHECKING`."
        )


Rule = Callable[[Plugin], Iterator[str]]
"""Yields one line for each breach by a plugin that can be loaded."""
RULES: tuple[Rule, ...] = (described, typed, documented, named, strict, real, blind, digested, light)
"""Every rule after `loads`."""


@cache
def heavy_imports(distribution: str) -> tuple[str, ...]:
    """Heavy packages that a fresh process imports to load every plugin of a distribution."""
    program = (
        "import contextlib, sys\n"
        "from slmworks.contract import catalog, errors\n"
        "for stage in catalog.STAGES:\n"
        "    for plugin in catalog.plugins(stage).values():\n"
        f"        if plugin.distribution == {distribution!r}:\n"
        "            with contextlib.suppress(errors.SlmworksError):\n"
        "                plugin.load()\n"
        "print(*sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return tuple(sorted(HEAVY & set(ended.stdout.split())))


def _results(stage: type[Stage]) -> tuple[type, ...]:
    hint = typing.get_type_hints(stage.run)["return"]  # type: ignore[attr-defined]
    return typing.get_args(hint) or (hint,)


def _docstring(loaded: type[Stage]) -> str:
    return inspect.cleandoc(loaded.__dict__.get("__doc__") or "").strip()


def _unreadable_defaults(loaded: type[Stage], name: str) -> Iterator[str]:
    try:
        configured = configure(loaded, name, {})
        again = configure(loaded, name, plain(configured))
    except OptionError as error:
        yield f"a default is refused ({error}); give the option one that its annotation allows."
    except (TypeError, ValueError) as error:
        yield f"a default cannot be written as JSON ({error}); use text, numbers, tuples and mappings."
    else:
        if again != configured:
            yield "a default changes when it is written as JSON; use text, numbers, tuples and mappings."


def _unknown_model_task(name: str) -> Iterator[str]:
    known = catalog.model_tasks()
    if name not in known:
        yield f"no model task '{name}' is installed. {did_you_mean(name, known)}"
    elif catalog.canonical(name) != name:
        yield f"'{name}' is how artifacts' headers call it; write '{catalog.canonical(name)}'."
