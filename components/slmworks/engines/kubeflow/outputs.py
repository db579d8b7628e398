"""Outputs of a task in Kubeflow's pages: numbers, a confusion matrix, a gate's page."""

import math
from collections.abc import Mapping
from typing import Any

from slmworks.contract.artifact import Artifact, Report
from slmworks.contract.errors import SlmworksError
from slmworks.engines.kubeflow.component import CONFUSION, MADE, PAGE, PASSED
from slmworks.engines.kubeflow.entry import ExecutorInput
from slmworks.evaluate.quality_report import QualityReport, is_quality
from slmworks.execution.outcome import Outcome
from slmworks.execution.spec import TaskSpec
from slmworks.packet.gather import packet
from slmworks.packet.markup import el
from slmworks.store import Store

MOST_LABELS = 60
"""A confusion matrix of more would not fit into Kubeflow's metadata (64 kB), nor on a screen."""


def answer(said: ExecutorInput, spec: TaskSpec, outcome: Outcome, store: Store) -> None:
    """Write every output of a task that ended well (a refused gate did)."""
    manifest = outcome.manifest
    assert manifest is not None
    metadata = {MADE: _about(spec, outcome, store)}
    said.write(MADE, manifest.dump())
    if PASSED in said.files:
        said.write_parameter(PASSED, manifest.passed and not manifest.absent)
    if PAGE in said.outputs:
        said.write(PAGE, _page(store, manifest.digest))
    if CONFUSION in said.outputs:
        said.write(CONFUSION, "")
        metadata[CONFUSION] = _confusion(store, manifest.digest)
    said.finish(metadata)


def _about(spec: TaskSpec, outcome: Outcome, store: Store) -> dict[str, Any]:
    """Metadata of an artifact: numbers first, since Kubeflow shows those of Metrics as a table."""
    manifest = outcome.manifest
    assert manifest is not None
    if manifest.absent:
        return {"absent": manifest.absent}
    return {
        **_numbers(manifest.summary),
        "bytes": manifest.size,
        "digest": manifest.digest,
        "store": f"{store.url}/{manifest.key}",
        "plugin": f"{spec.stage} {spec.plugin}",
        "options": dict(manifest.producer.get("options", {})),
        "cached": outcome.state == "cached",
    }


def _numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in summary.items()
        if isinstance(value, str | bool) or (isinstance(value, int | float) and math.isfinite(value))
    }


def _page(store: Store, verdict: str) -> str:
    try:
        return packet(store, verdict)[1] if verdict else ""
    except SlmworksError as error:  # a page never fails a gate
        return f"<!doctype html><meta charset=utf-8>{el('p', error)}"


def _confusion(store: Store, digest: str) -> dict[str, Any]:
    """The confusion matrix of the test split, as Kubeflow draws it (rows are the truth); empty for none.

    Of validation, where test was not judged.
    """
    if not digest:
        return {}
    report = Artifact.open(store.folder(digest), digest=digest)
    if not isinstance(report, Report) or not is_quality(report):
        return {}
    quality = QualityReport(report)
    found = quality.split(quality.splits[-1]).get("details", {}).get("confusion", {})
    labels = found.get("labels", [])
    if not 0 < len(labels) <= MOST_LABELS:
        return {}
    return {
        "confusionMatrix": {
            "annotationSpecs": [{"displayName": label} for label in labels],
            "rows": [{"row": row} for row in found["matrix"]],
        }
    }
