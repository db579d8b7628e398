"""Each image: what is in it, what it may do; and a whole line of tasks, each in its family's image."""

import csv
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.manifest import Manifest
from slmworks_serve.client import ask

ROOT = Path(__file__).parents[2]
LABELS = "org.opencontainers.image"
LEFT_OUT = {
    "core": ["torch", "transformers"],
    "text": ["torch", "transformers", "onnxruntime", "sklearn"],
    "serve": ["torch", "transformers", "mlflow", "pandas", "sklearn"],
}
CURATE = {"test": 0.2, "validation": 0.15}
EPOCHS = {"epochs": 6, "learning_rate": 3e-3, "batch_size": 16, "max_length": 24, "dropout": 0.0}


def test_every_image_says_what_it_is_and_installs_its_own_family() -> None:
    table = (ROOT / ".ci/images.mk").read_text()
    installs = dict(re.findall(r"^install-([\w-]+) := (.+)$", table, re.MULTILINE))
    about = dict(re.findall(r"^about-([\w-]+) := (.+)$", table, re.MULTILINE))
    (families,) = re.findall(r"^FAMILIES := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert installs.keys() == about.keys() == {"core", *families.split()}
    for family in families.split():
        assert f"slmworks-{family}[run]" in installs[family].split()
    assert "slmworks[run,s3,sign]" in installs["core"]


@pytest.mark.docker
def test_it_starts_where_nothing_is_allowed(image) -> None:
    listed = image()  # the image's own command, `slmworks plugins`
    assert image("slmworks", "plugins", flags=("--user=54321:0",)) == listed  # a cluster's choice of user
    assert "broken" not in listed
    assert ("slmworks" if image.family == "core" else f"slmworks-{image.family}") in listed
    assert image("sh", "-c", "id -u; id -g").split() == ["10001", "10001"]


@pytest.mark.docker
def test_it_says_what_it_is(image) -> None:
    config = image.config
    labels = config["Labels"]
    version = image("slmworks", "--version").split()[-1]
    assert labels[f"{LABELS}.title"] == f"slmworks-{image.family}"
    assert labels[f"{LABELS}.version"] == version
    assert labels[f"{LABELS}.licenses"] == "Apache-2.0"
    assert labels[f"{LABELS}.description"]
    assert f"SLMWORKS_REVISION={labels[f'{LABELS}.revision']}" in config["Env"]
    assert config["User"] == "10001:10001"
    assert not config["Entrypoint"]


@pytest.mark.docker
def test_it_has_the_virtual_environment_and_nothing_of_how_it_was_made(image) -> None:
    program = "import sys, importlib.util as found; print(sys.prefix, found.find_spec('pip'))"
    assert image("python3", "-c", program).split() == ["/opt/venv", "None"]
    image("sh", "-c", "test ! -e /wheels && test ! -e /layer")


@pytest.mark.docker
@pytest.mark.parametrize("family", LEFT_OUT)
def test_what_a_family_does_without_is_not_in_its_image(family: str, images) -> None:
    names = LEFT_OUT[family]
    program = f"import importlib.util as found; print([n for n in {names} if found.find_spec(n)])"
    assert images(family)("python3", "-c", program).strip() == "[]"


# --- a line, step by step: each fixture is a task in its image --------------------------------------


@pytest.fixture(scope="module")
def csv_file(line, tiny_reviews: Dataset) -> dict:
    """`sources` of a fetch: a CSV of labelled rows on this machine."""
    with (line.data / "train.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for split in ("train", "validation", "test"):
            rows.writerows(zip(*tiny_reviews.columns(split, "text", "label"), strict=True))
    return {"train": line.source("train.csv")}


@pytest.fixture(scope="module")
def raw(line, csv_file: dict) -> Manifest:
    return line.task("core", "raw", "fetch", "files", sources=csv_file)


@pytest.fixture(scope="module")
def encoder(line, tiny_encoder: Model) -> Manifest:
    shutil.copytree(tiny_encoder.path, line.data / "encoder")
    return line.task("core", "encoder", "fetch", "files", sources={"model": line.source("encoder")})


@pytest.fixture(scope="module")
def curated(line, raw: Manifest) -> Manifest:
    return line.task("text", "curate", "curate", "text", "data=raw", options=CURATE)


@pytest.fixture(scope="module")
def teacher(line, encoder: Manifest, curated: Manifest) -> Manifest:
    given = ("model=encoder", "data=curate")
    return line.task("torch", "teacher", "finetune", "classifier", *given, options=EPOCHS)


@pytest.fixture(scope="module")
def dynamic(line, teacher: Manifest) -> Manifest:
    return line.task("onnx", "dynamic", "quantize", "onnx-dynamic", "model=teacher")


@pytest.fixture(scope="module")
def static(line, teacher: Manifest, curated: Manifest) -> Manifest:
    return line.task("inc", "static", "quantize", "inc-static", "model=teacher", "calibration=curate")


@pytest.fixture(scope="module")
def reports(line, dynamic: Manifest, static: Manifest) -> dict[str, Manifest]:
    """What the torch image measured of the teacher and of both int8 models."""
    judge = ("evaluate", "quality", "data=curate")
    found = {"teacher": line.task("torch", "of-teacher", *judge, "model=teacher")}
    for name in ("dynamic", "static"):
        beside = (f"model={name}", "baseline=of-teacher")
        found[name] = line.task("torch", f"of-{name}", *judge, *beside)
    return found


@pytest.fixture(scope="module")
def champion(line, reports: dict[str, Manifest]) -> Manifest:
    """The gate's choice, registered and approved in the core's image."""
    given = ("reports=of-dynamic", "reports=of-static")
    line.task("core", "gate", "gate", "paired-bootstrap", *given, options={"retention": 0.5})
    release = line.task("core", "release", "register", "mlflow", "verdict=gate", options={"name": "tiny"})
    because = ("--because", "a test", "--user", "ada")
    line.run("core", "slmworks", "approve", "tiny", "1", *because, "--store", "/store")
    return release


@pytest.mark.docker
def test_curate_makes_the_same_bytes_as_on_the_host(host, curated: Manifest, csv_file: dict) -> None:
    host.task("raw", "fetch", "files", sources=csv_file)
    here = host.task("curate", "curate", "text", f"data={host.folder}/raw.json", options=CURATE)
    assert here.digest == curated.digest
    assert here.fingerprint == curated.fingerprint


@pytest.mark.docker
def test_quantize_makes_the_same_bytes_as_on_the_host(
    host, line, teacher: Manifest, dynamic: Manifest
) -> None:
    shutil.copytree(line.store / teacher.key, host.folder / "store" / teacher.key)
    model = f"model={line.manifests}/teacher.json"
    assert host.task("dynamic", "quantize", "onnx-dynamic", model).digest == dynamic.digest


@pytest.mark.docker
def test_the_torch_image_trains_and_judges(reports: dict[str, Manifest]) -> None:
    assert reports["teacher"].summary["accuracy"] > 0.6
    for name in ("dynamic", "static"):
        assert reports[name].summary["accuracy"] > 0.6


@pytest.mark.docker
def test_what_was_made_before_is_found_again(line, curated: Manifest) -> None:
    again = line.task("text", "curate", "curate", "text", "data=raw", options=CURATE)
    assert again == curated


@pytest.mark.docker
def test_the_serve_image_answers_from_a_store_that_it_cannot_write(line, images, champion: Manifest) -> None:
    said = images("serve")(
        "slmworks", "serve", "tiny", "--ask", "the camera is lovely", "--store", "/store",
        flags=(f"--volume={line.store}:/store:ro",),
    )  # fmt: skip
    assert "tiny v1 at" in said
    assert "→ positive" in said


@pytest.fixture
def server(docker, images, line, champion: Manifest) -> Iterator[tuple[str, str]]:
    """The champion served on a port of this machine: the container and its address."""
    container = images("serve").start(
        "slmworks", "serve", "tiny", "--host", "0.0.0.0", "--store", "/store",
        flags=("--publish=127.0.0.1::8000", f"--volume={line.store}:/store:ro"),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while "answers at" not in (said := docker("logs", container)):
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        yield container, f"http://{docker('port', container, '8000').strip()}"
    finally:
        docker("rm", "--force", container)


@pytest.mark.docker
def test_a_server_answers_and_stops_when_told(docker, server: tuple[str, str]) -> None:
    container, address = server
    assert ask(f"{address}/classify", {"text": "the lamp is awful"})["label"] == "negative"
    began = time.monotonic()
    docker("stop", "--time=30", container)
    assert time.monotonic() - began < 10
    assert docker("inspect", "--format={{.State.ExitCode}}", container).strip() == "0"
    assert "tiny v1 stopped" in docker("logs", container)
