"""Deploy to the HTTP server of this machine: prove that the approved release answers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from slmworks.contract.artifact import Deployment, Model, Release
from slmworks.contract.errors import TaskFailed
from slmworks.deploy import Deploy
from slmworks.registry.release import Approved, require_approved
from slmworks.registry.task import ReleaseTask
from slmworks_serve.client import Exchange, ask_release
from slmworks_serve.draft import FORMATS, Drafted, proved

__all__ = ["DeployServer"]


class DeployServer(Deploy):
    """Start the server of `slmworks serve` once on a free port, ask it the release's example, and stop it.

    What stays is the record of what it answered and the command that serves the release. A `draft` is proved
    first: rows of the data that the release was judged on are answered with it and without.
    """

    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"draft": FORMATS}

    light: ClassVar[bool] = True

    def run(self, *, release: Release, draft: Model | None = None, task: ReleaseTask) -> Deployment:
        """Verify both digests against the log, ask the server, write `deployment.json`."""
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        entry = task.registry.state(name).version(version).registered
        drafted = proved(release, draft, task)
        said = ask_release(Approved(release.path, entry), threads=task.threads, draft=draft)
        if said.ready["model_digest"] != entry.model_digest:
            raise TaskFailed(
                f"the server answers for model {said.ready['model_digest'][:12]}, not for {name} v{version}."
            )
        brief, confidence = said.task.brief(said.answer), said.task.confidence(said.answer)
        sure = "" if confidence is None else f" ({confidence:.2f})"
        task.say(f"{name} v{version} answers: {brief}{sure} to '{said.asked}'")
        _write(task.output / "deployment.json", release, said, drafted)
        return Deployment(
            path=task.output,
            meta={"name": name, "version": version, "target": "server"},
            refs={"release": release.digest, **drafted.refs},
            summary={
                "answer": brief,
                **({} if confidence is None else {"score": confidence}),
                **drafted.summary,
            },
        )


def _write(path: Path, release: Release, said: Exchange, drafted: Drafted) -> None:
    name, version = release.meta["name"], release.meta["version"]
    record = {
        **{key: release.meta[key] for key in ("name", "version", "model_digest", "wrapper_digest")},
        "release": release.digest,
        "command": ["slmworks", "serve", name, "--version", str(version), *drafted.words],
        **drafted.record,
        "question": dict(said.question),
        "answer": dict(said.answer),
    }
    path.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
