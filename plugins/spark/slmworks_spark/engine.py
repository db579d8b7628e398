"""The engine's options, as an engine file says them."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from slmworks.contract.options import OptionError
from slmworks.contract.workers import WorkerEngine, Workers
from slmworks.fetch.secrets import is_secret_variable

KUBERNETES = "k8s://"
MASTER = re.compile(
    r"local(\[(\*|[1-9]\d*)\])?|local-cluster\[[1-9]\d*,\s*[1-9]\d*,\s*[1-9]\d*\]"
    r"|spark://[^\s/]+:\d+(,[^\s/]+:\d+)*|k8s://\S+"
)
OURS = frozenset(
    {"spark.master", "spark.app.name", "spark.executor.instances", "spark.executor.cores",
     "spark.executor.memory", "spark.executor.memoryOverhead", "spark.driver.memory",
     "spark.kubernetes.namespace", "spark.kubernetes.executor.container.image",
     "spark.kubernetes.container.image"}
)  # fmt: skip
"""Settings of Spark that an option of ours sets."""

Size = Annotated[str, Field(pattern=r"^[1-9]\d*[mg]$", examples=["1500m", "4g"])]


class Spark(WorkerEngine):
    """Apache Spark: the task's process is the driver, executors clean rows, hash texts and compare them.

    The driver reads the files, keeps the cleaned rows on its disk and some 60 bytes a row in memory, and
    writes, so executors need none of its files. One that is lost costs the work of the moment.
    """

    master: str
    """`local[2]`: threads of this machine; `local-cluster[2,1,1500]`: executors, cores and MB of each, on
    this machine; `spark://HOST:7077`: a cluster of Spark's own; `k8s://https://kubernetes.default.svc`:
    executors are pods."""
    executors: PositiveInt = 2
    """Executors that are asked for, of a cluster."""
    cores: PositiveInt = 1
    """Cores of an executor, each with a Python process of its own."""
    memory: Size = "1g"
    """Memory of an executor's JVM, which only hands on what Python makes."""
    python_memory: Size = "1g"
    """Memory of an executor beside that: its Python processes."""
    driver_memory: Size = "1g"
    """Memory of the driver's JVM, beside the task's process."""
    image: str | None = None
    """Kubernetes: the executors' image; left out: the task's own."""
    namespace: str | None = None
    """Kubernetes: the namespace of the executors; left out: the task's own."""
    conf: dict[str, str] = Field(default_factory=dict)
    """Further settings of Spark, such as `{spark.kubernetes.executor.podTemplateFile: /etc/spark/pod.yaml}`;
    nothing secret."""

    @field_validator("master")
    @classmethod
    def _master_is_known(cls, value: str) -> str:
        if not MASTER.fullmatch(value):
            raise ValueError(
                "not a master of Spark; it looks like local[2], local-cluster[2,1,1500], spark://HOST:7077 "
                "or k8s://https://HOST"
            )
        return value

    @model_validator(mode="after")
    def _conf_is_free(self) -> Self:
        for name, value in self.conf.items():
            if not name.startswith("spark."):
                raise OptionError(("conf", name), "no setting of Spark; it begins with spark.")
            if name in OURS:
                raise OptionError(("conf", name), "is set by an option of its own; use that.")
            if is_secret_variable(re.sub(r"(?<=[a-z])(?=[A-Z])|\W", "_", name), value):
                raise OptionError(
                    ("conf", name), "looks like a secret, which an engine file is no place for; use a Secret."
                )
        return self

    @property
    def on_this_machine(self) -> bool:
        """True if nothing of it leaves this machine."""
        return self.master.startswith("local")

    @property
    def on_kubernetes(self) -> bool:
        """True if executors are pods."""
        return self.master.startswith(KUBERNETES)

    def start(self, name: str, scratch: Path) -> AbstractContextManager[Workers]:
        """A session for the time of the block."""
        return self._started(name, scratch)

    @contextmanager
    def _started(self, name: str, scratch: Path) -> Iterator[Workers]:
        from slmworks_spark.session import session
        from slmworks_spark.workers import SparkWorkers

        with session(self, name, scratch) as context:
            yield SparkWorkers(context, self.slots(context.defaultParallelism))

    def slots(self, found: int) -> int:
        """Pieces that are worked on at a time; `found`: cores that a Spark on this machine has."""
        return found if self.on_this_machine else self.executors * self.cores
