"""A release's model card in Hugging Face's form: `README.md` with a front matter in YAML.

The same model, verdict, sources and words give the same bytes: it knows no version and no time.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from slmworks.contract.artifact import Model
from slmworks.contract.model_card import TITLES, ModelCard
from slmworks.contract.model_task import ModelTask, Row
from slmworks.lineage.licences import Sources
from slmworks.numbers import figures
from slmworks.packet.markdown_text import code, escaped, fenced, paragraph, table
from slmworks.packet.table import cells, headings
from slmworks.packet.terms import Term, licence_of_release, terms

_NAMES = """
apache-2.0 mit bsd bsd-2-clause bsd-3-clause gpl gpl-2.0 gpl-3.0 agpl-3.0 lgpl-2.1 lgpl-3.0 mpl-2.0 isc
unlicense wtfpl cc cc0-1.0 cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0
cc-by-nc-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nc-nd-4.0 cc-by-nd-4.0 openrail creativeml-openrail-m
bigscience-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m epl-2.0 eupl-1.2 artistic-2.0 odbl
odc-by gemma llama2 llama3 llama3.1 llama3.2 llama3.3 afl-3.0 ms-pl zlib
"""
KNOWN = frozenset(_NAMES.split())
"""Licences that Hugging Face's front matter has words for; any other is `other` with a name."""


def model_card(
    name: str,
    model: Model,
    task: ModelTask,
    verdict: Mapping[str, Any],
    *,
    card: ModelCard,
    sources: Sources,
    example: Row,
) -> str:
    """The file's text. A verdict of a gate from elsewhere may hold nothing but `passed`: then no measures."""
    front = "".join(f"{key}: {_yaml(value)}\n" for key, value in _front(name, task, verdict, card, sources))
    return (
        f"---\n{front}---\n\n" + "\n\n".join(_body(name, model, task, verdict, card, sources, example)) + "\n"
    )


def _front(
    name: str, task: ModelTask, verdict: Mapping[str, Any], card: ModelCard, sources: Sources
) -> Iterator[tuple[str, Any]]:
    licence = licence_of_release(card, sources)
    named = licence.lower().replace(" ", "-")
    if named in KNOWN:
        yield "license", named
    elif licence:
        yield "license", "other"
        yield "license_name", re.sub(r"[^a-z0-9.]+", "-", named).strip("-")
    if card.language:
        yield "language", list(card.language)
    yield "pipeline_tag", task.name
    yield "tags", ["slmworks"]
    for key, found in (("base_model", sources.weights), ("datasets", sources.data)):
        if repositories := list(dict.fromkeys(one.repository for one in found if one.repository)):
            yield key, repositories
    if row := _chosen(verdict):
        yield "model-index", [{"name": name, "results": [_result(task, row, sources)]}]


def _result(task: ModelTask, row: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    names = ", ".join(one.name for one in sources.data) or "data of the recipe"
    kind = next((one.repository for one in sources.data if one.repository), "") or "private"
    return {
        "task": {"type": task.name},
        "dataset": {"type": kind, "name": names, "split": "test"},
        "metrics": [
            {"type": measure, "name": task.title(measure), "value": found["value"]}
            for measure, found in row["measures"].items()
        ],
    }


def _body(
    name: str,
    model: Model,
    task: ModelTask,
    verdict: Mapping[str, Any],
    card: ModelCard,
    sources: Sources,
    example: Row,
) -> Iterator[str]:
    yield f"# {paragraph(name)}"
    size = sum(path.stat().st_size for path in model.path.rglob("*") if path.is_file())
    parameters = model.meta.get("parameters")
    counted = f", {figures.count(int(parameters))} parameters" if parameters else ""
    yield f"A model for {task.name}, format {escaped(model.format)}{counted}, {figures.size(size)}."
    yield f"The folder {code('model/')} is what was judged: {code(f'sha256:{model.digest}')}."
    stated = terms(card, sources)
    for one in stated[: len(TITLES)]:
        yield f"## {one.title}"
        yield _said(one)
    yield "## Licences"
    yield table(("of", "licence", "stated in"), (_licence(one) for one in stated[len(TITLES) :]))
    yield from _measures(verdict)
    yield "## Use"
    yield fenced(
        "import mlflow, pandas\n"
        'model = mlflow.pyfunc.load_model("path/of/this/folder")\n'
        f"model.predict(pandas.DataFrame([{json.dumps(dict(example), ensure_ascii=False)}]))",
        "python",
    )


def _said(term: Term) -> str:
    return paragraph(term.text) if term.text else "Not declared."


def _licence(term: Term) -> tuple[str, str, str]:
    problem = f" ({term.problem})" if term.problem and term.text else ""
    return term.title, f"{term.text}{problem}" if term.text else term.problem or "not declared", term.where


def _measures(verdict: Mapping[str, Any]) -> Iterator[str]:
    if not _chosen(verdict):
        return
    yield "## Measures"
    named = headings(verdict)
    yield table(named, [cells(verdict, row) for row in verdict["rows"]], numbers=len(named) - 2)
    yield paragraph(
        f"Rows of the test set: {figures.count(verdict['rows'][0]['n'])}; × is against the teacher."
    )
    if words := (verdict.get("linear") or {}).get("words"):
        yield paragraph(f"{words}.")
    if verdict.get("sentence"):
        yield paragraph(f"The gate: {verdict['sentence']}.")


def _chosen(verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row of the model that is released, where the verdict has a table."""
    try:
        headings(verdict)
        return next((one for one in verdict.get("rows", ()) if one["chosen"] and one["measures"]), None)
    except (KeyError, TypeError):
        return None


def _yaml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML: no writer decides about our bytes
