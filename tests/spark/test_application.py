"""A step as a SparkApplication: a golden file, the operator's schema, and one line for what can't be one."""

import os
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from spark_application import SCHEMA

from slmworks.contract.errors import BadRequest
from slmworks.execution.spec import TaskSpec
from slmworks_spark.application import VERSION
from slmworks_spark.command import spark_application

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "curate.yaml"
RECIPE = """\
name: intents
steps:
  raw: {stage: fetch, uses: files, from: {train: "s3://works/raw/train.csv"}}
  curate: {uses: text, from: {data: raw}, with: {near_duplicates: 0.8}}
"""
ENGINE = """\
store: s3://works/store
images: registry.example/works
curate: {engine: spark, master: "k8s://https://kubernetes.default.svc", executors: 4, cores: 2, python_memory: 3g}
families:
  slmworks-text: {image: "registry.example/works/slmworks-spark:1.0"}
stages:
  curate:
    cpu: 2
    memory: 8Gi
    retries: 1
    tmp: {size: 50Gi}
    node_selector: {pool: cpu}
    tolerations: [{key: dedicated, value: cpu, effect: NoSchedule}]
    labels: {kueue.x-k8s.io/queue-name: data}
secrets:
  AWS_SECRET_ACCESS_KEY: {secret: slmworks-store, key: secret-access-key}
env: {AWS_REGION: eu-central-1}
kubeflow: {namespace: team}
"""


@pytest.fixture(autouse=True)
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "line.yaml").write_text(RECIPE)
    (tmp_path / "engine.yaml").write_text(ENGINE)
    return tmp_path


def rendered(step: str = "curate") -> str:
    """What the command prints; it raises what a person reads as one line."""
    ran = CliRunner().invoke(
        spark_application,
        ["line.yaml", step, "--engine-file", "engine.yaml", "--run", "20260101-120000-abcd"],
        standalone_mode=False,
    )
    if ran.exception is not None:
        raise ran.exception
    return ran.output


def test_a_step_is_a_spark_application() -> None:
    found = yaml.safe_load(rendered())
    Draft202012Validator(SCHEMA).validate(found)
    *words, last = found["spec"]["arguments"]
    assert words == ["task", "--alone", "--in=data=@20260101-120000-abcd/raw"]
    spec = TaskSpec.decode(last.removeprefix("--spec="))
    assert (spec.step, spec.store, spec.workers["executors"]) == ("curate", "s3://works/store", 4)
    found["metadata"]["name"] = found["metadata"]["name"].rpartition("-")[0]  # the rest follows the code
    found["spec"]["arguments"] = words
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(yaml.safe_dump(found))
    assert found == yaml.safe_load(GOLDEN.read_text())


def test_executors_see_neither_secrets_nor_volumes() -> None:
    spec = yaml.safe_load(rendered())["spec"]
    assert not {"env", "envFrom", "volumeMounts"} & set(spec["executor"])
    assert "AWS_SECRET_ACCESS_KEY" in str(spec["driver"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("k8s://https://kubernetes.default.svc", "local[2]", "curate.master: a SparkApplication runs on Kubernetes"),
        ("curate: {engine: spark,", "costs: {} #", "engine.yaml: has no `curate: {engine: spark, …}`"),
        ("engine: spark", "engine: sparc", "engine.yaml:3 curate.engine: no such engine 'sparc'. Did you mean 'spark'?"),
        ("executors: 4", "executers: 4", "no such option of spark. Did you mean 'executors'?"),
        ("cores: 2", "cores: 0", "engine.yaml:3 curate.cores: input should be greater than 0, got 0."),
        ("python_memory: 3g", "conf: {spark.executor.memory: 1g}", "curate.conf.spark.executor.memory: is set by an option"),
        ("python_memory: 3g", "conf: {spark.ssl.keyPassword: abc}", "curate.conf.spark.ssl.keyPassword: looks like a secret"),
        ("k8s://https://kubernetes.default.svc", "yarn", "curate.master: not a master of Spark; it looks like local[2],"),
    ],
)  # fmt: skip
def test_what_cannot_be_one_is_said_in_one_line(line: Path, old: str, new: str, said: str) -> None:
    (line / "engine.yaml").write_text(ENGINE.replace(old, new))
    with pytest.raises(BadRequest) as caught:
        rendered()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_step_that_spreads_nothing() -> None:
    with pytest.raises(BadRequest, match="spreads no fetch files"):
        rendered("raw")


def test_the_version_is_that_of_the_extra() -> None:
    project = tomllib.loads((ROOT / "plugins/spark/pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["run"] == [f"pyspark=={VERSION}"]
