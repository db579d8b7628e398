"""A Release: an MLflow model that stands alone, built so that the same model gives the same bytes.

    MLmodel                       what MLflow reads; no time, no random id
    classifier.py                 models-from-code: the runtime that measured the model, as a pyfunc
    requirements.txt …            public packages only, pinned to what is installed; never slmworks
    input_example.json …          one harmless sentence; nobody's data is shipped inside a release
    model/                        exactly the model that was judged
    slmworks.json                 header, written on commit

Nothing here imports MLflow: the format is its own, and a test loads the result with it. Nothing here
decides: what may be served is asked of the registry's log.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import HEADER, Model
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import File, scan, tree_digest
from slmworks.registry.log import Entry, Registry

if TYPE_CHECKING:
    from slmworks.registry.state import ModelState, Version

EXAMPLE = "I would buy this again without thinking twice."
"""The text of every release's input example."""

_PINNED = ("mlflow", "numpy", "onnxruntime", "pandas", "tokenizers")

_PYFUNC = '''

import mlflow
import pandas as pd


class Release(mlflow.pyfunc.PythonModel):
    """A column `text` in, columns `label`, `score` and `scores` out, row by row."""

    def load_context(self, context):
        self.classifier = OnnxClassifier(context.artifacts["model"])

    def predict(self, context, model_input: pd.DataFrame, params=None):
        return pd.DataFrame(self.classifier.classify(list(model_input["text"])))


mlflow.models.set_model(Release())
'''


@dataclass(frozen=True)
class Digests:
    """What identifies a release: its model, everything around it, and the whole folder."""

    model: str
    wrapper: str
    whole: str


@dataclass(frozen=True)
class Approved:
    """A release whose files were hashed and found to be those that were approved."""

    folder: Path
    entry: Entry
    """The registration: name, version and digests."""


def build(folder: Path, model: Model) -> Digests:
    """Fill an empty folder with a release of `model`; `whole` is of what it holds so far (no header)."""
    if model.format != "onnx" or model.task != "classification":
        what = (
            f"a model of format '{model.format}'"
            if model.format != "onnx"
            else "a model that is no classifier"
        )
        raise BadRequest(
            f"{what} cannot be released: a release runs on ONNX Runtime and classifies. "
            "Export it first (a step with stage: export, before evaluate)."
        )
    copied = folder / "model"
    shutil.copytree(model.path, copied, copy_function=shutil.copyfile)
    found = tree_digest(scan(copied))
    if found != model.digest:
        raise CorruptObject(
            f"objects/{model.digest[:12]}…: its files give {found[:12]}; run the recipe again."
        )
    for name, text in _wrapper(model.digest).items():
        (folder / name).write_text(text, encoding="utf-8")
    return digests(folder)


def wrapper_digest(model_digest: str) -> str:
    """What `build` would give as `wrapper` here and now for a model with this digest; builds nothing."""
    texts = {name: text.encode() for name, text in _wrapper(model_digest).items()}
    return tree_digest(
        File(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in texts.items()
    )


def is_whole(folder: Path, entry: Entry) -> bool:
    """Whether a folder's files, all of them hashed, are the release that an entry of the log names."""
    return digests(folder) == Digests(entry.model_digest, entry.wrapper_digest, entry.release)


def digests(folder: Path) -> Digests:
    """Hash every file of a release."""
    return digests_of(scan(folder))


def digests_of(files: Sequence[File]) -> Digests:
    """What identifies a release that consists of these files."""
    inside = [f for f in files if f.path.startswith("model/")]
    model = [f.model_copy(update={"path": f.path.removeprefix("model/")}) for f in inside]
    wrapper = [f for f in files if f not in inside and f.path != HEADER]
    return Digests(tree_digest(model), tree_digest(wrapper), tree_digest(files))


def approved_release(registry: Registry, name: str, version: int | None = None) -> Approved:
    """The champion (or an approved version) of `name` in the registry's store, every file verified.

    BadRequest when it isn't approved, or when any file differs from what was approved.
    """
    entry = chosen(registry.state(name), version).registered
    registry.approved(name, entry.version, entry.model_digest, entry.wrapper_digest)
    folder = registry.store.folder(entry.release)
    require_approved(registry, name, entry.version, folder)
    return Approved(folder, entry)


def require_approved(registry: Registry, name: str, version: int, folder: Path) -> None:
    """Hash a release's files and ask the log whether exactly these were approved; BadRequest if not."""
    found = digests(folder)
    registry.approved(name, version, found.model, found.wrapper)
    if found.whole != registry.state(name).version(version).registered.release:
        raise BadRequest(
            f"{name} v{version}: its {HEADER} was changed after the release was made. "
            "Run the recipe again to restore it."
        )


def chosen(state: "ModelState", version: int | None = None, model_digest: str = "") -> "Version":
    """The version that is meant: by number, by the digest of its model, or the champion.

    Of several with that digest the newest approved one. What it finds need not be approved.
    """
    if not model_digest:
        return _champion(state) if version is None else state.version(version)
    candidates = [state.version(version)] if version is not None else list(state.versions)
    same = [one for one in candidates if one.registered.model_digest == model_digest]
    if not same:
        which = f"{state.name} has no version" if version is None else f"{state.name} v{version} is not one"
        raise BadRequest(f"{which} with model sha256:{model_digest}. See `slmworks models {state.name}`.")
    return next((one for one in reversed(same) if one.status == "approved"), same[-1])


def _champion(state: "ModelState") -> "Version":
    if state.champion is not None:
        return state.champion
    waiting = state.candidate
    way_out = (
        f"Approve v{waiting.number}: slmworks approve {state.name} {waiting.number} --because '…'"
        if waiting
        else "Train another candidate."
    )
    raise BadRequest(f"{state.name} has no approved version to serve. {way_out}")


def _wrapper(model_digest: str) -> dict[str, str]:
    """File name -> text of everything around `model/`. Depends on the digest and on what is installed."""
    requirements = [f"{package}=={_installed(package)}" for package in _PINNED]
    python = platform.python_version()
    example = {"columns": ["text"], "data": [[EXAMPLE]]}
    return {
        "MLmodel": _json(_mlmodel(model_digest, python)),
        "classifier.py": _classifier(),
        "requirements.txt": "\n".join(requirements) + "\n",
        "python_env.yaml": _json(
            {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
        ),
        "input_example.json": _json(example),
        "serving_input_example.json": _json({"dataframe_split": example}),
    }


def _mlmodel(model_digest: str, python: str) -> dict[str, Any]:
    # JSON is YAML: no YAML writer decides about our bytes.
    inputs = [{"type": "string", "name": "text", "required": True}]
    outputs = [
        {"type": "string", "name": "label", "required": True},
        {"type": "double", "name": "score", "required": True},
        {"type": "map", "values": {"type": "double", "required": True}, "name": "scores", "required": True},
    ]
    return {
        "flavors": {
            "python_function": {
                "artifacts": {"model": {"path": "model", "uri": "model"}},
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.pyfunc.loaders.code_model",
                "model_code_path": "classifier.py",
                "python_version": python,
                "streamable": False,
            }
        },
        "metadata": {"model_digest": model_digest},
        "mlflow_version": _installed("mlflow"),
        "model_uuid": model_digest[:32],
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
    }


def _classifier() -> str:
    """The runtime's own source with a pyfunc appended: what was measured is what ships."""
    from slmworks.model_tasks.text_classification import onnx

    return Path(onnx.__file__).read_text(encoding="utf-8") + _PYFUNC


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise BadRequest(
            f"a release pins {package}, which is not installed: pip install 'slmworks[run]'"
        ) from None


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
