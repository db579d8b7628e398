"""Artifacts: the folders that steps hand to each other.

Beside a plugin's files an artifact holds `slmworks.json`, its header: kind, format, metadata (`meta`) and
references to other artifacts (`refs`, by digest). The header is part of the bytes, so two models with equal
scores still have different reports. Numbers for people (`summary`) and the origin (`producer`) are in the
manifest only: they may differ between two runs that made the same bytes.

This module moves no bytes and knows no store.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from slmworks.contract.errors import BadRequest
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.hosted import Hosted, hosted_in
from slmworks.contract.manifest import File, drop_empty_folders, scan

HEADER = "slmworks.json"
"""Name of the header file in every artifact's folder."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".h5", ".msgpack")
"""Endings under which model weights are stored as pickles (or formats that can run code)."""


GGUF_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
"""Name of one part of a model that llama.cpp has split."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A folder with a header. A plugin gets artifacts through its ports and returns one."""

    kind: ClassVar[str] = "Artifact"
    path: Path
    """Folder on this machine; that of an input is read-only."""
    format: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Metadata as JSON values; part of its bytes."""
    refs: Mapping[str, str] = field(default_factory=dict)
    """Role -> digest of another artifact that this one refers to; part of its bytes."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Numbers for people; not part of the bytes."""
    digest: str = ""
    """Tree digest; empty until committed."""
    lasting: bool = True
    """False: true of this moment only (a time on a busy machine), so the task is done again in the next run.
    Not part of its bytes."""

    @property
    def model_task(self) -> str:
        """Model task in its header; empty for bytes from outside, or a bare encoder or decoder."""
        return str(self.meta.get("task", ""))

    @property
    def as_teacher(self) -> str:
        """What its ledgers know it by: its digest, or what `meta` says for one that isn't its bytes."""
        return str(self.meta.get("as_teacher") or self.digest)

    def seal(self) -> tuple[File, ...]:
        """Write the header file into the folder and hash everything below it; empty folders are dropped."""
        header = {
            "kind": self.kind,
            "format": self.format,
            "meta": dict(self.meta),
            "refs": dict(self.refs),
        }
        text = json.dumps(header, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (self.path / HEADER).write_text(text, encoding="utf-8")
        drop_empty_folders(self.path)
        return scan(self.path)

    @classmethod
    def open(cls, folder: Path, *, digest: str = "") -> "Artifact":
        """A sealed folder as the artifact that its header names; BadRequest without a valid header."""
        try:
            said = json.loads((folder / HEADER).read_bytes().decode("utf-8"))
            noun = KINDS[said["kind"]]
            return noun(
                path=folder,
                format=said["format"],
                meta=said["meta"],
                refs=said["refs"],
                digest=digest,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadRequest(
                f"{folder}: not an artifact ({type(error).__name__}: {error}). "
                f"Its {HEADER} must name kind, format, meta and refs."
            ) from None


@dataclass(frozen=True, kw_only=True)
class Files(Artifact):
    """Bytes from outside, as they were: `<input name>/<file>`."""

    kind: ClassVar[str] = "Files"
    format: str = "files"

    def folder(self, name: str) -> Path:
        """The folder of one input name."""
        return self.path / name

    @property
    def names(self) -> tuple[str, ...]:
        """The input names, sorted."""
        return tuple(sorted(entry.name for entry in self.path.iterdir() if entry.is_dir()))


@dataclass(frozen=True, kw_only=True)
class Dataset(Artifact):
    """Rows: one `<split>.parquet` a split, `card.json` with counts and statistics.

    Columns: `id`, `source` (strings), and the inputs and targets of its model task (`meta["task"]`). The
    split `transfer` holds unlabelled rows (their targets are null).
    """

    kind: ClassVar[str] = "Dataset"
    format: str = "parquet"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that were handed over (a training step never gets `test`), sorted."""
        return tuple(sorted(path.stem for path in self.path.glob("*.parquet")))

    def file(self, split: str) -> Path:
        """The Parquet file of a split; BadRequest names the splits there are."""
        path = self.path / f"{split}.parquet"
        if not path.exists():
            have = ", ".join(self.splits) or "none"
            raise BadRequest(
                f"the data has no split '{split}' (there are: {have}); make it in the curate step."
            )
        return path

    def has(self, split: str, name: str) -> bool:
        """True if a split has the column."""
        import pyarrow.parquet as pq

        return name in pq.ParquetFile(self.file(split)).schema_arrow.names

    def columns(self, split: str, *names: str) -> list[list[Any]]:
        """The named columns of a split as Python lists, one list a name."""
        import pyarrow.parquet as pq

        table = pq.ParquetFile(self.file(split)).read(list(names))  # `read_table` would import pandas
        return [table.column(name).to_pylist() for name in names]

    def rows(self, split: str, *names: str) -> list[dict[str, Any]]:
        """The named columns of a split, row by row."""
        columns = self.columns(split, *names)
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Model(Artifact):
    """A model that can be loaded without running anyone's code.

    Formats: `hf` (Hugging Face folder with safetensors and tokenizer.json), `onnx` (`model.onnx`,
    `tokenizer.json`), `gguf` (one `.gguf` file, its tokenizer inside) and `openai` (a file
    that says where somebody else computes it, `slmworks.contract.hosted`). `meta`: `task` (its model task, as
    headers name it), `max_length` (tokens), `parameters` (count), and the keys that its model task shares
    between model and data.
    """

    kind: ClassVar[str] = "Model"
    format: str = "hf"

    @classmethod
    def from_files(cls, files: Files) -> "Model":
        """The one model in fetched files: a Hugging Face folder, a GGUF file or a hosted model's file.

        BadRequest for any other.

        A folder with config.json and without *.safetensors is no Hugging Face model where a .gguf file lies
        beside them: publishers of GGUF files add the configuration for readers.
        """
        configs = sorted(files.path.rglob("config.json"), key=lambda path: (len(path.parts), path))
        weighted = [path for path in configs if any(path.parent.glob("*.safetensors"))]
        single = sorted(files.path.rglob("*.gguf"))
        if single and not weighted:
            return cls(path=_folder_of_one(single), format="gguf", meta={}, digest=files.digest)
        if not configs and (remote := hosted_in(files.path)):
            meta = {"as_teacher": Hosted.read(remote).identity}
            return cls(path=remote.parent, format=HOSTED, meta=meta, digest=files.digest)
        if not configs:
            raise BadRequest(
                "what was fetched holds no config.json, so it is not a Hugging Face model folder, and no "
                ".gguf file; point at the folder with config.json and model.safetensors, at a .gguf file, or "
                "at a hosted model's NAME.hosted.json."
            )
        folder = configs[0].parent
        twins = [path.parent.name for path in configs if len(path.parts) == len(configs[0].parts)]
        if len(twins) > 1:
            raise BadRequest(
                f"what was fetched holds {len(twins)} models ({', '.join(twins)}); point at one of them."
            )
        if folder not in {path.parent for path in weighted}:
            pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
            if pickles:
                raise BadRequest(
                    f"{folder.name}/{pickles[0]} is a pickle, which can run code when it is loaded; "
                    "convert the weights to model.safetensors."
                )
            raise BadRequest(f"{folder.name}/ has config.json but no *.safetensors; add the weights.")
        return cls(path=folder, format="hf", meta={}, digest=files.digest)


def _folder_of_one(found: Sequence[Path]) -> Path:
    """The folder of the one .gguf file; BadRequest for several, whether models or parts of one."""
    names = sorted(path.name for path in found)
    parts = [GGUF_PART.fullmatch(name) for name in names]
    if any(parts):
        raise BadRequest(_parts_problem(names, [part for part in parts if part]))
    if len(names) > 1:
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        raise BadRequest(f"what was fetched holds {len(names)} GGUF models ({shown}); point at one of them.")
    return found[0].parent


def _parts_problem(names: Sequence[str], parts: Sequence[re.Match[str]]) -> str:
    """The line about a model that is split into several .gguf files: what is missing, how to join."""
    stem, count = parts[0][1], parts[0][3]
    wanted = (f"{stem}-{number:05}-of-{count}.gguf" for number in range(1, int(count) + 1))
    absent = next((name for name in wanted if name not in names), "")
    missing = f", and {absent} is missing" if absent else ""
    return (
        f"{names[0]} is a part of a model in {int(count)} files{missing}; join them with llama.cpp's "
        "`llama-gguf-split --merge` and point at the one file."
    )


@dataclass(frozen=True, kw_only=True)
class Report(Artifact):
    """Measurements of one model: `report.json`, and `predictions.parquet` where rows were judged.

    `refs["model"]` is the model it is about, `refs["data"]` the data it was measured on,
    `refs["baseline"]` the Report (not the model) it was compared with.
    """

    kind: ClassVar[str] = "Report"
    format: str = "json"

    def read(self) -> dict[str, Any]:
        """The content of `report.json`."""
        return dict(json.loads((self.path / "report.json").read_text(encoding="utf-8")))


@dataclass(frozen=True, kw_only=True)
class Selection(Artifact):
    """Which of several models go on: `selection.json`.

    `meta["goes_on"]`: digests of the models that do, the best first; `meta["stopped"]`: digest of every other
    one -> why, in a few words. `refs`: `report.0`, …, what it was decided on.
    """

    kind: ClassVar[str] = "Selection"
    format: str = "json"

    def read(self) -> dict[str, Any]:
        """The content of `selection.json`."""
        return dict(json.loads((self.path / "selection.json").read_text(encoding="utf-8")))


@dataclass(frozen=True, kw_only=True)
class Verdict(Artifact):
    """A gate's decision: `verdict.json`, `meta["passed"]`; `refs["model"]` is the chosen model."""

    kind: ClassVar[str] = "Verdict"
    format: str = "json"

    @property
    def passed(self) -> bool:
        """True if the gate accepted a candidate."""
        return bool(self.meta.get("passed"))

    def read(self) -> dict[str, Any]:
        """The content of `verdict.json`."""
        return dict(json.loads((self.path / "verdict.json").read_text(encoding="utf-8")))


@dataclass(frozen=True, kw_only=True)
class Release(Artifact):
    """An MLflow model that stands alone: MLmodel, wrapper, requirements and `model/`.

    `meta`: `name`, `version`, `model_digest` (of `model/`), `wrapper_digest` (of everything else, header
    and card apart).
    `refs`: `model`, `verdict`.
    """

    kind: ClassVar[str] = "Release"
    format: str = "mlflow"


@dataclass(frozen=True, kw_only=True)
class Deployment(Artifact):
    """The record of a deployed release: `deployment.json`, `refs["release"]`."""

    kind: ClassVar[str] = "Deployment"
    format: str = "json"


KINDS: dict[str, type[Artifact]] = {
    noun.kind: noun for noun in (Files, Dataset, Model, Report, Selection, Verdict, Release, Deployment)
}
"""Name -> class of every kind of artifact."""
