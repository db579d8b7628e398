"""The example for Airflow's chart names what is in this repository and in ours."""

import re

import yaml
from chart import HELM, objects

from slmworks.engines.engine_file import EngineFile

EXAMPLES = HELM / "examples"


def test_airflow_finds_dags_recipes_and_the_engine_file_in_the_repository():
    values = yaml.safe_load((EXAMPLES / "airflow-values.yaml").read_text())
    root = "/opt/airflow/dags/repo/"
    (engine,) = (each["value"] for each in values["env"] if each["name"] == "SLMWORKS_ENGINE_FILE")
    assert engine.startswith(root)
    assert (HELM.parent / engine.removeprefix(root)).is_file()
    assert list((HELM.parent / values["dags"]["gitSync"]["subPath"]).glob("*.py"))


def test_it_holds_no_secret_and_an_exact_image():
    text = (EXAMPLES / "airflow-values.yaml").read_text()
    values = yaml.safe_load(text)
    assert values["images"]["airflow"]["tag"] not in ("", "latest")
    assert f"FROM apache/airflow:{values['airflowVersion']}\n" in text
    assert not [each for each in values["env"] if re.search("SECRET|TOKEN|PASSWORD|ACCESS_KEY", each["name"])]


def test_the_image_it_describes_has_every_family():
    text = (EXAMPLES / "airflow-values.yaml").read_text()
    families = {f"slmworks-{path.parent.name}" for path in HELM.parent.glob("plugins/*/pyproject.toml")}
    families -= {"slmworks-spark"}  # only the task that curates needs it
    assert families <= set(
        re.findall(r"slmworks-[\w-]+", text.partition("RUN pip install")[2].partition("END")[0])
    )
    image = yaml.safe_load(text)["images"]["airflow"]
    assert f"--tag {image['repository']}:{image['tag']} " in text


def test_its_airflow_is_the_one_that_dags_are_tested_with():
    values = yaml.safe_load((EXAMPLES / "airflow-values.yaml").read_text())
    pinned = (HELM.parent / ".ci" / "airflow-constraints.txt").read_text()
    assert f"\napache-airflow=={values['airflowVersion']}\n" in pinned


def test_its_engine_file_is_one_and_names_what_the_chart_makes():
    engine = EngineFile.read(EXAMPLES / "airflow-engine.yaml").settings
    made = {f"{one['kind']}/{one['metadata']['name']}" for one in objects("mlflow-volume")}
    assert f"ServiceAccount/{engine.airflow.service_account}".replace("works-", "demo-", 1) in made
    assert (
        f"Service/{re.match('http://([^:]*):5000', engine.tracking)[1]}".replace("works-", "demo-", 1) in made
    )
