"""Entry point of an image: what a pod of Spark's is to be. `executor`, `driver`, or any other command.

For people it has one command more, `python -m slmworks_spark application`.

    ENTRYPOINT ["python3", "-m", "slmworks_spark"]

Spark's scheduler for Kubernetes starts executors with the argument `executor` and says the rest in variables;
drivers of the Spark operator get `driver` and the arguments of spark-submit.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from slmworks.contract.errors import BadRequest, SlmworksError, exit_of

BACKEND = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
NAMED = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}
"""Arguments of an executor, and the variable that holds each."""
OPTION = "SPARK_JAVA_OPT_"
"""Beginning of the variables that hold options of its JVM, numbered from 0."""


def executor(environment: Mapping[str, str], home: Path, java: str) -> list[str]:
    """The command of an executor; BadRequest where Spark has not said something."""
    missing = [name for name in (*NAMED.values(), "SPARK_EXECUTOR_MEMORY") if name not in environment]
    if missing:
        raise BadRequest(f"executor: {', '.join(missing)} not set; Spark starts executors, nobody else.")
    numbers = sorted(int(name.removeprefix(OPTION)) for name in environment if name.startswith(OPTION))
    memory = environment["SPARK_EXECUTOR_MEMORY"]
    classes = [environment.get("SPARK_CLASSPATH", ""), str(home / "jars" / "*")]
    return [
        java,
        *(environment[f"{OPTION}{number}"] for number in numbers),
        f"-Xms{memory}",
        f"-Xmx{memory}",
        "-cp",
        ":".join(filter(None, classes)),
        BACKEND,
        *(word for option, name in NAMED.items() for word in (option, environment[name])),
    ]


def driver(environment: Mapping[str, str], home: Path, words: Sequence[str]) -> list[str]:
    """The command of a driver that was submitted to a cluster."""
    address = environment.get("SPARK_DRIVER_BIND_ADDRESS", "0.0.0.0")  # noqa: S104 - in a pod, for executors
    submit = str(home / "bin" / "spark-submit")
    return [submit, "--conf", f"spark.driver.bindAddress={address}", "--deploy-mode", "client", *words]


def command(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What a pod with these arguments is to run."""
    import pyspark

    home = Path(environment.get("SPARK_HOME") or Path(pyspark.__file__).parent)
    if words and words[0] == "executor":
        bare = environment.get("JAVA_HOME")
        return executor(environment, home, f"{bare}/bin/java" if bare else "java")
    if words and words[0] == "driver":
        return driver(environment, home, words[1:])
    if not words:
        raise BadRequest("slmworks_spark: say what to run: executor, driver, or a command.")
    return list(words)


def main() -> None:
    """Become it."""
    if sys.argv[1:2] == ["application"]:
        sys.exit(_application(sys.argv[2:]))
    try:
        words = command(sys.argv[1:], os.environ)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.execvp(words[0], words)  # noqa: S606 - no shell: the arguments are the pod's
    except (SlmworksError, OSError) as error:
        line, code = exit_of(error)
        sys.stderr.write(f"{line}\n")
        sys.exit(code)


def _application(words: Sequence[str]) -> int:
    import click

    from slmworks_spark.command import spark_application

    try:
        spark_application.main(words, "slmworks_spark application", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (SlmworksError, OSError) as error:
        line, code = exit_of(error)
        sys.stderr.write(f"{line}\n")
        return code
    return 0


if __name__ == "__main__":
    main()
