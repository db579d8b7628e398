"""Operators of a line: tasks, the check for new data, review and record. Imported when a DAG is rendered.

A finished task returns the path of its record in the store, never the result itself.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Param
from airflow.sdk.exceptions import AirflowSkipException

from slmworks.approve.reviewers import Reviewers
from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.failures import REFUSED, SAID, airflow_errors, failure, for_good, refused
from slmworks.engines.airflow.form import APPROVE, REASON, REJECT, RUN
from slmworks.engines.airflow.jobs import SEEN, Command, Job, nothing_new, run_of
from slmworks.engines.airflow.line import Line
from slmworks.engines.airflow.report_page import report_path
from slmworks.engines.pod_settings import seconds
from slmworks.machine.process import PARENT

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from slmworks.registry.state import Entry

GRACE = 3.0
"""Seconds that a process gets to end by itself; Airflow waits five before it kills the worker."""


class ProcessOperator(BaseOperator):
    """A job as a process of the worker's machine, in the environment of its family."""

    ui_color = "#e8f0e4"
    shallow_copy_attrs = ("job",)

    def __init__(self, *, job: Job, **kwargs: Any) -> None:
        """`job` gives the command line."""
        super().__init__(**kwargs)
        self.job = job
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: "Context") -> str:
        """Run it; returns the path of the record that it wrote."""
        with airflow_errors():
            command = self.job.command(context)
        code, last = self._run(command)
        if code <= 0 or code == REFUSED:  # else it is the error's line
            self._log_held(last)
        if code == REFUSED:
            raise refused()
        if code:
            raise failure(code, last)
        return command.wrote

    def _run(self, command: Command) -> tuple[int, str]:
        """Start it and log its lines; returns exit code and last line."""
        process = self._process = subprocess.Popen(
            [str(command.python), "-m", "slmworks", *command.words, command.option, "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**inherited(os.environ), **command.environment, PARENT: str(os.getpid())},
        )
        assert process.stdin is not None
        lines: list[str] = []
        # beside: what it leaves behind when it is killed can hold its output open
        reader = threading.Thread(target=self._read, args=(process, lines), daemon=True)
        reader.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # its last line says why
                process.stdin.write(command.argument)
                process.stdin.close()
            code = process.wait()
            reader.join(GRACE)
            return code, lines[-1] if lines else ""
        finally:
            self.on_kill()

    def _read(self, process: "subprocess.Popen[str]", lines: list[str]) -> None:
        """Log lines as they come; one that may say why the process fails is held: the last is the error's."""
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip():
                self._log_held(*lines)
                lines[:] = [line.rstrip()]
                if not lines[-1].startswith(SAID):
                    self.log.info("%s", lines[-1])

    def _log_held(self, line: str = "") -> None:
        if line.startswith(SAID):
            self.log.info("%s", line)

    def on_kill(self) -> None:
        """End the process and all that it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(GRACE)
            os.killpg(self._process.pid, signal.SIGKILL)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The worker's variables for a process, without Airflow's, which hold its database's address."""
    return {name: value for name, value in environment.items() if "AIRFLOW" not in name}


class NewDataOperator(BaseOperator):
    """Skips everything that follows when nothing that was fetched is new since a run that ended well."""

    ui_color = "#e4ecf0"
    shallow_copy_attrs = ("line",)

    def __init__(self, *, line: Line, fetches: Sequence[str], **kwargs: Any) -> None:
        """`fetches` are the tasks that fetch."""
        super().__init__(**kwargs)
        self.line, self.fetches = line, tuple(fetches)

    def execute(self, context: "Context") -> None:
        """Skip the tasks behind it if an earlier run saw the same data."""
        from slmworks.engines.airflow.new_data import seen_before

        with airflow_errors():
            line = self.line.for_run(context["params"])
            earlier = seen_before(line.store(), run_of(context), line.plan, self.fetches)
        if earlier:
            context["ti"].xcom_push(key=SEEN, value=f"runs/{earlier.run}/run.json")
            raise AirflowSkipException(nothing_new(earlier.run))
        self.log.info("new: no run of this recipe that ended well has seen these bytes")


def reason_field() -> dict[str, Param]:
    """The field that the reviewer writes a reason into. Airflow shows it, and checks nothing."""
    field = Param(None, type=["null", "string"], title="Reason", description="For those who come later.")
    return {REASON: field}


class ReviewOperator(HITLOperator):
    """Asks a person to approve a run's release. It is deferred: nothing waits in a worker."""

    ui_color = "#f5ecd7"
    shallow_copy_attrs = ("line",)

    def __init__(self, *, line: Line, register: str, reviewers: Reviewers, **kwargs: Any) -> None:
        """`register`: the task that registers the release; `reviewers`: those of the recipe.

        `params`, the fields of the form, are `reason_field()`; by default they would be the DAG's.
        """
        settings = line.engine.settings.airflow
        within = seconds(settings.answer_within)
        rejects = within is not None and settings.unanswered == "reject"
        users = [{"id": one.id, "name": one.name} for one in line.engine.members(reviewers.among)]
        super().__init__(
            subject=f"{line.plan.recipe.name}: approve what was registered?",
            options=[APPROVE, REJECT],
            defaults=[REJECT] if rejects else None,
            assigned_users=users or None,
            response_timeout=timedelta(seconds=within) if within else None,
            **kwargs,
        )
        self.line, self.register, self.reviewers = line, register, reviewers
        self.users = users

    def execute(self, context: "Context") -> Any:
        """Ask, unless the log has the answer already."""
        from slmworks.engines.airflow import review

        with airflow_errors():
            question = review.Question.of(self.line.store(), run_of(context), self.register)
            status = question.version.status
            if status == "candidate":
                self._leave_out(question.version.registered)
                question.keep(self.task_id, assigned=bool(self.users), reviewers=self.reviewers)
                self.subject = question.subject()
                asked = self.line.asked(self.reviewers.among)
                page = self._page(context)
                self.body = question.body(self.line.tracking(), asked, self.reviewers, page=page)
        if question.settled:
            raise AirflowSkipException(f"{question.settled}; nobody is asked again")
        if status == "approved":
            self.log.info("%s; nobody is asked again", question.decided)
            return None
        self.log.info("%s waits for an answer here, or for slmworks approve or reject", question.label)
        return super().execute(context)

    def _page(self, context: "Context") -> str:
        """Where the packet can be read on Airflow's host; empty where nothing shows it."""
        from airflow.sdk.configuration import conf

        task = context["ti"]
        root = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        return report_path(root, task.dag_id, task.run_id, task.task_id)

    def _leave_out(self, registered: "Entry") -> None:
        """Ask everybody but who started the run, where the recipe says so."""
        if self.reviewers.but is None or not self.users:
            return
        others = [user for user in self.users if user["name"] != registered.started_by]
        if not others:
            raise BadRequest(
                f"the recipe asks only {registered.started_by}, who started the run, and somebody else is to "
                "approve it; name another reviewer, or let somebody else start the run."
            )
        self.assigned_users = others

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Fail with the way out if the time to answer is over."""
        if event["error_type"] == "timeout":
            within = self.line.engine.settings.airflow.answer_within
            raise for_good(
                f"nobody answered within {within}: the version stays a candidate. Clear this task to ask "
                "again, or decide with slmworks approve or reject."
            )
        super().process_trigger_event_error(event)


class RecordOperator(BaseOperator):
    """Writes the answer to the approval log. When it is an approval, the model's asset has an event."""

    ui_color = "#f5ecd7"
    shallow_copy_attrs = ("line",)

    def __init__(self, *, line: Line, ask: str, register: str, asset: "Asset", **kwargs: Any) -> None:
        """`ask` is the task that asked; `register` the one whose version it was about."""
        super().__init__(outlets=[asset], **kwargs)
        self.line, self.ask, self.register, self.asset = line, ask, register, asset

    def execute(self, context: "Context") -> str:
        """Write it down; the path of the log's entry."""
        from slmworks.engines.airflow import review

        run, said = run_of(context), context["ti"].xcom_pull(task_ids=self.ask)
        with airflow_errors():
            store = self.line.store()
            new = False
            if said is not None:
                entry, new = review.record(store, run, self.ask, review.Answer.read(said))
            question = review.Question.of(store, run, self.register)
            if said is None:  # decided before anybody was asked
                if question.version.decided is None:
                    raise BadRequest(f"{question.label} is not decided; clear {self.ask} to ask again.")
                entry = question.version.decided
        self.log.info("%s%s", "" if new else "it was so already: ", review.sentence(entry))
        if question.settled:
            raise AirflowSkipException(f"{question.settled}; nothing follows")
        if said is None and not question.is_news:
            raise AirflowSkipException(f"{question.decided}, before this run: nothing new follows")
        context["outlet_events"][self.asset].extra = {
            RUN: run,
            "version": entry.version,
            "digest": entry.model_digest,
        }
        return f"registry/{entry.name}/{entry.seq:06d}.json"
