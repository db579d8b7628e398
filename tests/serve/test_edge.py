"""The edge bundle: whole, approved, and equal to the server where slmworks is not installed."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from reading import reading, span_finder  # noqa: F401 - a fixture
from releases import approve, edit, register, word_counter
from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks.testing import Bench
from slmworks_serve.client import ask_once
from slmworks_serve.edge import DeployEdge, export

TEXTS = ["good, good again", "awful", "plain 🙂", "", "-"]


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    register(store, word_counter(tmp_path / "model"))
    return store


def command(store, folder, *more):
    words = [sys.executable, "-m", "slmworks", "edge", "reviews", *more]
    words += ["--to", str(folder), "--store", store.url.removeprefix("file://")]
    return subprocess.run(words, capture_output=True, text=True, check=False)


ALONE = """
import runpy, sys
sys.modules["slmworks"] = sys.modules["torch"] = None
sys.argv = ["run.py", *sys.argv[1:]]
sys.path.insert(0, "")
runpy.run_path("run.py", run_name="__main__")
"""


def said(python, folder, texts, stdin=None):
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", ALONE, *texts], cwd=folder, env=env, input=stdin, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def same_as_the_server(store, answers):
    for text, answer in zip(TEXTS, answers, strict=True):
        served = ask_once(store, "reviews", None, text).answer
        assert answer["label"] == served["label"]
        assert answer["scores"] == pytest.approx(served["scores"], abs=1e-6)


def test_the_folder_answers_as_the_server_does(store, tmp_path):
    approve(store)
    folder = tmp_path / "out" / "edge"
    done = command(store, folder)
    assert (done.returncode, "reviews v1 in" in done.stdout) == (0, True)
    assert sorted(path.name for path in folder.iterdir()) == [
        "MODEL_CARD.md", "README.md", "SHA256SUMS", "model", "release.json", "requirements.txt", "run.py", "runtime.py",
    ]  # fmt: skip
    release = store.folder(Registry(store).state("reviews").champion.registered.release)
    for path in (folder / "model").iterdir():
        assert path.read_bytes() == (release / "model" / path.name).read_bytes()
    assert sorted(path.name for path in (folder / "model").iterdir()) == [
        "labels.json", "model.onnx", "tokenizer.json",
    ]  # fmt: skip
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    same_as_the_server(store, said(sys.executable, folder, TEXTS))
    assert len(said(sys.executable, folder, [], stdin="good\nawful\n")) == 2
    wanted = [line.split("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()]
    assert wanted == ["numpy", "onnxruntime", "tokenizers"]


ECHO = """
class Echo:
    def __init__(self, folder):
        pass

    def answer(self, rows):
        return [{"label": row["text"], "points": [ord(letter) for letter in row["text"]]} for row in rows]
