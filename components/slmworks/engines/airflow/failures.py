"""Ends of tasks as Airflow's exceptions; each failure is one line at ERROR in the task's log.

Exit code 2 (bad request) fails for good, 99 (refused by a gate) skips the tasks behind it, anything else is
tried again as often as the engine file's `retries` says.

Airflow logs what a task raises with its traceback, which here leads through Airflow's own frames alone: what
went wrong in a process or a pod is in its output, and a bad request is said in its line.
"""

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from slmworks.contract.errors import BadRequest, SlmworksError

REFUSED, RUN_FAILED = 99, 3
"""Exit codes: of a gate that lets nothing through; of `close` for a run that failed."""
SAID = "slmworks: "
"""How the line begins with which a process of ours says why it failed."""


class Failed(AirflowException):
    """A failure that another try may mend."""


class FailedForGood(AirflowFailException):
    """A failure that is the same at every try."""


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Our errors raised as Airflow's: a bad request is never tried again."""
    try:
        yield
    except SlmworksError as error:
        raise failure(error.exit_code, str(error)) from None


def failure(code: int, line: str) -> AirflowException:
    """The error of a task by its exit code and its last line."""
    said = line.removeprefix(SAID)
    if code == RUN_FAILED:
        return for_good("the run failed, since one of its tasks did; that task's log says why")
    if code == BadRequest.exit_code:
        return for_good(said)
    _without_traceback()
    if code < 0:
        return Failed(f"was killed (signal {-code}: by hand, or for want of memory)")
    return Failed(said or f"ended with code {code}")


def for_good(line: str) -> AirflowFailException:
    """The error of a task that is not tried again."""
    _without_traceback()
    return FailedForGood(line)


def refused() -> AirflowSkipException:
    """The end of a gate that lets nothing through."""
    return AirflowSkipException("refused by the gate, which is a normal end: what follows is left out")


def _without_traceback() -> None:
    """Let this process log our failures without tracebacks.

    Loggers hold the list of processors, so it is changed in place, as `structlog.testing.capture_logs` does.
    """
    processors = structlog.get_config()["processors"]
    if one_line not in processors:
        processors.insert(0, one_line)


def one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor of structlog: of our failures the message is the event, and nothing else is logged."""
    error = sys.exc_info()[1]
    if event.get("exc_info") and isinstance(error, Failed | FailedForGood):
        return {**event, "event": str(error), "exc_info": False}
    return event
