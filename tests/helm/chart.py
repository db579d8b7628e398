"""The chart, rendered by the real Helm SDK for each of its ci/ values files and of the examples."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

helm = pytest.importorskip("helm_python", reason="no Helm SDK here: pip install helm-python-sdk")

HELM = Path(__file__).parents[2] / "helm"
CHART = HELM / "slmworks"
FILES = {
    path.name.removesuffix("-values.yaml"): path
    for folder in (CHART / "ci", HELM / "examples")
    for path in sorted(folder.glob("*-values.yaml"))
    if path.name != "airflow-values.yaml"  # those of Airflow's own chart
}
FEATURES = sorted(FILES)
RELEASE = {"name": "demo", "namespace": "team"}
Object = dict[str, Any]


@cache
def loaded() -> Any:
    """The chart, read once."""
    return helm.Chart.load(CHART)


def values(feature: str, more: Object | None = None) -> Object:
    """The values of a feature's file, with others laid over them."""
    found = helm.values_from_yaml(FILES[feature].read_text())
    return over(found, more or {})


def over(wider: Object, more: Object) -> Object:
    """Values laid over others, maps by key, as Helm does it."""
    both = (wider.keys() & more.keys()) & {name for name, value in more.items() if isinstance(value, dict)}
    return {**wider, **more, **{name: over(wider[name], more[name]) for name in both}}


def templates(feature: str, more: Object | None = None) -> dict[str, str]:
    """Template -> what it gives, without those that give nothing."""
    return given(loaded().render(values(feature, more), **RELEASE))


def given(rendered: dict[str, str]) -> dict[str, str]:
    """The same of what was rendered in another way."""
    return {path.removeprefix("slmworks/"): text for path, text in sorted(rendered.items()) if text.strip()}


def objects(feature: str, more: Object | None = None) -> list[Object]:
    """The objects of a feature; a test may edit them."""
    return parsed(templates(feature, more)) if more else deepcopy(_objects(feature))


@cache
def _objects(feature: str) -> list[Object]:
    return parsed(templates(feature))


def parsed(rendered: dict[str, str]) -> list[Object]:
    """The objects in what was rendered."""
    texts = (text for path, text in rendered.items() if path.endswith(".yaml"))
    return [found for text in texts for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def of_kind(kind: str, found: list[Object]) -> Object:
    """The one object of a kind, beside those that `helm test` makes."""
    kept = [each for each in found if "helm.sh/hook" not in each["metadata"].get("annotations", {})]
    (one,) = (each for each in (found if kind == "Pod" else kept) if each["kind"] == kind)
    return one


def pods(found: list[Object]) -> Iterator[Object]:
    """The pod of every object that makes some."""
    for one in found:
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]["spec"]
        elif one["kind"] == "InferenceService":
            yield one["spec"]["predictor"]


def every_pod(found: list[Object]) -> Iterator[Object]:
    """These, and the one of `helm test`."""
    yield from pods(found)
    yield from (one["spec"] for one in found if one["kind"] == "Pod")


def containers(found: list[Object]) -> Iterator[Object]:
    """Every container, init steps too."""
    for pod in every_pod(found):
        yield from (*pod.get("initContainers", ()), *pod["containers"])
