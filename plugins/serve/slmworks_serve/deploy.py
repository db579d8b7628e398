"""Deploy to the HTTP server of this machine: prove that the approved release answers."""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from slmworks.artifact import Deployment, Release
from slmworks.deploy import Deploy
from slmworks.errors import TaskFailed
from slmworks.release import EXAMPLE, Approved, require_approved
from slmworks.stage import Task

from slmworks_serve.run import GRACE, listen, server

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
        with _running(server(Approved(release.path, entry), threads=task.threads)) as address:
            ready = _ask(f"{address}/ready")
            answer = _ask(f"{address}/classify", {"text": EXAMPLE})
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


@contextlib.contextmanager
def _running(running: Any) -> Iterator[str]:
    """Run the server on a free port beside the caller; gives its address."""
    with listen("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not running.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise TaskFailed("the server did not start within 30 s.")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(GRACE + 5)


def _ask(url: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(question).encode() if question else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"})  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as reply:
        return dict(json.load(reply))
