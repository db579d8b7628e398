"""Plan -> tasks and edges of a DAG, with our own tasks that end a run and ask for approval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slmworks.approve.reviewers import Reviewers
from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.docs import task_page
from slmworks.engines.airflow.line import Line, name_of
from slmworks.engines.pod_settings import Pod
from slmworks.recipe.plan import PlannedTask

if TYPE_CHECKING:
    from airflow.sdk import DAG, Asset, BaseOperator

    from slmworks.engines.airflow.jobs import Approval

CLOSE, NEWS = "close", "new-data"
"""Names of tasks of our own."""
FIRST, LONGEST = timedelta(seconds=10), timedelta(minutes=5)
"""Pause before a task is tried again; it doubles, up to the longest."""


def champion(model: str) -> "Asset":
    """The asset that has an event whenever a version of a model is approved in Airflow."""
    from airflow.sdk import Asset

    return Asset(name=f"{model}@champion", uri=f"models:/{model}@champion", group="slmworks")


def approvals(line: Line) -> Iterator[tuple[PlannedTask, PlannedTask]]:
    """Each approve task with the register task of its release."""
    for task in line.plan:
        makers = [line.plan.tasks[need] for need in task.needs]
        if task.configured.barrier and makers[0].configured.registers:
            yield task, makers[0]


@dataclass
class Build:
    """Puts the tasks of a line into a DAG."""

    line: Line
    dag: "DAG"
    about: "Approval | None" = None
    """In a DAG behind an approval: the approved model."""
    made: dict[str, "BaseOperator"] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)

    def first_segment(self, tasks: Sequence[PlannedTask]) -> None:
        """The tasks up to the approval, the end of the run, and the approval itself."""
        news = self._tasks(tasks)
        close = self._close(CLOSE, list(self.made.values()), news=NEWS if news else "")
        for approve, register in approvals(self.line):
            self._approval(approve, register, close)

    def second_segment(self, tasks: Sequence[PlannedTask]) -> None:
        """The tasks behind the approval, and the end of the run."""
        self._tasks(tasks)
        self._close(CLOSE, list(self.made.values()), second=True)

    def _tasks(self, tasks: Sequence[PlannedTask]) -> "BaseOperator | None":
        for task in tasks:
            if task.step in (CLOSE, NEWS):
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
        """The task that all others but the fetches wait for."""
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
            TaskJob(self.line, task.id, self.about),
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
        """The operator for a job: a process or a pod, by the engine file."""
        from slmworks.engines.airflow.operators import ProcessOperator

        words = {"job": job, "dag": self.dag, **self._limits(pod), **said}
        if not self.line.in_pods:
            return ProcessOperator(**words)
        from slmworks.engines.airflow.pods import PodOperator, equipment

        image = self.line.engine.image(task) if task else self.line.engine.core_image()
        return PodOperator(**words, **equipment(self.line, task, pod, image))

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

    def _close(self, name: str, after: Sequence["BaseOperator"], **said: Any) -> "BaseOperator":
        """The task that ends the run's record, after failures too.

        It fails with a failed run, so that it is cleared with the failed tasks and no approval is asked
        for. As a teardown it never decides how the DAG's run ends.
        """
        from slmworks.engines.airflow.jobs import CloseJob

        close = self._start(
            CloseJob(self.line, **said),
            None,
            self.line.engine.pod(None),
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
            reviewers=Reviewers.of(approve.options.get("reviewers")),
            params=reason_field(),
            task_id=f"{name}.ask",
            dag=self.dag,
            doc_md="Waits for a person's answer, without a worker.",
            **{key: value for key, value in limits.items() if key not in ("execution_timeout", "retries")},
            # an answer in the seconds before Airflow has seen that the asking ended looks like a crash
            retries=max(limits["retries"], 2),
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
        self._close(f"{name}.{CLOSE}", [record], again=True)


def _is_registered(task: PlannedTask) -> bool:
    return all(source.kind == "registry" for source in task.sources.values())
