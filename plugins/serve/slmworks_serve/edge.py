"""Deploy to a folder: an approved model with all it takes to run it where slmworks is not.

    model/                            exactly the files that were approved, less the header
    draft/                            a model that guesses tokens ahead, where one was given
    runtime.py                        the runtime that measured it, with nothing of slmworks
    run.py, requirements.txt          40 lines; the runtime's packages, in the versions that were measured
    release.json, SHA256SUMS, README.md   how to identify it, and how to check it
    MODEL_CARD.md                     what was measured, licences, use and limits

No server, no registry: once it is copied away, nobody can roll it back from here.
"""

import json
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import ClassVar, cast

from slmworks.contract.artifact import HEADER, Artifact, Deployment, Model, Release
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import plain_files, scan
from slmworks.contract.model_task import ModelTask, Row, only_text
from slmworks.contract.runtime import Runtime, packages_of
from slmworks.deploy import Deploy
from slmworks.packet.markdown_text import escaped
from slmworks.registry.declared import example_in
from slmworks.registry.mlflow_files import standalone_runtime
from slmworks.registry.release import CARD, Approved, copy_files, require_approved, verified_copy
from slmworks.registry.standalone import standalone_source
from slmworks.registry.state import Entry
from slmworks.registry.task import ReleaseTask
from slmworks_serve.draft import FORMATS, proved, require_draft
from slmworks_serve.openapi import title

__all__ = ["DeployEdge", "export", "size", "write"]

MODEL_CARD = "MODEL_CARD.md"
"""The release's card in the bundle, which has a README of its own."""

_README = Template("""# $name v$version

$what, approved by $who on $when. Model sha256:$digest.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python run.py $example
    sha256sum -c SHA256SUMS

$rows are arguments, or lines of stdin; each answer is a line of JSON, all in UTF-8.
From Python: `from run import answer`.$card
""")

_RUN = Template('''"""Answer with the model in this folder.

$rows as arguments, or one a line on stdin; JSON lines out. Both are UTF-8, whatever the locale."""

import json
import os
import sys
from functools import cache
from pathlib import Path

from runtime import $runtime

runtime = cache(lambda here=Path(__file__).resolve().parent: $runtime(here / "model"$draft))


def answer($row):
    """The model's answer to one $row; ValueError for one that it cannot answer."""
    return runtime().answer([$inputs])[0]


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    source, lines = "an argument", (os.fsencode(word).decode() for word in sys.argv[1:])
    if not sys.argv[1:]:
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict", newline="\\n")
        source, lines = "stdin", (line.removesuffix("\\n").removesuffix("\\r") for line in sys.stdin)
    try:
        for line in $lines:
            print(json.dumps(answer($line), ensure_ascii=False), flush=True)
        sys.exit()
    except UnicodeDecodeError as error:
        problem = f"{source} is not UTF-8 ({error.reason}); convert it first."
    except json.JSONDecodeError as error:
        problem = f"{source} is not JSON ({error}): {line[:60]!r}"
    except ModuleNotFoundError as error:
        problem = f"{error.name} is not installed: pip install -r requirements.txt"
    except ValueError as error:
        problem = error
    print(f"run.py: {problem}", file=sys.stderr)
    sys.exit(2)
''')


