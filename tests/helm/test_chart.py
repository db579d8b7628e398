"""The chart as a whole: what it renders to, that it is clean, and that its README says what its values do."""

import os
import runpy
import tarfile
from pathlib import Path

import pytest
from chart import CHART, FEATURES, HELM, helm, templates, values

from slmworks import __version__

GOLDEN = Path(__file__).parent / "golden"
WARNING = 2


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_renders_to_what_it_did(feature):
    text = "".join(f"---\n# {path}\n{text.strip()}\n" for path, text in templates(feature).items())
    golden = GOLDEN / f"{feature}.yaml"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text(), (
        f"if that is meant: GOLDEN=write python -m pytest {Path(__file__).parent}"
    )


def test_every_golden_file_has_its_feature():
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(FEATURES)


@pytest.mark.parametrize("feature", FEATURES)
def test_lint_finds_nothing(feature):
    found = helm.lint(CHART, values(feature), strict=True)
    assert found["errors"] == []
    assert [each for each in found["messages"] if each["severity"] >= WARNING] == []


def test_every_template_is_needed_by_a_feature():
    there = {str(path.relative_to(CHART)) for path in (CHART / "templates").rglob("*.yaml")}
    assert there == {path for feature in FEATURES for path in templates(feature) if path.endswith(".yaml")}


def test_it_is_packaged(tmp_path):
    with tarfile.open(helm.package(CHART, destination=tmp_path)) as archive:
        names = set(archive.getnames())
    assert {"slmworks/Chart.yaml", "slmworks/values.schema.json", "slmworks/README.md"} <= names
    assert not [name for name in names if name.startswith("slmworks/ci/")]


def test_it_installs_the_version_of_this_tree():
    assert helm.Chart.load(CHART).metadata["appVersion"] == __version__


def test_the_readme_and_the_schema_say_what_the_values_say():
    written = runpy.run_path(str(HELM / "readme.py"))["written"]()
    stale = [str(path) for path, text in written.items() if path.read_text() != text]
    assert not stale, "stale; run: python helm/readme.py"


@pytest.mark.parametrize("feature", FEATURES)
def test_the_notes_name_what_is_there(feature):
    rendered = templates(feature)
    notes = rendered.pop("templates/NOTES.txt")
    for word, template in {
        "deployment/demo-slmworks": "templates/deployment.yaml",
        "inferenceservice/demo-slmworks": "templates/inferenceservice.yaml",
        "http://demo-slmworks-mlflow.team:5000": "templates/mlflow/service.yaml",
        "demo-slmworks-pipelines": "templates/pipelines-serviceaccount.yaml",
    }.items():
        assert (word in notes) == (template in rendered)
