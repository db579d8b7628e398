"""A pipeline's records in a store, as tasks and engines leave them: real bytes, invented training."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from releases import LABELS, commit, word_counter
from slmworks.contract.artifact import Artifact, Dataset, Files, Model, Report, Selection, Verdict
from slmworks.contract.manifest import Manifest, scan
from slmworks.execution.index import note_made
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.register.release import MlflowRelease
from slmworks.store import Store
from slmworks.testing import Bench

CURVE = [{"step": n, "time": 1_790_000_000.5 + n, "loss": 1 / (n + 1), "val/f1": n / 10} for n in range(6)]
RECIPE = "name: reviews\nsteps:\n  raw: {stage: fetch, from: {all: data.csv}}\n"
PASSED = {"sentence": "passed"}

ENGINE = """
import sys, time
from slmworks.lineage import alive
from slmworks.store import open_store
with alive(open_store(sys.argv[1]), "run-1"):
    print("up", flush=True)
    time.sleep(60)
"""


def engine(store: Store) -> "subprocess.Popen[str]":
    """A process that holds the lock of run-1, as an engine does."""
    process = subprocess.Popen([sys.executable, "-c", ENGINE, store.url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


class Story:
    """Tells one run of a recipe, task by task."""

    name = "reviews"
    began = "2026-11-22T09:59:59.000+00:00"

    def __init__(self, store: Store, folder: Path, run: str = "run-1") -> None:
        self.store, self.folder, self.run = store, folder, run
        self.made: dict[str, Manifest] = {}
        self.plan: list[dict[str, object]] = []
        self.write_run("running")

    def tell(
        self,
        strength: float = 2.0,
        champion: str = "",
        verdict: Mapping[str, object] = PASSED,
        file: str = "data.csv",
    ) -> "Story":
        """The whole story: from a csv to a registered version, judged against `champion` if that is given."""
        self.task(
            "raw",
            "fetch files",
            Files(path=self.text("all/data.csv"), summary={"sources": {"all": file}}),
        )
        curated = self.text("train.parquet")
        (curated / "card.json").write_text('{"rows": {"in": 1209, "out": 1200}, "columns": {"id": "string"}}')
        data = Dataset(
            path=curated,
            meta={"task": "classification", "labels": LABELS},
            summary={"rows": 1200, "dropped": {"near duplicate": 9}},
        )
        self.task("curate", "curate text", data, data="raw")
        self.task("teacher", "finetune classifier", self.weights("t"), data="curate", metrics=CURVE)
        self.task("student", "distill logit-kd", self.weights("s"), teacher="teacher", data="curate")
        onnx = word_counter(self.folder / "onnx", strength)
        self.task("int8", "export onnx", dataclasses.replace(onnx, digest=""), model="student")
        report = Report(path=self.text("report.json", "{}"), refs={"model": self.made["int8"].digest})
        self.task("quality", "evaluate quality", report, model="int8", data="curate")
        judged = Verdict(
            path=self.text("verdict.json", json.dumps(verdict)),
            meta={"passed": True},
            refs={"model": self.made["int8"].digest, "report.0": self.made["quality"].digest}
            | ({"champion_model": champion} if champion else {}),
        )
        self.task("gate", "gate paired-bootstrap", judged, reports=["quality"])
        self.register()
        return self

    def register(self) -> Manifest:
        bench = Bench(self.folder / f"bench-{len(self.made)}")
        gate = self.made["gate"]
        bench.known[gate.refs["model"]] = self.open(gate.refs["model"])
        task = bench.release_task("register", self.store)
        release = commit(
            self.store, MlflowRelease(name=self.name).run(verdict=self.open(gate.digest), task=task)
        )
        return self.task("register", "register mlflow", release, verdict="gate", cacheable=False)

    def task(
        self,
        name,
        what,
        artifact: Artifact,
        *,
        metrics=(),
        state="done",
        cacheable=True,
        ledgers=None,
        seconds_of_cores=0.0,
        **inputs,
    ) -> Manifest:
        stage, plugin = what.split()
        if artifact.digest:  # committed already
            digest, files = artifact.digest, scan(artifact.path)
        else:
            files = artifact.seal()
            digest = self.store.put(artifact.path, files)
        given = {
            port: tuple(self.made[one].digest for one in ([made] if isinstance(made, str) else made))
            for port, made in inputs.items()
        }
        manifest = Manifest(
            kind=artifact.kind,
            format=artifact.format,
            digest=digest,
            files=files,
            meta=dict(artifact.meta),
            refs=dict(artifact.refs),
            summary=dict(artifact.summary),
            fingerprint=f"{self.run}{name}".encode().hex(),
            producer={"stage": stage, "plugin": plugin},
            inputs=given,
            ledgers=ledgers or {},
            created="2026-11-22T10:00:00.000+00:00",
            seconds=1.5,
            cpu_seconds=seconds_of_cores,
        )
        note_made(self.store, manifest, self.run)
        if cacheable:
            self.store.create(f"tasks/{manifest.fingerprint}.json", manifest.dump().encode())
        self.made[name] = manifest
        self.plan.append({"id": name, "step": name, "stage": stage, "plugin": plugin, "inputs": {}})
        self.record(
            name,
            what,
            state=state,
            manifest=manifest.model_dump(mode="json"),
            inputs=given,
            metrics=list(metrics),
        )
        return manifest

    def select(self, name: str, on: str, stopped: Mapping[str, tuple[str, float]]) -> Manifest:
        """A selection that lets the model of the task `on` go on; `stopped`: task -> why, and the chance."""
        rows = [
            {"model": self.made[task].digest, "name": "hf", "written": "0.612 (0.55–0.67)", "chance": chance}
            for task, (_, chance) in stopped.items()
        ]
        meta = {
            "goes_on": [self.made[on].digest],
            "stopped": {self.made[task].digest: why for task, (why, _) in stopped.items()},
        }
        folder = self.text("selection.json", json.dumps({"rows": rows}))
        return self.task(name, "select halving", Selection(path=folder, meta=meta))

    def record(self, name, what, **given) -> None:
        """Write one task's record."""
        stage, plugin = what.split()
        record = {
            "run": self.run, "task": name, "step": name, "stage": stage, "plugin": plugin, "state": "done",
            "started": "2026-11-22T10:00:00.000+00:00", "ended": "2026-11-22T10:00:01.500+00:00",
            "options": {"epochs": 3, "layers": [0, 1]}, "inputs": {}, "manifest": None, "metrics": [],
            "error": "", "trace": "", "host": "h", "fingerprint": "f", "cached": False, **given,
        }  # fmt: skip
        TaskRecord.model_validate(record).write(self.store)

    def write_run(self, state: str, *, user: str = "ada") -> None:
        """Write the run's record."""
        record = {
            "run": self.run, "recipe": "reviews", "file": "pipelines/reviews.yaml", "text": RECIPE,
            "state": state, "started": self.began, "user": user, "version": "0.1.0",
            "plan": self.plan,
            "ended": None if state == "running" else "2026-11-22T10:01:00.000+00:00",
        }  # fmt: skip
        RunRecord.model_validate(record).write(self.store)

    def end(self, state: str = "done") -> "Story":
        """The run has ended."""
        self.write_run(state)
        return self

    def open(self, digest: str) -> Artifact:
        return Artifact.open(self.store.folder(digest), digest=digest)

    def text(self, name: str, text: str = "…") -> Path:
        """A fresh folder that holds one file."""
        folder = self.folder / f"{self.run}-{len(self.made)}-{Path(name).stem}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + (name if text == "…" else ""))
        return folder

    def weights(self, name: str) -> Model:
        meta = {"task": "classification", "labels": LABELS, "parameters": 1234}
        return Model(path=self.text(f"{name}.safetensors"), format="hf", meta=meta)
