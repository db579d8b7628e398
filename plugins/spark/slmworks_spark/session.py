"""One session of Spark, from a task's first piece of work to its last."""

import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_spark.engine import Spark
from slmworks_spark.reasons import reason_of
from slmworks_spark.settings import HERE, in_a_pod, on_this_machine, settings

GATEWAY = "PYSPARK_GATEWAY_PORT"
"""Variable of a driver that spark-submit has started, in whose JVM the session is."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its namespace."""


@contextlib.contextmanager
def session(options: Spark, name: str, scratch: Path) -> Iterator[Any]:
    """Spark's context; BadRequest in one line where Spark or Java is missing, or it doesn't start."""
    try:
        from pyspark import SparkConf, SparkContext
    except ModuleNotFoundError:
        raise BadRequest("the engine spark needs pyspark: pip install 'slmworks-spark[run]'") from None
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise BadRequest(
            "the engine spark needs Java 17, and there is none: install it (openjdk-17-jre-headless), or set "
            "JAVA_HOME."
        )
    if SparkContext._active_spark_context is not None:  # noqa: SLF001 - there is no other way to ask
        raise BadRequest("a session of Spark runs in this process already; end it before.")
    submitted = GATEWAY in os.environ
    conf = SparkConf().setAppName(f"slmworks {name}")
    if not submitted:  # else whoever submitted has said the rest
        found = {"spark.master": options.master, **settings(options, str(scratch)), **_place(options)}
        conf.setAll(list(found.items()))
    if options.on_this_machine:
        os.environ["SPARK_LOCAL_IP"] = HERE  # what master and workers of local-cluster listen at
    os.environ["PYSPARK_PYTHON"] = sys.executable  # only spark-submit reads spark.pyspark.python
    try:
        context = SparkContext(conf=conf)
    except Exception as error:  # noqa: BLE001 (of Java, with a trace of a hundred lines)
        raise BadRequest(
            f"curate.master: Spark did not start at {options.master} ({reason_of(error)})."
        ) from None
    context.setLogLevel("ERROR")
    try:
        yield context
    finally:
        with contextlib.suppress(Exception):  # its JVM may be what failed
            context.stop()
        if not submitted:
            _end(context)


def _place(options: Spark) -> dict[str, str]:
    if options.on_this_machine:
        return on_this_machine(options)
    if not options.on_kubernetes:
        return {}
    try:
        namespace = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        raise BadRequest(
            "curate.master: a driver whose executors are pods is one itself, and this is none; take another "
            "master here, such as local[2]."
        ) from None
    return in_a_pod(options, os.environ, namespace, socket.gethostbyname(socket.gethostname()))


def _end(context: Any) -> None:
    """End the JVM: pyspark leaves it for the next session, and a task has one."""
    gateway = type(context)._gateway  # noqa: SLF001
    if gateway is None:
        return
    with contextlib.suppress(Exception):
        gateway.shutdown()
    if (process := getattr(gateway, "proc", None)) is not None:
        with contextlib.suppress(Exception):
            process.stdin.close()  # it ends when that does
            process.wait(10)
    type(context)._gateway = type(context)._jvm = None  # noqa: SLF001
