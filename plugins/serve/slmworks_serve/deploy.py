"""Deploy to the HTTP server of this machine: prove that the approved release answers."""

import json
from pathlib import Path
from typing import Any, ClassVar

from slmworks.contract.artifact import Deployment, Release
from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.deploy import Deploy
from slmworks.registry.release import EXAMPLE, Approved, require_approved
from slmworks_serve.client import ask, running
from slmworks_serve.run import server

__all__ = ["DeployServer"]


class DeployServer(Deploy):
    """Start the server of `slmworks serve` once on a free port, ask it the input example, and stop it.

    What stays is the record of what it answered and the command that serves the release.
    """

    light: ClassVar[bool] = True

    def run(self, *, release: Release, task: Task) -> Deployment:
        """Verify both digests against the log, ask the server, write `deployment.json`."""
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        entry = task.registry.state(name).version(version).registered
        _, once = server(Approved(release.path, entry), threads=task.threads)
        with running(once) as address:
            ready = ask(f"{address}/ready")
            answer = ask(f"{address}/classify", {"text": EXAMPLE})
        if ready["model_digest"] != entry.model_digest:
            raise TaskFailed(
                f"the server answers for model {ready['model_digest'][:12]}, not for {name} v{version}."
            )
        task.say(f"{name} v{version} answers: {answer['label']} ({answer['score']:.2f}) to '{EXAMPLE}'")
        _write(task.output / "deployment.json", release, answer)
        return Deployment(
            path=task.output,
            meta={"name": name, "version": version, "target": "server"},
            refs={"release": release.digest},
            summary={"answer": answer["label"], "score": answer["score"]},
        )


def _write(path: Path, release: Release, answer: dict[str, Any]) -> None:
    name, version = release.meta["name"], release.meta["version"]
    record = {
        **{key: release.meta[key] for key in ("name", "version", "model_digest", "wrapper_digest")},
        "release": release.digest,
        "command": ["slmworks", "serve", name, "--version", str(version)],
        "question": {"text": EXAMPLE},
        "answer": answer,
    }
    path.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
