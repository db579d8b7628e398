"""A recipe as Airflow runs it: the plan, the engine file, and the arguments of every task.

Nothing of Airflow is imported here. A task's spec is made when the task starts, in the worker: so parsing a
DAG costs little, and values from the form are planned and checked like the recipe itself.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slmworks.contract.catalog import CORE
from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.form import filled
from slmworks.engines.engine_file import EngineFile
from slmworks.execution.encoded import pack
from slmworks.recipe.lower import plan
from slmworks.recipe.plan import Plan, PlannedTask, plan_record
from slmworks.recipe.recipe import Recipe
from slmworks.store import Store

ENGINE_FILE = "SLMWORKS_ENGINE_FILE"
"""Variable with the path of the engine file."""
TRACKING = "SLMWORKS_TRACKING"
"""Variable with MLflow's address."""
BESIDE = Path("engines", "airflow.yaml")
"""The engine file that is meant where the variable names none, relative to the recipe's folder."""
ORCHESTRATOR = ("--orchestrator", "airflow")
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)")
"""A time in an id that Airflow made (`manual__2026-11-28T06:28:26.123456+00:00_Ab12Cd34`)."""


@dataclass(frozen=True)
class Line:
    """One recipe and where it runs."""

    plan: Plan
    engine: EngineFile
    new_data_only: bool = False

    @classmethod
    def read(cls, recipe: str | Path, *, new_data_only: bool = False) -> "Line":
        """Read recipe and engine file; BadRequest where one of them can't be used."""
        path = Path(recipe)
        found = cls(plan(Recipe.read(path), look=False), engine_file(path.parent), new_data_only)
        found.check()
        return found

    def check(self) -> None:
        """BadRequest for a recipe or engine file that Airflow cannot run."""
        if not self.engine.settings.store:
            raise BadRequest(f"{self.engine.file}: names no store; add  store: s3://bucket/prefix.")
        names = {name_of(task): task.id for task in self.plan}
        for task in self.plan:
            if names[name_of(task)] != task.id:
                raise BadRequest(
                    f"{self.plan.recipe.at('steps', task.step)}: {task.id} and {names[name_of(task)]} are "
                    "one name on Airflow; rename a step or a variant."
                )
        if self.in_pods:
            self._refuse_disk()

    def _refuse_disk(self) -> None:
        for task in self.plan:
            if any(source.kind == "local" for source in task.sources.values()):
                raise BadRequest(
                    f"{self.plan.recipe.at('steps', task.step, 'from')}: a pod doesn't see this machine's "
                    "files; put them into a bucket and name that (s3://bucket/train.csv)."
                )

    @property
    def in_pods(self) -> bool:
        """True if a task is a pod; otherwise it is a process."""
        return self.engine.settings.airflow.tasks == "pod"

    def store(self) -> Store:
        """The store of results and records."""
        return self.engine.open_store()

    def for_run(self, params: Mapping[str, Any]) -> "Line":
        """The line as a person changed it in the form of one run; BadRequest when that can't be planned."""
        recipe = filled(self.plan, params)
        return self if recipe is self.plan.recipe else replace(self, plan=plan(recipe, look=False))

    # --- arguments of tasks ------------------------------------------------------------------------

    def words(self, task_id: str, run: str, first_run: str = "", *, user: str = "") -> tuple[list[str], str]:
        """Arguments and spec of one task; inputs from before the approval come from `first_run`.

        `user`: who triggered the run.
        """
        task = self.plan.tasks[task_id]
        pod = self.engine.pod(task)
        spec = task.spec(
            run=run,
            store=self.store().url,
            sources=task.sources,
            threads=pod.threads,
            fresh=any(source.moves and source.kind != "local" for source in task.sources.values()),
            workers=self.engine.workers(task),
            recipe=self.plan.recipe.name,
            user=user,
        )
        given = []
        for port, makers in task.inputs.items():
            for maker in makers:
                earlier = task.after_approval and not self.plan.tasks[maker].after_approval
                given += ["--in", f"{port}=@{first_run}/{maker}" if earlier else f"{port}=@{maker}"]
        return ["task", *ORCHESTRATOR, *given], spec.encode()

    def closing(self, run: str, *, user: str = "", unreached: str = "", second: bool = False) -> str:
        """The packed argument of the task that ends a run."""
        record = plan_record(self.plan, self.engine.settings.costs)
        if second:
            record["plan"] = [edge for edge in record["plan"] if edge["after_approval"]]
        about = {"store": self.store().url, "run": run, "user": user, "unreached": unreached}
        return pack({**about, **record})

    def reopening(self, run: str) -> str:
        """The packed argument of the task that updates a run which was ended."""
        return pack({"store": self.store().url, "run": run})

    def asked(self, reviewers: Sequence[str]) -> list[str]:
        """The reviewers of a recipe as text: a group with its users; other names are users."""
        groups = self.engine.groups()
        return [
            f"{name} ({', '.join(sorted(groups[name]))})" if name in groups else f"the user {name}"
            for name in reviewers
        ]

    def environment(self, task: PlannedTask | None) -> dict[str, str]:
        """Variables of a task that the engine file gives; None: of a step of our own."""
        from slmworks.tracking.connection import without_credentials

        tracking = self.tracking()
        if self.in_pods and without_credentials(tracking) != tracking:
            raise BadRequest(
                f"{TRACKING} holds a user or a password, and many can read a pod's variables; leave them out "
                "and give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD under `secrets`."
            )
        given = self.engine.pod(task).env or {}
        return {**given, **({TRACKING: tracking} if tracking else {})}

    def tracking(self) -> str:
        """MLflow's address: the variable's, the engine file's, or a database beside a store on disk."""
        named = os.environ.get(TRACKING) or self.engine.settings.tracking or ""
        if named or self.in_pods:
            return named
        store = self.store()
        return f"sqlite:///{store.root / 'mlflow.db'}" if str(store) == str(store.root) else ""

    def python(self, task: PlannedTask | None) -> Path:
        """The interpreter of a task's process; None: of the one that ends a run."""
        return self.engine.worker_python(task.family if task else CORE)


