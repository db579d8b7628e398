"""Plan -> Airflow DAGs: one up to the approval and its record, and one for what follows an approval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.engines.airflow.form import fields
from slmworks.engines.airflow.line import Line, name_of
from slmworks.engines.airflow.shown import dag_page, task_page
from slmworks.engines.settings import Pod
from slmworks.errors import BadRequest
from slmworks.planned import PlannedTask
from slmworks.recipe import Recipe

if TYPE_CHECKING:
    from airflow.sdk import DAG, Asset, BaseOperator

CLOSE, NEWS = "close", "new-data"
"""Names of tasks of our own."""
FIRST, LONGEST = timedelta(seconds=10), timedelta(minutes=5)
"""Pause before a task is tried again; it doubles, up to the longest."""


def render(
    recipe: str | Path, *, dag_id: str = "", schedule: Any = None, new_data_only: bool = False
) -> "DAG":
    """The DAG of a recipe, up to the approval of what it registers and its record in the log.

    `schedule` is anything that Airflow takes: a cron line, `@weekly`, assets (`arrived(recipe)`). With
    `new_data_only` a run ends after fetching when an earlier run that ended well fetched the same bytes.
    """
    from airflow.sdk import Param
    from airflow.sdk.definitions.param import ParamsDict

    line = Line.read(recipe, new_data_only=new_data_only)
    form = {name: Param(said.pop("default"), **said) for name, said in fields(line.plan).items()}
    dag = _dag(line, dag_id or line.plan.recipe.name, schedule)
    _Build(line, dag).first_segment([task for task in line.plan if not task.after_approval])
    dag.params = ParamsDict(form)
    return dag


def deploy(recipe: str | Path, *, dag_id: str = "") -> "DAG":
    """The DAG of what follows the approval. It runs whenever a version of the recipe's model is approved."""
    from airflow.sdk import Param
    from airflow.sdk.definitions.param import ParamsDict

    from slmworks.engines.airflow.jobs import RUN

    line = Line.read(recipe)
    tasks = [task for task in line.plan if task.after_approval]
    approved = list(approvals(line))
    if len(approved) != 1:
        raise BadRequest(
            f"{line.plan.recipe.at('steps')}: {len(approved)} steps wait for an approval; a DAG for what "
            "follows needs exactly one `approve` step."
        )
    model = str(approved[0][1].options["name"])
    run = Param(
        None,
        type=["null", "string"],
        title="Run",
        description="The run whose release was approved; left out: the event's, or else the champion's.",
    )
    dag = _dag(line, dag_id or f"deploy-{model}", [champion(model)])
    _Build(line, dag, model).second_segment(tasks)
    dag.params = ParamsDict({RUN: run})
    return dag


def arrived(recipe: str | Path) -> list["Asset"]:
    """The outside data that a recipe fetches, as assets for `schedule`: the DAG runs when all have new data.

    An event comes from the DAG that writes the data, or from Airflow's API.
    """
    from airflow.sdk import Asset

    from slmworks.plan import plan

    sources = [
        source for task in plan(Recipe.read(recipe)) for source in task.sources.values() if source.moves
    ]
    return [Asset(uri) for uri in dict.fromkeys(source.uri for source in sources)]


def champion(model: str) -> "Asset":
    """The asset that has an event whenever a version of a model is approved in Airflow."""
    from airflow.sdk import Asset

    return Asset(name=f"{model}@champion", uri=f"models:/{model}@champion", group="slmworks")


def approvals(line: Line) -> Iterator[tuple[PlannedTask, PlannedTask]]:
    """Each approve task with the task that registers what it is about."""
    for task in line.plan:
        if task.stage == "approve":
            yield task, line.plan.tasks[task.needs[0]]


def _dag(line: Line, dag_id: str, schedule: Any) -> "DAG":
    """A DAG without a form: Airflow copies the fields into every task that is added to one that has it."""
    from airflow.sdk import DAG

    settings, recipe = line.engine.settings.airflow, line.plan.recipe
    return DAG(
        dag_id,
        schedule=schedule,
        description=recipe.description or None,
        doc_md=dag_page(line.plan),
        tags=sorted({"slmworks", recipe.name, *settings.tags}),
        default_args={"owner": settings.owner},
        catchup=False,
    )