class DeployEdge(Deploy):
    """Write a folder that runs the approved model with its runtime's packages and nothing of slmworks."""

    light: ClassVar[bool] = True
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"draft": FORMATS}

    def run(self, *, release: Release, draft: Model | None = None, task: ReleaseTask) -> Deployment:
        """Verify both digests against the log, then write the folder and `deployment.json`.

        A `draft` is proved as by `server`, and goes into the folder.
        """
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        found = task.registry.state(name).version(version)
        drafted = proved(release, draft, task)
        packages = write(Approved(release.path, found.registered), task.output, found.decided, draft)
        about = {"name": name, "version": version, "release": release.digest, "target": "edge"}
        record = {**about, **drafted.record}
        (task.output / "deployment.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        task.say(f"{name} v{version} is ready to be copied: {', '.join(packages)} are all it needs")
        return Deployment(
            path=task.output,
            meta={"name": name, "version": version, "target": "edge"},
            refs={"release": release.digest, **drafted.refs},
            summary={"bytes": size(task.output), **drafted.summary},
        )


def export(approved: Approved, decided: Entry | None, folder: Path, draft: Model | None = None) -> None:
    """Write the bundle to a new folder, whole or not at all; BadRequest if there is something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadRequest(f"{folder} exists already; choose a new folder: slmworks edge … --to DIR")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write(approved, part, decided, draft)
        part.chmod(0o755)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write(
    approved: Approved, folder: Path, decided: Entry | None, draft: Model | None = None
) -> tuple[str, ...]:
    """Fill an empty folder with the bundle of a verified release; gives the packages that it needs.

    `decided` is the release's approval, `draft` a model that guesses tokens ahead. BadRequest when what was
    copied is not what was approved, and for a draft that can't guess for it.
    """
    entry, copied = approved.entry, folder / ".release"
    verified_copy(approved, copied)
    model = cast("Model", Artifact.open(copied / "model", digest=entry.model_digest))
    task, runtime = standalone_runtime(model)
    if draft:
        require_draft(model, draft)
        copy_files(draft.path, folder / "draft")
        (folder / "draft" / HEADER).unlink(missing_ok=True)
    packages = packages_of(runtime, model)
    pinned = (copied / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (copied / "model" / HEADER).unlink()
    (copied / "model").rename(folder / "model")
    example = example_in(copied, task)
    if (copied / CARD).exists():
        (copied / CARD).rename(folder / MODEL_CARD)
    shutil.rmtree(copied)
    _text(folder / "runtime.py", standalone_source(runtime))
    _text(folder / "run.py", _run(task, runtime, drafted=draft is not None))
    kept = [line for line in pinned if line.split("==")[0] in packages]
    _text(folder / "requirements.txt", "\n".join(kept) + "\n")
    about = {key: getattr(entry, key) for key in ("name", "version", "model_digest", "wrapper_digest")}
    further = {"release": entry.release, **({"draft": draft.digest} if draft else {})}
    _text(folder / "release.json", json.dumps({**about, **further}, indent=1) + "\n")
    card = "\nUse, limits, licences and measures: MODEL_CARD.md." if (folder / MODEL_CARD).exists() else ""
    _text(folder / "README.md", _readme(task, example, entry, decided or entry, card))
    sums = [f"{file.sha256}  {file.path}\n" for file in scan(folder)]
    _text(folder / "SHA256SUMS", "".join(sums))
    return packages


def size(folder: Path) -> int:
    """Bytes of all files in a bundle."""
    return sum(status.st_size for _, status in plain_files(folder))


def _run(task: ModelTask, runtime: type[Runtime], *, drafted: bool) -> str:
    text = only_text(task)
    return _RUN.substitute(
        runtime=runtime.__name__,
        draft=', draft=here / "draft"' if drafted else "",
        rows=_rows(task),
        row=text or "row",
        inputs=f'{{"{text}": {text}}}' if text else "row",
        line="line" if text else _parsed(task),
        lines="lines" if text else "filter(str.strip, lines)",
    )


def _parsed(task: ModelTask) -> str:
    """The expression that makes a row of a line: its JSON, or what a mere text stands for."""
    if task.short is None:
        return "json.loads(line)"
    short = json.dumps(task.short).replace('"TEXT"', "line")
    return f'json.loads(line) if line.lstrip().startswith("{{") else {short}'


def _readme(task: ModelTask, row: Row, entry: Entry, decided: Entry, card: str) -> str:
    text = only_text(task)
    example = str(row[text]) if text else json.dumps(dict(row), ensure_ascii=False)
    return _README.substitute(
        name=entry.name,
        version=entry.version,
        what=title(task.name),
        who=escaped(decided.who),
        when=escaped(decided.when[:10]),
        digest=entry.model_digest,
        example=shlex.quote(example),
        rows=_rows(task),
        card=card,
    )


def _rows(task: ModelTask) -> str:
    text = only_text(task)
    if text:
        return f"{text}s".capitalize()
    also = "" if task.short is None else " (or texts)"
    return f"JSON objects with {', '.join(task.inputs)}{also}"


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
