"""Skeletons: a distribution with one plugin, its test and nothing to delete (`slmworks plugins new`).

A skeleton does the simplest honest thing of its stage: a trainer hands on the model as it is, a gate asks for
a minimum. It runs, keeps every rule of the conformance suite, and its own test passes.
"""

import re
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from string import Template

import slmworks
from slmworks.authoring.bodies import BODIES
from slmworks.authoring.body import Body
from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, with_article
from slmworks.contract.stage import Port, Stage, output, ports, task_class

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 30
"""Characters of a plugin's name, so that the lines that hold it stay short."""

PYPROJECT = """\
[build-system]
requires = ["setuptools>=80"]
build-backend = "setuptools.build_meta"

[project]
name = "$distribution"
version = "0.1.0"
description = "$description"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["slmworks"]  # light: all that planning needs

[project.optional-dependencies]
run = [$requires]  # what is imported inside `run`

[project.entry-points."slmworks.$stage"]
$name = "$package.$stage:$cls"

[tool.setuptools]
packages = ["$package"]

[tool.ruff]
line-length = 110
"""

README = """\
# $distribution

$description

```console
$$ pip install --editable '.[run]'
$$ slmworks plugins check $stage/$name
$$ pytest
```
"""

WIDTH = 110
"""Characters of a line of what is written."""
MODULE = '''\
"""$description"""

$imports


class $cls($parent):
    """$description"""

$fields
    def run($signature) -> $made:
        """$promise"""
$run'''


def write(name: str, stage: str, folder: Path) -> Path:
    """Write the skeleton of a plugin into a new folder below `folder`; BadRequest if it is there already."""
    found = files(name, stage)
    root = folder / f"slmworks-{name}"
    if root.exists():
        raise BadRequest(f"{root} exists already; take another name, or another folder with --to.")
    for path, text in found.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def files(name: str, stage: str) -> dict[str, str]:
    """Path -> text of every file of a skeleton; BadRequest for a name that cannot be a plugin's."""
    contract = catalog.stage_class(stage)
    cls = "".join(part.capitalize() for part in name.split("-"))
    _check(name, stage, cls)
    body, package = BODIES[stage], f"slmworks_{name.replace('-', '_')}"
    words = {
        "distribution": f"slmworks-{name}",
        "name": name,
        "stage": stage,
        "package": package,
        "cls": cls,
        "parent": contract.__name__,
        "made": output(contract).__name__,
        "description": body.description,
        "promise": body.promise,
        "requires": ", ".join(f'"{one}"' for one in body.requires),
        "fields": body.fields,
        "imports": _imports(contract, body),
        **_ports(contract, body),
    }
    texts = {
        "pyproject.toml": PYPROJECT,
        "README.md": README,
        f"{package}/__init__.py": '"""$description"""\n',
        f"{package}/{stage}.py": MODULE.replace("$run", body.run),
        f"tests/test_{name.replace('-', '_')}.py": body.test,
    }
    return {path: Template(text).substitute(words) for path, text in texts.items()}


def _check(name: str, stage: str, cls: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise BadRequest(
            f"'{name}' is no name for a plugin; take small letters and digits with '-' between words, at "
            f"most {LONGEST} characters, such as logit-kd."
        )
    if cls in slmworks.__all__:
        raise BadRequest(f"'{cls}' is a class of slmworks; name the plugin after its method.")
    if name in catalog.plugins(stage):
        taken = catalog.plugins(stage)[name].distribution
        raise BadRequest(f"{taken} has {with_article(stage)} plugin '{name}' already; take another name.")
    try:
        distribution(f"slmworks-{name}")
    except PackageNotFoundError:
        return
    raise BadRequest(f"slmworks-{name} is installed already; take another name.")


def _ports(contract: type[Stage], body: Body) -> dict[str, str]:
    """The ports as parameters of `run`, as a test gives them, and the kinds that the test imports."""
    taken = _taken(contract, body)
    needed = [port for port in taken if port.kind and not port.optional]
    parameters = [f"{port.name}: {_hint(port)}" for port in taken]
    arguments = [f"{port.name}={_argument(port)}" for port in taken]
    rest = ["**_: object"] if body.leaves_out else []
    return {
        "signature": _signature([*parameters, f"task: {task_class(contract).__name__}", *rest], contract),
        "given": needed[0].name if needed else "",
        "arguments": ", ".join(arguments),
        "kinds": ", ".join(sorted({port.kind.__name__ for port in needed if port.kind})),
    }


def _taken(contract: type[Stage], body: Body) -> list[Port]:
    return [port for port in ports(contract).values() if port.name not in body.leaves_out]


def _signature(parameters: list[str], contract: type[Stage]) -> str:
    """The parameters of `run`, in a line where it isn't too long, else one a line."""
    line = ", ".join(["self", "*", *parameters])
    if len(f"    def run({line}) -> {output(contract).__name__}:") <= WIDTH:
        return line
    return "".join(f"\n        {one}," for one in ("self", "*", *parameters)) + "\n    "


def _hint(port: Port) -> str:
    kind = port.kind.__name__ if port.kind else "Mapping[str, Source]"
    return f"{f'Sequence[{kind}]' if port.many else kind}{' | None' if port.optional else ''}"


def _argument(port: Port) -> str:
    if port.optional or not port.kind:
        return "None"
    return "given" if port.kind is Model else f"{port.kind.__name__}(path=tmp_path)"


def _imports(contract: type[Stage], body: Body) -> str:
    """The imports of the module: those of the body, and what the signature names."""
    named: list[type] = [contract, output(contract), task_class(contract)]
    named += [port.kind for port in _taken(contract, body) if port.kind]
    dotted = {f"{one.__module__}.{one.__name__}" for one in named} | set(body.ours)
    face: set[str] = set()
    homes: dict[str, set[str]] = defaultdict(set)
    for one in dotted:
        home, _, name = one.rpartition(".")
        (face if name in slmworks.__all__ else homes[home]).add(name)
    ours = {"slmworks": face, **homes}
    lines = [
        f"from {home} import {', '.join(sorted(names))}" for home, names in sorted(ours.items()) if names
    ]
    between = [] if "" in body.imports else [""]  # for a stranger slmworks is one of the other packages
    return "\n".join([*body.imports, *between, *lines])
