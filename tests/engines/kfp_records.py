"""What a KFP deployment remembers, and how a test steers it: one method per operation that the fake serves.

It runs nothing: a run goes through the states that the test wrote down. Requests arrive with the right fields and types;
what the API server demands beyond that is refused here. Answers leave out what is empty, zero or false, as its own do.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import kfp_spec
from kfp_request import Json, Refused, Request, page, wrong

FINAL = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}
STOPPABLE = {"PENDING", "RUNNING"}


@dataclass
class Run:
    """A run and what is still to come of it: every GET takes one step, a list takes none."""

    made: Json
    pipeline: str
    names: list[str]
    """Tasks of the pipeline spec: those that `tasks` does not steer do as the run does."""
    coming: list[str]
    tasks: dict[str, list[str]]
    errors: dict[str, str]
    seen: int = 0

    def step(self) -> None:
        """What one more look finds."""
        self.seen += 1
        if self.coming:
            self.made["state"] = self.coming.pop(0)

    def nodes(self) -> Iterator[tuple[str, str]]:
        """Argo's nodes, which KFP lists as tasks: beside each task its driver, and its pod `executor`."""
        state = self.made["state"]
        yield from (
            (f"{self.pipeline}-{self.made['run_id'][:5]}", state),
            ("root-driver", "SUCCEEDED"),
            ("root", state),
        )
        for name in {**dict.fromkeys(self.names), **self.tasks}:
            states = self.tasks.get(name, [state])
            now = states[min(self.seen, len(states)) - 1]
            if now:
                yield from ((f"{name}-driver", "SUCCEEDED"), (name, now), ("executor", now))

    def detail(self, number: int, name: str, state: str) -> Json:
        """One node as a task detail."""
        run, begun = self.made["run_id"], self.made["created_at"]
        made = {"run_id": run, "task_id": str(uuid.uuid5(uuid.UUID(run), f"{number}")), "display_name": name}
        made |= {
            "create_time": begun,
            "start_time": begun,
            "state": state,
            "pod_name": f"{self.pipeline}-{number}",
        }
        if state in FINAL:
            made["end_time"] = begun
        if name in self.errors and state in {"FAILED", "CANCELED"}:
            made["error"] = {"code": 2, "message": self.errors[name]}
        return made


