"""The files around a release's `model/`: what MLflow reads, from the model task and the runtime of the model.

The same model, model task and installed packages give the same bytes: no time, no random id. MLflow is not
imported.
"""

import json
import platform
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import metadata
from string import Template
from typing import Any

from pydantic import BaseModel

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.errors import BadRequest
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.model_task import ModelTask, input_types
from slmworks.contract.runtime import Runtime, model_task_of
from slmworks.contract.scope import response_of
from slmworks.registry.declared import EXAMPLE, Declared
from slmworks.registry.standalone import standalone_source

__all__ = ["standalone_runtime", "wrapper"]

NOTHING = Declared()

_ALWAYS = ("mlflow", "numpy", "pandas")
"""Pinned beside the runtime's own packages: the pyfunc needs them."""

_SCALARS = {str: "string", float: "double", int: "long", bool: "boolean"}

_PYFUNC = Template('''

import mlflow
import pandas as pd

INPUTS = $inputs
OUTPUTS = $outputs


class Release(mlflow.pyfunc.PythonModel):
    """Columns INPUTS in, columns OUTPUTS out, row by row; computes rows of similar length together."""

    def load_context(self, context):
        self.runtime = $runtime(context.artifacts["model"])

    def predict(self, context, model_input: pd.DataFrame, params=None):
        rows = model_input[INPUTS].to_dict("records")
        order = sorted(range(len(rows)), key=lambda number: len(str(rows[number])))
        answers = [None] * len(rows)
        for start in range(0, len(order), 32):
            numbers = order[start : start + 32]
            for number, answer in zip(numbers, self.runtime.answer([rows[number] for number in numbers])):
                answers[number] = answer
        return pd.DataFrame(answers, columns=OUTPUTS)


mlflow.models.set_model(Release())
''')


def standalone_runtime(model: Model) -> tuple[ModelTask, type[Runtime]]:
    """A model's task and its runtime that stands alone; BadRequest where there is none."""
    if model.format == HOSTED:
        raise BadRequest(
            "a hosted model cannot be released: nobody here has its weights. Release a model of your own; "
            "the hosted one's report can be the gate's `references`, or the `baseline` of the others."
        )
    task = model_task_of(model)
    offered = catalog.runtimes(task.name)
    runtime: type[Runtime] | None = offered[model.format].load() if model.format in offered else None
    if runtime is None or not runtime.stands_alone:
        able = [name for name, one in offered.items() if one.load().stands_alone]
        raise BadRequest(
            f"a model of format '{model.format}' cannot be released: no runtime of {task.name} for it stands "
            f"alone. {_way_out(model.format, able, task.name)}"
        )
    return task, _carried(runtime)


def _way_out(given: str, able: Sequence[str], model_task: str) -> str:
    """How there comes to be a model that can be released: of this one, or of what stands before it."""
    if not able:
        return "Install a distribution that brings one."
    formats = " or ".join(able)
    if catalog.makers(("export",), able, model_task, of=given):
        return f"Export it first, to {formats} (a step with stage: export, before evaluate)."
    ways = catalog.makers(("export", "quantize"), able, model_task)
    said = f" ({', '.join(ways)})" if ways else ""
    return f"No step exports that format: make the model that it came from one of {formats} instead{said}."


def _carried(runtime: type[Runtime]) -> type[Runtime]:
    """The class that says of itself that it stands alone: one that is derived from it may know more."""
    return next(kind for kind in runtime.__mro__ if "stands_alone" in vars(kind))


def wrapper(model: Model, declared: Declared = NOTHING) -> dict[str, str]:
    """File name -> text of everything around `model/`, the card apart.

    Depends on the model, on what is declared, and on what is installed.
    """
    task, runtime = standalone_runtime(model)
    response = response_of(task.response, model.meta)
    packages = sorted({*_ALWAYS, *runtime.packages})
    python = platform.python_version()
    row = task.input_sample() if declared.example is None else declared.example
    example = {"columns": list(row), "data": [list(row.values())]}
    return {
        "MLmodel": _json(_mlmodel(model.digest, task, response, python, declared.card)),
        "runtime.py": _runtime(task, response, runtime),
        "requirements.txt": "".join(f"{package}=={_installed(package)}\n" for package in packages),
        "python_env.yaml": _json(
            {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
        ),
        EXAMPLE: _json(example),
        "serving_input_example.json": _json({"dataframe_split": example}),
    }


def _runtime(task: ModelTask, response: type[BaseModel], runtime: type[Runtime]) -> str:
    """The runtime's own source with a pyfunc appended: what was measured is what ships."""
    pyfunc = _PYFUNC.substitute(
        inputs=json.dumps(task.inputs),
        outputs=json.dumps(list(response.model_fields)),
        runtime=runtime.__name__,
    )
    return standalone_source(runtime) + pyfunc


def _mlmodel(
    model_digest: str, task: ModelTask, response: type[BaseModel], python: str, card: Mapping[str, Any]
) -> dict[str, Any]:
    # JSON is YAML: no YAML writer decides about our bytes.
    inputs = [_column(name, kind) for name, kind in input_types(task).items()]
    outputs = [_column(name, field.annotation) for name, field in response.model_fields.items()]
    return {
        "flavors": {
            "python_function": {
                "artifacts": {"model": {"path": "model", "uri": "model"}},
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.pyfunc.loaders.code_model",
                "model_code_path": "runtime.py",
                "python_version": python,
                "streamable": False,
            }
        },
        "metadata": {"model_digest": model_digest, **({"card": dict(card)} if card else {})},
        "mlflow_version": _installed("mlflow"),
        "model_uuid": model_digest[:32],
        "saved_input_example_info": {
            "artifact_path": EXAMPLE,
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
    }


def _column(name: str, kind: Any) -> dict[str, Any]:
    """A column of MLflow's signature; `kind | None` makes it optional."""
    known = [arg for arg in typing.get_args(kind) if arg is not types.NoneType]
    optional = len(known) < len(typing.get_args(kind))
    return {**_type(known[0] if optional else kind), "name": name, "required": not optional}


def _type(kind: Any) -> dict[str, Any]:
    """A type as MLflow's schema writes it."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if origin is typing.Literal and len({type(one) for one in args}) == 1:
        return _type(type(args[0]))
    if origin is list:
        return {"type": "array", "items": _type(args[0])}
    if origin is dict:
        return {"type": "map", "values": {**_type(args[1]), "required": True}}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {name: _type(field.annotation) for name, field in kind.model_fields.items()}
        return {
            "type": "object",
            "properties": {name: {**found, "required": True} for name, found in fields.items()},
        }
    raise BrokenPlugin(
        f"MLflow's signature has no type for {kind}; a model task's inputs and response are made of str, "
        "int, float, bool, literals of one of them, lists, dicts and pydantic models of these."
    )


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise BadRequest(f"a release pins {package}, which is not installed: pip install {package}") from None


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
