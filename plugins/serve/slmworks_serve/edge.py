"""Deploy to a folder: an approved model with all it takes to run it where slmworks is not.

    model.onnx, tokenizer.json, labels.json   exactly the files that were approved
    run.py, requirements.txt                  30 lines; three packages, in the versions that were measured
    release.json, SHA256SUMS, README.md       what this is, and how to check that it still is

No torch, no server, no registry: once it is copied away, nobody can roll it back from here.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from slmworks.contract.artifact import Deployment, Release
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import file_digest
from slmworks.contract.stage import Task
from slmworks.deploy import Deploy
from slmworks.registry.release import EXAMPLE, Approved, require_approved
from slmworks.registry.state import Entry

__all__ = ["DeployEdge", "export", "write"]

MODEL = ("labels.json", "model.onnx", "tokenizer.json")
PACKAGES = ("numpy", "onnxruntime", "tokenizers")

_README = """# {name} v{version}

Text classifier, approved by {who} on {when}. Model sha256:{digest}.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python run.py "{example}"
    sha256sum -c SHA256SUMS

Texts are arguments, or lines of stdin; each answer is a line of JSON.
From Python: `from run import classify`.
"""


class DeployEdge(Deploy):
    """Write a folder that runs the approved model with three packages and nothing of slmworks."""

    light: ClassVar[bool] = True

    def run(self, *, release: Release, task: Task) -> Deployment:
        """Verify both digests against the log, then write the folder and `deployment.json`."""
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        found = task.registry.state(name).version(version)
        write(Approved(release.path, found.registered), task.output, found.decided)
        record = {"name": name, "version": version, "release": release.digest, "target": "edge"}
        (task.output / "deployment.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        task.say(f"{name} v{version} is ready to be copied: {', '.join(PACKAGES)} are all it needs")
        return Deployment(
            path=task.output,
            meta={"name": name, "version": version, "target": "edge"},
            refs={"release": release.digest},
            summary={"bytes": sum(file.stat().st_size for file in task.output.iterdir())},
        )


def export(approved: Approved, decided: Entry | None, folder: Path) -> None:
    """Write the bundle to a new folder, whole or not at all; BadRequest if there is something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadRequest(f"{folder} exists already; choose a new folder: slmworks edge … --to DIR")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write(approved, part, decided)
        part.chmod(0o755)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write(approved: Approved, folder: Path, decided: Entry | None) -> None:
    """Fill an empty folder with the bundle of a verified release; `decided` is its approval."""
    entry = approved.entry
    for name in MODEL:
        shutil.copyfile(approved.folder / "model" / name, folder / name)
    shutil.copyfile(Path(__file__).with_name("edge_run.py"), folder / "run.py")
    pinned = (approved.folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in pinned if line.split("==")[0] in PACKAGES]
    _text(folder / "requirements.txt", "\n".join(kept) + "\n")
    about = {key: getattr(entry, key) for key in ("name", "version", "model_digest", "wrapper_digest")}
    _text(folder / "release.json", json.dumps({**about, "release": entry.release}, indent=1) + "\n")
    who, when = (decided.who, decided.when[:10]) if decided else (entry.who, entry.when[:10])
    _text(
        folder / "README.md",
        _README.format(
            name=entry.name,
            version=entry.version,
            who=who,
            when=when,
            digest=entry.model_digest,
            example=EXAMPLE,
        ),
    )
    sums = [f"{file_digest(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    _text(folder / "SHA256SUMS", "".join(sums))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