def engine_file(folder: Path) -> EngineFile:
    """The engine file that SLMWORKS_ENGINE_FILE names, else `engines/airflow.yaml` in `folder`."""
    named = os.environ.get(ENGINE_FILE)
    if named and not Path(named).is_absolute():
        raise BadRequest(
            f"{ENGINE_FILE}: must be an absolute path, not '{named}': workers start in other folders."
        )
    if named:
        return EngineFile.read(named)
    if (folder / BESIDE).is_file():
        return EngineFile.read(folder / BESIDE)
    raise BadRequest(
        f"no engine file: set {ENGINE_FILE} to its path, or put one at {folder / BESIDE}. It begins with "
        "`store: …`."
    )


def name_of(task: PlannedTask) -> str:
    """A task's name as Airflow takes it: letters, digits, dashes, dots and underscores."""
    return _as_file(task.id)


def run_name(dag_id: str, run_id: str) -> str:
    """A run's name in the store: that of the DAG and Airflow's id, as a name of files.

    Of an id that Airflow made of a time, the time is kept, to the second.
    """
    name = _as_file(f"{dag_id}.{run_id}")
    if name == f"{dag_id}.{run_id}" and "." not in dag_id:
        return name
    if moment := MOMENT.search(run_id):
        digits = "".join(moment.groups())
        name = f"{_as_file(dag_id)}.{digits[:8]}-{digits[8:]}"
    # other ids could come to the same words, and would write over this run's records
    digest = hashlib.sha256(f"{dag_id}\0{run_id}".encode()).hexdigest()[:12]
    return f"{name}-{digest}"


def _as_file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
