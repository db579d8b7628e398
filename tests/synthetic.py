"""A store as three years of work leave it, made in seconds: records and manifests, objects only where named."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from slmworks.contract.manifest import File, Manifest, scan, tree_digest
from slmworks.execution.index import note_made, note_time
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.registry.log import Registry
from slmworks.store import Store

NAMES = ("reviews", "intents", "search")
CHAIN = (
    ("raw", "fetch files", "Files", ()),
    ("curate", "curate text", "Dataset", ("raw",)),
    ("teacher", "finetune classifier", "Model", ("curate",)),
    ("student", "distill logit-kd", "Model", ("teacher", "curate")),
    ("onnx", "export onnx", "Model", ("student",)),
    ("int8", "quantize dynamic-int8", "Model", ("onnx",)),
    ("static", "quantize static-int8", "Model", ("onnx", "curate")),
    ("quality.teacher", "evaluate quality", "Report", ("teacher", "curate")),
    ("quality.int8", "evaluate quality", "Report", ("int8", "curate")),
    ("quality.static", "evaluate quality", "Report", ("static", "curate")),
    ("speed.int8", "evaluate speed", "Report", ("int8", "curate")),
    ("speed.static", "evaluate speed", "Report", ("static", "curate")),
    ("gate", "gate paired-bootstrap", "Verdict", ("quality.int8", "quality.static", "quality.teacher")),
    ("register", "register mlflow", "Release", ("gate",)),
)
"""Task, stage and plugin, kind of its result, the tasks that it reads."""


def fill(store: Store, runs: int, entries: int) -> None:
    """`runs` runs of 14 tasks, and `entries` entries in the logs of three names.

    The latest runs registered a version each, and every second version is approved; the last one waits.
    Only verdicts lie in the store with their bytes.
    """
    plan = [
        {"id": task, "step": task.partition(".")[0], "stage": what.split()[0], "plugin": what.split()[1]}
        | {"inputs": {"of": list(reads)}, "options": {}}
        for task, what, _, reads in CHAIN
    ]
    barrier = {"id": "approve", "step": "approve", "stage": "approve", "plugin": "log", "inputs": {}}
    plan.append(barrier | {"options": {"reviewers": []}, "after_approval": True})
    registry = Registry(store)
    began = datetime(2024, 1, 1, tzinfo=UTC)
    versions = entries * 2 // 3
    with no_waiting_for_the_disk():
        for number in range(runs):
            name = NAMES[number % len(NAMES)]
            run, start = f"{name}-{number:05d}", (began + timedelta(days=number)).isoformat()
            _tasks(store, run, name, start, number, registry if number >= runs - versions else None)
            what: dict[str, Any] = {"recipe": name, "text": "steps:\n" * 60, "plan": plan}
            RunRecord.of(run, "done", what, started=start, ended=start, user="ada").write(store)


def _tasks(store: Store, run: str, name: str, start: str, number: int, registry: Registry | None) -> None:
    made: dict[str, Manifest] = {}
    for task, what, kind, reads in CHAIN:
        stage, plugin = what.split()
        meta, refs = {}, {}
        files = (File(path="model", size=1000, sha256=_hash(run, task, "file")),)
        digest = tree_digest(files)
        if kind == "Verdict":
            refs = {"model": made["int8"].digest, "report.0": made["quality.int8"].digest}
            meta = {"passed": True}
            digest, files = _verdict(store, run, refs)
        if kind == "Release":
            if registry is None:
                continue
            version = _enter(registry, name, made, digest)
            if number % 2 == 0:
                registry.approve(name, version, who="ada", how="claimed: command line", why="better")
            meta, refs = {"name": name, "version": version}, {"verdict": made["gate"].digest}
            refs["model"] = made["int8"].digest
        manifest = Manifest(
            kind=kind,
            format="x",
            digest=digest,
            files=files,
            meta=meta,
            refs=refs,
            fingerprint=_hash(run, task, "identity"),
            producer={"stage": stage, "plugin": plugin, "distribution": "slmworks", "version": "0.1.0"},
            inputs={"of": tuple(made[one].digest for one in reads)},
            created=start,
            seconds=10.0 + number,
        )
        made[task] = manifest
        note_made(store, manifest, run)
        note_time(store, manifest)
        if kind != "Release":
            store.write(f"tasks/{manifest.fingerprint}.json", manifest.dump().encode())
        record = {"run": run, "task": task, "step": task, "stage": stage, "plugin": plugin, "state": "done"}
        times = {"started": start, "ended": start, "manifest": manifest, "inputs": manifest.inputs}
        TaskRecord.model_validate(record | times).write(store)


def _verdict(store: Store, run: str, refs: dict[str, str]) -> tuple[str, Any]:
    folder = store.cache / "scratch" / run
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(json.dumps({"sentence": f"passed: {run}", "passed": True}))
    header = {"kind": "Verdict", "format": "json", "meta": {"passed": True}, "refs": refs}
    (folder / "slmworks.json").write_text(json.dumps(header))
    files = scan(folder)
    return store.put(folder, files), files


def _enter(registry: Registry, name: str, made: dict[str, Manifest], release: str) -> int:
    entry = registry.register(
        name,
        model_digest=made["int8"].digest,
        wrapper_digest="w" * 64,
        verdict=made["gate"].digest,
        seal=lambda _version: release,
    )
    return entry.version


def _hash(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


@contextmanager
def no_waiting_for_the_disk() -> Iterator[None]:
    """Nothing here must outlive a power cut."""
    fsync, os.fsync = os.fsync, lambda _handle: None  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync = fsync
