"""Task files of the harness, made safe to read: data beside them, and no code.

The harness runs Python that a task file names, and loads data sets from a hub. Here a file may do neither:
a copy with whole paths is what the harness gets to see.
"""

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest, first_line

LOADERS = ("csv", "json", "parquet", "text")
"""Of `datasets`: those that read files and run no code."""
REFUSED = ("include", "class", "unsafe_code", "custom_dataset", "use_prompt")
"""Keys that name code or further files."""


def copied(files: Files, folder: Path, metrics: Container[str]) -> list[str]:
    """Write the tasks into a folder, with whole paths; their names. BadRequest for a file that is none.

    `metrics`: names of the harness's own; any other one it would load as a script, from a path or a hub.
    """
    found: dict[str, Path] = {}
    for path in sorted((*files.path.rglob("*.yaml"), *files.path.rglob("*.yml"))):
        content = _read(path)
        _require_own(path, content.get("metric_list"), metrics)
        name = content["task"]
        if name in found:
            raise BadRequest(
                f"{path.name}: {found[name].name} has a task '{name}' too; give one another name."
            )
        found[name] = path
        with (folder / f"task_{len(found)}.yaml").open("w", encoding="utf-8") as out:
            YAML(typ="safe", pure=True).dump(content, out)
    if not found:
        raise BadRequest(
            "probes: no task file of the harness; give it a folder with NAME.yaml and the data beside it."
        )
    return list(found)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        why = (
            "it names code (!function), which is not run" if "!function" in str(error) else first_line(error)
        )
        raise BadRequest(f"{path.name}: {why}; write it as plain YAML.") from None
    if not isinstance(content, dict) or not isinstance(content.get("task"), str):
        raise BadRequest(f"{path.name}: it is no task; it must name one (`task: NAME`), groups are not read.")
    for key in REFUSED:
        if key in content:
            raise BadRequest(f"{path.name}: `{key}` names code or other files; write the task out here.")
    if content.get("dataset_path") not in LOADERS:
        raise BadRequest(
            f"{path.name}: dataset_path is {content.get('dataset_path')!r}; name {', '.join(LOADERS)} and "
            "files beside it (dataset_kwargs: {data_files: {test: FILE}})."
        )
    given = content.get("dataset_kwargs")
    kwargs = given if isinstance(given, dict) else {}
    named = kwargs.get("data_files")
    if not isinstance(named, dict) or not named or set(kwargs) != {"data_files"}:
        raise BadRequest(f"{path.name}: dataset_kwargs must hold data_files by split, and nothing else.")
    return {**content, "dataset_kwargs": {"data_files": dict(_whole(path, named))}}


def _require_own(path: Path, said: object, metrics: Container[str]) -> None:
    named = [] if said is None else said if isinstance(said, list) else [said]
    for one in named:
        metric: dict[str, Any] = one if isinstance(one, dict) else {}
        name = metric.get("metric")
        if not isinstance(name, str):
            raise BadRequest(f"{path.name}: metric_list must be a list of {{metric: NAME}}.")
        if name not in metrics or metric.get("hf_evaluate", False) is not False:
            raise BadRequest(
                f"{path.name}: the metric '{name}' is none of the harness's own, and a metric's code from "
                "elsewhere is not run; name one of its own (acc, exact_match), without `hf_evaluate`."
            )


def _whole(path: Path, named: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for split, some in named.items():
        files = [some] if isinstance(some, str) else some
        yield str(split), [str(_beside(path, one)) for one in files]


def _beside(path: Path, name: object) -> Path:
    file = (path.parent / str(name)).resolve()
    if "://" in str(name) or not file.is_relative_to(path.parent.resolve()) or not file.is_file():
        raise BadRequest(f"{path.name}: no file '{name}' lies beside it.")
    return file
