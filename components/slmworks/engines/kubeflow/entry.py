"""Executor input and executor output of one task on Kubeflow.

Kubeflow's launcher has downloaded the input artifacts (manifests), and uploads the files at the outputs'
paths.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from slmworks.contract.errors import BadRequest

MOUNTS = ("gs", "minio", "s3")
"""Schemes of artifact addresses; the launcher keeps them below /gcs, /minio and /s3."""


@dataclass(frozen=True)
class ExecutorInput:
    """One task as Kubeflow describes it to its container."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, Path]
    """Input artifact -> the file that was downloaded: a manifest."""
    outputs: Mapping[str, Mapping[str, Any]]
    """Output artifact -> Kubeflow's description of it."""
    files: Mapping[str, Path]
    """Output parameter -> where its value is to be written."""
    answer: Path
    """Where `executor_output.json` is to be written."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the JSON of `{{$}}`; BadRequest for anything else."""
        try:
            said = json.loads(text)
            inputs, outputs = said.get("inputs", {}), said["outputs"]
            made = outputs.get("artifacts", {})
            return cls(
                parameters=dict(inputs.get("parameterValues", {})),
                artifacts={name: path_of(_one(found)) for name, found in inputs.get("artifacts", {}).items()},
                outputs={name: _one(found) for name, found in made.items()},
                files={name: Path(one["outputFile"]) for name, one in outputs.get("parameters", {}).items()},
                answer=Path(outputs["outputFile"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise BadRequest(
                f"--executor-input: not what Kubeflow passes to a component: {type(error).__name__}: {error}."
            ) from None

    def parameter(self, name: str) -> str:
        """A text parameter that the component must have."""
        try:
            return str(self.parameters[name])
        except KeyError:
            raise BadRequest(
                f"--executor-input: no parameter '{name}'; compile the recipe again with this version."
            ) from None

    @property
    def status(self) -> str:
        """For the task that runs last: how the pipeline ended (`SUCCEEDED`, `FAILED`)."""
        return str((self.parameters.get("status") or {}).get("state", ""))

    def write(self, name: str, text: str) -> None:
        """Write an output artifact's file."""
        self._put(path_of(self.outputs[name]), text)

    def write_parameter(self, name: str, value: Any) -> None:
        """Write an output parameter's value."""
        self._put(self.files[name], json.dumps(value))

    def finish(self, metadata: Mapping[str, Mapping[str, Any]]) -> None:
        """Write `executor_output.json`; `metadata`: values that Kubeflow shows of each output artifact."""
        artifacts = {
            name: {"artifacts": [{**described, "metadata": dict(metadata.get(name, {}))}]}
            for name, described in self.outputs.items()
        }
        self._put(self.answer, json.dumps({"artifacts": artifacts}))

    def _put(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def path_of(artifact: Mapping[str, Any]) -> Path:
    """Where an artifact lies in the container."""
    if artifact.get("customPath"):
        return Path(artifact["customPath"])
    scheme, separator, rest = str(artifact["uri"]).partition("://")
    if separator and scheme in MOUNTS:
        return Path("/", "gcs" if scheme == "gs" else scheme, rest)
    return Path(str(artifact["uri"]))


def _one(found: Mapping[str, Any]) -> Mapping[str, Any]:
    one: Mapping[str, Any] = found["artifacts"][0]
    return one
