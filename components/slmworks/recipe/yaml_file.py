"""YAML files: plain values, and the line of every key for error messages.

YAML 1.2, duplicate keys refused, no anchors, tags or merges.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean, first_line

Where = tuple[str | int, ...]
"""A place in the file: keys and list positions from the top."""


def place(file: str, lines: Mapping[Where, int], where: Where) -> str:
    """A place for an error message: `pipelines/my.yaml:14 steps.student.with.temprature`."""
    path = tuple(where)
    while path and path not in lines:
        path = path[:-1]
    line = f":{lines[path]}" if path in lines else ""
    return f"{file}{line} {'.'.join(str(part) for part in where)}".rstrip()


def read_text(path: str | Path, noun: str) -> str:
    """The text of a file named by a person; `noun` is its kind, for the error."""
    file = Path(path)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadRequest(f"{path}: no such {noun}. {_beside(file)}") from None
    except IsADirectoryError:
        raise BadRequest(
            f"{path}: is a folder; name the {noun}'s file in it. {_beside(file / 'x')}"
        ) from None
    except OSError as error:
        raise BadRequest(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path}: not UTF-8 text (byte {error.start}); save the {noun} as UTF-8.") from None


def _beside(file: Path) -> str:
    found = sorted(path.name for path in file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
    return did_you_mean(file.name, found) if found else "Give the path of a .yaml file."


def load(text: str, file: str, noun: str, *, needs: str) -> tuple[Any, dict[Where, int]]:
    """YAML text -> plain values, and the line of every key and item; BadRequest names a mistake's line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    lines: dict[Where, int] = {}
    try:
        node = yaml.compose(text)
        if node is None:
            raise BadRequest(f"{file}: the file is empty; {noun} needs {needs}.")
        return _plain(node, (), lines, file, yaml.constructor), lines
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise BadRequest(f"{file}{line}: not YAML: {error.problem or error.context}.") from None
    except (YAMLError, ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else first_line(error)
        raise BadRequest(f"{file}: not YAML: {problem}.") from None


def _plain(node: Any, where: Where, lines: dict[Where, int], file: str, constructor: Any) -> Any:
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    lines.setdefault(where, node.start_mark.line + 1)
    if node.anchor:
        raise BadRequest(f"{file}:{node.start_mark.line + 1}: no anchors or aliases here; write it out.")
    if isinstance(node, SequenceNode):
        return [_plain(item, (*where, i), lines, file, constructor) for i, item in enumerate(node.value)]
    if isinstance(node, MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise BadRequest(f"{file}:{line}: a key must be a word.")
            if key in found:
                first = lines[(*where, key)]
                raise BadRequest(
                    f"{file}:{line} {'.'.join(map(str, (*where, key)))}: written twice "
                    f"(first in line {first}); keep one."
                )
            lines[(*where, key)] = line
            found[key] = _plain(value_node, (*where, key), lines, file, constructor)
        return found
    value = constructor.construct_object(node, deep=True)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(node.value)