class Records:
    """The state of a deployment, and the operations on it."""

    def __init__(self, *, multi_user: bool = False) -> None:
        self.multi_user = multi_user
        self.states = ["PENDING", "RUNNING", "SUCCEEDED"]
        """Of runs created from now on: the first GET answers the first of them; the last one stays."""
        self.after_terminate = ["CANCELING", "CANCELED"]
        """A run's states from then on, when it is terminated."""
        self.tasks: dict[str, list[str]] = {}
        """Of runs created from now on: task -> its state at each GET; "" when KFP does not list it yet."""
        self.errors: dict[str, str] = {}
        """Task -> the message that it carries once it is FAILED or CANCELED."""
        self.experiments: dict[str, Json] = {}
        self.pipelines: dict[str, Json] = {}
        self.versions: dict[str, Json] = {}
        self.runs: dict[str, Run] = {}
        self.recurring_runs: dict[str, Json] = {}
        self._clock = datetime.now(UTC).replace(microsecond=0)
        if not multi_user:
            self._experiment({"display_name": "Default"})

    def _now(self) -> str:
        """Whole seconds, as KFP has them, and never twice the same: no order is left to chance."""
        self._clock += timedelta(seconds=1)
        return self._clock.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _page(self, request: Request, key: str, model: str, records: Iterable[Json]) -> Json:
        """One page; of one experiment, and where there are several users of one namespace, if that is asked."""
        kept = list(records)
        if experiment := request.query.get("experiment_id"):
            _known(self.experiments, "experiment", experiment)
            kept = [one for one in kept if one["experiment_id"] == experiment]
        elif self.multi_user and (namespace := request.query.get("namespace")):
            kept = [one for one in kept if self._namespace(one) == namespace]
        return page(request, key, model, kept)

    def _namespace(self, record: Json) -> str:
        parent = self.experiments.get(record.get("experiment_id", ""), {})
        return str(record.get("namespace") or parent.get("namespace", ""))

    def get_healthz(self, request: Request) -> Json:
        return {"multi_user": self.multi_user, "pipeline_store": "database"}

    # experiments

    def create_experiment(self, request: Request) -> Json:
        body = request.body
        name, namespace = _named(body), body.get("namespace", "")
        if self.multi_user and not namespace:
            raise wrong("namespace: an experiment cannot have an empty one in multi-user mode")
        if (name, namespace) in {
            (one["display_name"], self._namespace(one)) for one in self.experiments.values()
        }:
            raise Refused(409, f"Failed to create a new experiment. The name {name} already exists")
        return self._experiment(body)

    def _experiment(self, body: Json) -> Json:
        made = _only(body, "display_name", "description", "namespace")
        made |= {"experiment_id": _id(), "storage_state": "AVAILABLE", "created_at": self._now()}
        self.experiments[made["experiment_id"]] = made
        return made

    def get_experiment(self, request: Request) -> Json:
        return _known(self.experiments, "experiment", request.ids["experiment_id"])

    def list_experiments(self, request: Request) -> Json:
        return self._page(request, "experiments", "V2beta1Experiment", self.experiments.values())

    # pipelines and their versions

    def upload_pipeline(self, request: Request) -> Json:
        spec = kfp_spec.parse_file(request.body)
        made = _only(request.query, "description", "namespace") | self._title(
            request, spec, self.pipelines.values()
        )
        made["pipeline_id"] = _id()
        self.pipelines[made["pipeline_id"]] = made
        self._version(made["pipeline_id"], request, spec)
        return made

    def upload_pipeline_version(self, request: Request) -> Json:
        if not request.query.get("pipelineid"):
            raise wrong("pipelineid: the version of which pipeline?")
        pipeline = _known(self.pipelines, "pipeline", request.query["pipelineid"])["pipeline_id"]
        return self._version(pipeline, request, kfp_spec.parse_file(request.body))

    def _version(self, pipeline: str, request: Request, spec: Json) -> Json:
        made = _only(request.query, "description") | self._title(request, spec, self._versions(pipeline))
        made |= {"pipeline_id": pipeline, "pipeline_version_id": _id(), "pipeline_spec": spec}
        self.versions[made["pipeline_version_id"]] = made
        return made

    def _title(self, request: Request, spec: Json, others: Iterable[Json]) -> Json:
        name = request.query.get("name") or kfp_spec.parse(spec).pipeline_info.name
        if name in {one["name"] for one in others}:
            raise Refused(409, f"Failed to create a pipeline or its version: the name {name} already exists")
        return {
            "name": name,
            "display_name": request.query.get("display_name") or name,
            "created_at": self._now(),
        }

    def _versions(self, pipeline: str) -> list[Json]:
        return [one for one in self.versions.values() if one["pipeline_id"] == pipeline]

    def get_pipeline(self, request: Request) -> Json:
        return _known(self.pipelines, "pipeline", request.ids["pipeline_id"])

    def list_pipelines(self, request: Request) -> Json:
        return self._page(request, "pipelines", "V2beta1Pipeline", self.pipelines.values())

    def get_pipeline_version(self, request: Request) -> Json:
        self.get_pipeline(request)
        return _known(self.versions, "pipeline version", request.ids["pipeline_version_id"])

    def list_pipeline_versions(self, request: Request) -> Json:
        versions = self._versions(self.get_pipeline(request)["pipeline_id"])
        return self._page(request, "pipeline_versions", "V2beta1PipelineVersion", versions)

    # runs

    def create_run(self, request: Request) -> Json:
        _named(request.body)
        spec, now = self._spec(request.body), self._now()
        made = self._from(request.body) | {"run_id": _id(), "storage_state": "AVAILABLE", "created_at": now}
        made |= {"scheduled_at": now, "state": self.states[0], "state_history": []}
        tasks = {name: list(states) for name, states in self.tasks.items()}
        names = kfp_spec.task_names(spec)
        run = Run(made, spec.pipeline_info.name, names, list(self.states), tasks, dict(self.errors))
        self.runs[made["run_id"]] = run
        return self._show(run)

    def get_run(self, request: Request) -> Json:
        run = _known(self.runs, "run", request.ids["run_id"])
        run.step()
        return self._show(run)

    def list_runs(self, request: Request) -> Json:
        return self._page(request, "runs", "V2beta1Run", [self._show(run) for run in self.runs.values()])

    def _show(self, run: Run) -> Json:
        made = run.made
        if not made["state_history"] or made["state_history"][-1]["state"] != made["state"]:
            made["state_history"].append({"update_time": self._now(), "state": made["state"]})
        if made["state"] in FINAL:
            made.setdefault("finished_at", self._now())
        if not run.seen or made["state"] == "PENDING":
            return dict(made)
        details = [run.detail(number, *node) for number, node in enumerate(run.nodes())]
        return {**made, "run_details": {"task_details": details}}

    def terminate_run(self, request: Request) -> Json:
        run = _known(self.runs, "run", request.ids["run_id"])
        if run.made["state"] not in STOPPABLE:
            raise Refused(400, f"Failed to terminate run {run.made['run_id']}. Row not found")
        run.coming = list(self.after_terminate)
        run.made["state"] = run.coming[0]
        return {}

    def delete_run(self, request: Request) -> Json:
        del self.runs[_known(self.runs, "run", request.ids["run_id"]).made["run_id"]]
        return {}

    # recurring runs

    def create_recurring_run(self, request: Request) -> Json:
        body = request.body
        _named(body)
        self._spec(body)
        if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
            raise wrong("max_concurrency: a recurring run's must be at least 1 and at most 10")
        made = (
            self._from(body)
            | _only(body, "no_catchup")
            | {"recurring_run_id": _id(), "created_at": self._now()}
        )
        made |= {
            "trigger": _trigger(body.get("trigger", {})),
            "max_concurrency": str(body["max_concurrency"]),
        }
        made |= _only(self.experiments[made["experiment_id"]], "namespace")
        self.recurring_runs[made["recurring_run_id"]] = made
        return self._switch(made, on=body.get("mode") == "ENABLE")

    def _switch(self, made: Json, *, on: bool) -> Json:
        mode = "ENABLE" if on else "DISABLE"
        made |= {"mode": mode, "status": f"{mode}D", "updated_at": self._now()}
        return made

    def get_recurring_run(self, request: Request) -> Json:
        return _known(self.recurring_runs, "recurring run", request.ids["recurring_run_id"])

    def list_recurring_runs(self, request: Request) -> Json:
        return self._page(request, "recurringRuns", "V2beta1RecurringRun", self.recurring_runs.values())

    def enable_recurring_run(self, request: Request) -> Json:
        self._switch(self.get_recurring_run(request), on=True)
        return {}

    def disable_recurring_run(self, request: Request) -> Json:
        self._switch(self.get_recurring_run(request), on=False)
        return {}

    def delete_recurring_run(self, request: Request) -> Json:
        del self.recurring_runs[self.get_recurring_run(request)["recurring_run_id"]]
        return {}

    # what runs and recurring runs share

    def _from(self, body: Json) -> Json:
        """What KFP keeps of a body, in the experiment that it names, or the default one."""
        made = _only(body, "display_name", "description", "service_account", "plugins_input",
                     "pipeline_spec", "pipeline_version_reference")  # fmt: skip
        if config := _only(body.get("runtime_config", {}), "parameters", "pipeline_root"):
            made["runtime_config"] = config
        named = body.get("experiment_id")
        if not named and self.multi_user:
            raise wrong("experiment_id: there is no default experiment in multi-user mode")
        parent = named or next(iter(self.experiments))
        return {**made, "experiment_id": _known(self.experiments, "experiment", parent)["experiment_id"]}

    def _spec(self, body: Json) -> kfp_spec.PipelineSpec:
        """The one pipeline that a body names or brings, with parameters that fit it."""
        reference, inline = body.get("pipeline_version_reference"), body.get("pipeline_spec")
        if (reference is None) == (inline is None):
            raise wrong("exactly one of pipeline_spec and pipeline_version_reference is required")
        spec = kfp_spec.parse(self._referred(reference) if inline is None else inline)
        kfp_spec.check_parameters(spec, body.get("runtime_config", {}).get("parameters", {}))
        return spec

    def _referred(self, reference: Json) -> Json:
        pipeline = _known(self.pipelines, "pipeline", reference.get("pipeline_id", ""))["pipeline_id"]
        version = reference.get("pipeline_version_id") or self._versions(pipeline)[-1]["pipeline_version_id"]
        return dict(_known(self.versions, "pipeline version", version)["pipeline_spec"])


def _id() -> str:
    return str(uuid.uuid4())


def _known(records: dict[str, Any], kind: str, one: str) -> Any:
    if one not in records:
        raise Refused(404, f"{kind} {one} not found")
    return records[one]


def _named(body: Json) -> str:
    if not body.get("display_name"):
        raise wrong("display_name: it is required")
    return str(body["display_name"])


def _only(body: Json, *names: str) -> Json:
    return {name: body[name] for name in names if body.get(name)}


def _trigger(trigger: Json) -> Json:
    """One schedule. Five cron fields are refused: KFP takes the first for seconds, which nobody means by them."""
    if len(trigger) != 1:
        raise wrong("trigger: one of cron_schedule and periodic_schedule is required")
    ((kind, schedule),) = trigger.items()
    if kind == "periodic_schedule":
        seconds = int(schedule.get("interval_second", 0))
        if seconds < 1:
            raise wrong(f"trigger: an interval of {seconds} seconds; at least 1 is required")
        return {kind: {**schedule, "interval_second": str(seconds)}}
    cron = schedule.get("cron", "")
    if len(cron.split()) != 6 and not cron.startswith("@"):
        raise wrong(f"trigger: {cron!r} has not KFP's six fields: seconds minutes hours day month weekday")
    return trigger