"""


@pytest.fixture
def echo(store, tmp_path):
    """A bundle whose runtime answers with the text that it was asked."""
    approve(store)
    folder = tmp_path / "edge"
    export(approved_release(Registry(store), "reviews"), None, folder)
    (folder / "runtime.py").write_text(ECHO)
    text = (folder / "run.py").read_text(encoding="utf-8")
    (runtime,) = [line.split()[-1] for line in text.splitlines() if line.startswith("from runtime import")]
    (folder / "run.py").write_text(text.replace(runtime, "Echo"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("streams", ["cp1252", "latin-1", "ascii", "shift-jis", "utf-16", "utf-8"])
def test_both_streams_are_utf_8_whatever_the_locale(streams, echo):
    folder = echo
    texts = ["café", "退款 😀", "İ", "plain"]
    done = subprocess.run(
        [sys.executable, folder / "run.py"], input=("\ufeff" + "\n".join(texts) + "\n").encode(),
        env={**os.environ, "PYTHONIOENCODING": streams, "PYTHONUTF8": "0"}, capture_output=True, check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [one["label"] for one in answers] == texts
    assert [one["points"] for one in answers] == [list(map(ord, text)) for text in texts]


def asked(folder, *words, stdin=None, **variables):
    done = subprocess.run(
        [sys.executable, folder / "run.py", *words], input=stdin, env={**os.environ, **variables},
        capture_output=True, check=False,
    )  # fmt: skip
    return (
        done.returncode,
        [json.loads(line)["label"] for line in done.stdout.splitlines()],
        done.stderr.decode(),
    )


C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize("variables", [C_LOCALE, {"LC_ALL": "POSIX"}, {"PYTHONUTF8": "1"}])
def test_arguments_are_utf_8_whatever_the_locale(variables, echo):
    texts = ["café", "退款 😀", "İ", " blanks stay "]
    assert asked(echo, *texts, **variables) == (0, texts, "")
    code, labels, said = asked(echo, "fine", "café".encode("latin-1"), **variables)
    assert (code, labels) == (2, ["fine"])
    assert said == "run.py: an argument is not UTF-8 (unexpected end of data); convert it first.\n"


@pytest.mark.parametrize(
    ("stdin", "texts"),
    [
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("one\n\n two \u00a0\n", ["one", "", " two \u00a0"]),
        ("\ufeffone\r\n\r\n", ["one", ""]),
        ("one\rtwo\u2028three\x0bfour\x85\n", ["one\rtwo\u2028three\x0bfour\x85"]),
        ("", []),
    ],
)
def test_a_line_is_a_text_as_it_stands(stdin, texts, echo):
    assert asked(echo, stdin=stdin.encode(), **C_LOCALE) == (0, texts, "")


def test_a_line_that_is_not_utf_8_is_no_other_text(store, tmp_path):
    approve(store)
    folder = tmp_path / "edge"
    export(approved_release(Registry(store), "reviews"), None, folder)
    done = subprocess.run(
        [sys.executable, folder / "run.py"], input="café\n".encode("latin-1"),
        env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "run.py: stdin is not UTF-8 (invalid continuation byte); convert it first."
    ]


def test_what_is_not_approved_or_in_the_way_is_refused_and_nothing_is_written(store, tmp_path):
    done = command(store, tmp_path / "edge", "1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "v1 is not approved yet" in done.stderr
    assert not (tmp_path / "edge").exists()
    approve(store)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    done = command(store, tmp_path / "full")
    assert (done.returncode, "exists already" in done.stderr) == (2, True)
    release = store.folder(Registry(store).state("reviews").champion.registered.release)
    edit(release / "model/labels.json", "{}")
    done = command(store, tmp_path / "edge")
    assert (done.returncode, "the approval names" in done.stderr) == (2, True)
    assert not (tmp_path / "edge").exists()


@pytest.mark.parametrize("as_a_step", [False, True], ids=["command", "step"])
@pytest.mark.parametrize("name", ["model/labels.json", "requirements.txt", "slmworks.json"])
def test_what_is_written_is_what_was_approved_or_nothing(store, tmp_path, monkeypatch, as_a_step, name):
    approve(store)
    approved = approved_release(Registry(store), "reviews")
    copy = shutil.copyfile

    def copied(source, target):  # by somebody who writes where we write
        copy(source, target)
        if str(target).endswith(name) and "/model/" + name not in str(target):
            Path(target).write_text('{"labels": ["positive", "neutral", "negative"], "max_length": 32}')

    task = Bench(tmp_path).release_task("deploy", store)
    release = register(store, word_counter(tmp_path / "again"))
    monkeypatch.setattr("slmworks.registry.release.shutil.copyfile", copied)
    with pytest.raises(BadRequest, match="reviews v1: .* was changed while it was read"):
        DeployEdge().run(release=release, task=task) if as_a_step else export(
            approved, None, tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()
    assert not list(task.output.glob("*.json"))


def test_an_edit_between_the_check_and_the_copy_is_found(store, tmp_path):
    approve(store)
    approved = approved_release(Registry(store), "reviews")
    edit(approved.folder / "model/labels.json", "{}")
    with pytest.raises(BadRequest, match="was changed while it was read"):
        export(approved, None, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_as_a_deploy_step(store, tmp_path):
    approve(store)
    entry = Registry(store).state("reviews").champion.registered
    release = register(store, word_counter(tmp_path / "again"))
    task = Bench(tmp_path).release_task("deploy", store)
    deployment = DeployEdge().run(release=release, task=task)
    assert deployment.refs == {"release": entry.release}
    assert json.loads((deployment.path / "release.json").read_text())["model_digest"] == entry.model_digest


@pytest.mark.slow
def test_in_a_fresh_environment(store, tmp_path):
    approve(store)
    folder = tmp_path / "edge"
    assert command(store, folder).returncode == 0
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv/bin/python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "-r", "requirements.txt"]
    subprocess.run(pip, cwd=folder, check=True)
    same_as_the_server(store, said(python, folder, TEXTS))
    found = subprocess.run(
        [python, "-c", "import torch"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "No module named 'torch'" in found.stderr


def test_a_model_with_two_inputs_takes_json_objects(reading, tmp_path):
    store = open_store(str(tmp_path / "spans"))
    register(store, span_finder(tmp_path / "finder"), name="spans")
    approve(store, name="spans")
    folder = tmp_path / "edge"
    export(approved_release(Registry(store), "spans"), None, folder)
    row = json.dumps({"question": "Where?", "context": "It is in Oslo"})
    assert [one["span"] for one in said(sys.executable, folder, [row])] == ["Oslo"]
    assert [one["span"] for one in said(sys.executable, folder, [], stdin=f"{row}\n{row}\n")] == ["Oslo"] * 2
    assert [one["span"] for one in said(sys.executable, folder, [], stdin=f"{row}\n \n{row}\n\n")] == [
        "Oslo"
    ] * 2
    done = subprocess.run(
        [sys.executable, folder / "run.py"], input=f"{row}\n{{'question': 1}}\n", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.count("\n"), done.stderr.count("\n")) == (2, 1, 1)
    assert done.stderr.startswith("run.py: stdin is not JSON (Expecting property name")
    text = (folder / "README.md").read_text()
    assert "Reading comprehension, approved by" in text
    (command,) = [line for line in text.splitlines() if "run.py" in line]
    assert said(sys.executable, folder, [shlex.split(command)[2]])[0]["span"] == "Oslo"
    assert [line.split("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()] == [
        "numpy"
    ]
