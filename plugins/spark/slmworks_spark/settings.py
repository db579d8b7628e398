"""Options of the engine -> settings of Spark. Pure: nothing is started."""

from collections.abc import Mapping

from slmworks.contract.errors import BadRequest
from slmworks_spark.engine import Spark

IMAGE = "SLMWORKS_IMAGE"
"""The image of this pod, as our engines say it to every task."""
HERE = "127.0.0.1"
MESSAGE = 1024
"""Megabytes of the largest piece: a row may have 2^28 characters."""


def settings(options: Spark, scratch: str) -> dict[str, str]:
    """Settings for every master."""
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",  # the task tells its own
        "spark.local.dir": scratch,
        "spark.driver.memory": options.driver_memory,
        "spark.driver.maxResultSize": "0",  # what is under way is bounded by how many pieces are
        "spark.rpc.message.maxSize": str(MESSAGE),
        "spark.executor.memory": options.memory,
        "spark.executor.memoryOverhead": options.python_memory,
        "spark.executor.cores": str(options.cores),
        "spark.executor.instances": str(options.executors),
        "spark.cores.max": str(options.executors * options.cores),
        **options.conf,
    }


def on_this_machine(options: Spark) -> dict[str, str]:
    """Settings of a Spark of which nothing leaves this machine."""
    found = {"spark.driver.host": HERE, "spark.driver.bindAddress": HERE}
    if options.master.startswith("local-cluster"):  # its executors are as large as the master says
        _, _, memory = options.master.removeprefix("local-cluster[").removesuffix("]").split(",")
        found |= {"spark.executor.memory": f"{memory.strip()}m", "spark.executor.memoryOverhead": "0m"}
    return found


def in_a_pod(options: Spark, environment: Mapping[str, str], namespace: str, address: str) -> dict[str, str]:
    """Settings of a driver in a pod whose executors are pods that it owns: they end with it.

    `namespace` and `address` are those of this pod. BadRequest where the executors' image isn't known.
    """
    image = options.image or environment.get(IMAGE, "")
    if not image:
        raise BadRequest("curate.image: names no image for the executors, and this pod's own isn't known.")
    found = {
        "spark.kubernetes.container.image": image,
        "spark.kubernetes.namespace": options.namespace or namespace,
        "spark.kubernetes.executor.deleteOnTermination": "true",
        "spark.driver.host": address,
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - executors come from other pods
    }
    if options.namespace in (None, namespace):  # an owner of another namespace is none
        found["spark.kubernetes.driver.pod.name"] = environment.get("HOSTNAME", "")
    return found