@dataclass
class _Build:
    line: Line
    dag: "DAG"
    model: str = ""
    """Of what follows an approval: the model that it is about."""
    made: dict[str, "BaseOperator"] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)

    def first_segment(self, tasks: Sequence[PlannedTask]) -> None:
        """Up to the approval, and its record."""
        news = self._tasks(tasks)
        close = self._close(CLOSE, list(self.made.values()), news=NEWS if news else "")
        for approve, register in approvals(self.line):
            self._approval(approve, register, close)

    def second_segment(self, tasks: Sequence[PlannedTask]) -> None:
        """What follows the approval."""
        self._tasks(tasks)
        self._close(CLOSE, list(self.made.values()), second=True)

    def _tasks(self, tasks: Sequence[PlannedTask]) -> "BaseOperator | None":
        for task in tasks:
            if name_of(task) in (CLOSE, NEWS):
                raise BadRequest(
                    f"{self.line.plan.recipe.at('steps', task.step)}: is called like a task of our own on "
                    "Airflow; rename the step."
                )
            self.made[task.id] = self._task(task)
        for task in tasks:
            for need in task.needs:
                if need in self.made:
                    self.made[need] >> self.made[task.id]
        return self._news(tasks) if self.line.new_data_only else None

    def _news(self, tasks: Sequence[PlannedTask]) -> "BaseOperator | None":
        """What everything but the fetching waits for."""
        from slmworks.engines.airflow.operators import NewDataOperator

        fetches = [task.id for task in tasks if task.sources and not _is_registered(task)]
        if not fetches:
            raise BadRequest(
                f"{self.line.plan.recipe.at('steps')}: nothing is fetched, so no data can be new."
            )
        news = NewDataOperator(
            line=self.line,
            fetches=fetches,
            task_id=NEWS,
            dag=self.dag,
            doc_md="Skips what follows when nothing that was fetched is new.",
            **self._limits(self.line.engine.settings.defaults),
        )
        for task in tasks:
            if task.id in fetches:
                self.made[task.id] >> news
            elif not set(task.needs) - set(fetches):
                news >> self.made[task.id]
        return news

    def _task(self, task: PlannedTask) -> "BaseOperator":
        from slmworks.engines.airflow.jobs import TaskJob

        pod = self.line.engine.pod(task)
        return self._start(
            TaskJob(self.line, task.id, self.model),
            task,
            pod,
            task_id=name_of(task),
            task_display_name=task.id,
            doc_md=task_page(task),
            task_group=self._group(task),
        )

    def _group(self, task: PlannedTask) -> Any:
        """The branches of a sweep are one box in the graph."""
        from airflow.sdk import TaskGroup

        if not task.coordinates:
            return None
        if task.step not in self.groups:
            self.groups[task.step] = TaskGroup(task.step, prefix_group_id=False, dag=self.dag)
        return self.groups[task.step]

    def _start(self, job: Any, task: PlannedTask | None, pod: Pod, **said: Any) -> "BaseOperator":
        """The operator for a job: a process or a pod, as the engine file says."""
        from slmworks.engines.airflow.operators import ProcessOperator

        told = {"job": job, "dag": self.dag, **self._limits(pod), **said}
        if not self.line.in_pods:
            return ProcessOperator(**told)
        from slmworks.engines.airflow.pods import PodOperator, equipment

        image = self.line.engine.image(task) if task else self.line.engine.core_image()
        return PodOperator(**told, **equipment(self.line, pod, image))

    def _limits(self, pod: Pod) -> dict[str, Any]:
        said: dict[str, Any] = {"retries": pod.retries or 0, "retry_delay": FIRST}
        said |= {"retry_exponential_backoff": 2.0, "max_retry_delay": LONGEST}
        if pod.pool:
            said["pool"] = pod.pool
        if pod.queue:
            said["queue"] = pod.queue
        if pod.seconds:
            said["execution_timeout"] = timedelta(seconds=pod.seconds)
        return said

    def _close(
        self, name: str, after: Sequence["BaseOperator"], *, news: str = "", second: bool = False
    ) -> "BaseOperator":
        """The task that ends the run's record: it runs whatever happened, and decides nothing."""
        from slmworks.engines.airflow.jobs import CloseJob

        close = self._start(
            CloseJob(self.line, second, news),
            None,
            self.line.engine.settings.defaults,
            task_id=name,
            doc_md="Ends the run's record and brings MLflow up to date.",
        )
        for task in after:
            task >> close
        return close.as_teardown()

    def _approval(self, approve: PlannedTask, register: PlannedTask, close: "BaseOperator") -> None:
        from slmworks.engines.airflow.operators import RecordOperator, ReviewOperator, reason_field

        limits = self._limits(self.line.engine.settings.defaults)
        model = str(register.options["name"])
        name, maker = name_of(approve), self.made[register.id]
        ask = ReviewOperator(
            line=self.line,
            register=register.id,
            reviewers=approve.options.get("reviewers", ()),
            params=reason_field(),
            task_id=f"{name}.ask",
            dag=self.dag,
            doc_md="Waits for a person's answer, without a worker.",
            **{key: value for key, value in limits.items() if key != "execution_timeout"},
        )
        record = RecordOperator(
            line=self.line,
            ask=ask.task_id,
            register=register.id,
            asset=champion(model),
            task_id=f"{name}.record",
            dag=self.dag,
            doc_md="Writes the answer to the approval log.",
            **limits,
        )
        [maker, close] >> ask >> record
        self._close(f"{name}.close", [record])


def _is_registered(task: PlannedTask) -> bool:
    return all(source.kind == "registry" for source in task.sources.values())
