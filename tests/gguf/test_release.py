"""A released generator: plain MLflow, server, edge bundle and bucket give the answers that were measured."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from test_generator import ROWS
from toys import exported, limited, rewritten, toy

from releases import approve, built, register
from s3 import Server, s3, s3_server  # noqa: F401 - fixtures
from slmworks.contract.artifact import Model, Release
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import scan, tree_digest
from slmworks.contract.runtime import open_runtime
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release, build
from slmworks.store import Store, open_store
from slmworks.testing import Bench, sealed
from slmworks_gguf.gguf_metadata import LONGEST_ANSWER
from slmworks_serve.client import ask_once, ask_release
from slmworks_serve.edge import export
from slmworks_serve.model import load

LOAD = """
import sys
for name in ("slmworks", "slmworks_gguf", "torch", "transformers", "gguf", "tokenizers"):
    sys.modules[name] = None
import json, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
answers = model.predict(pd.DataFrame({"messages": [row["messages"] for row in json.loads(sys.argv[2])]}))
try:
    model.predict(pd.DataFrame({"messages": [[{"role": "assistant", "content": "a"}]]}))
except ValueError as error:
    refused = str(error)
signature = model.metadata.signature
print(json.dumps({
    "answers": answers.to_dict("records"), "refused": refused,
    "example": model.predict(model.input_example)["tokens"].tolist(),
    "inputs": [f"{one.name}: {one.type}" for one in signature.inputs],
    "outputs": [f"{one.name}: {one.type}" for one in signature.outputs],
}))
"""
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def model(llama_gguf: Model) -> Model:
    """A generator that wasn't tuned, so its header names no model task; its answers have 12 tokens at most."""
    return limited(llama_gguf, 12)


@pytest.fixture(scope="module")
def measured(model: Model) -> list[dict[str, Any]]:
    """What evaluation gets from it."""
    return [dict(one) for one in open_runtime(model, threads=1, model_task="text-generation").answer(ROWS)]


def released(store: Store, model: Model) -> Release:
    found = register(store, model, name="talk")
    approve(store, name="talk")
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def command(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slmworks", *map(str, words)], capture_output=True, text=True, check=False,
        env={**os.environ, "NO_COLOR": "1", **variables},
    )  # fmt: skip


def test_plain_mlflow_gives_what_was_measured(
    store: Store, model: Model, measured: list[dict[str, Any]]
) -> None:
    release = released(store, model)
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOAD, release.path, json.dumps(ROWS)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["answers"] == measured
    assert said["example"] == [12]
    assert said["refused"] == "message 1 has the role 'assistant' as the first turn; user goes there."
    assert said["inputs"] == ["messages: Array(Map(str -> DataType.string))"]
    *outputs, passages = said["outputs"]
    assert outputs == ["text: DataType.string", "finish: DataType.string", "tokens: DataType.long"]
    assert passages.startswith("passages: Array(")  # of a model that has some
    pinned = (release.path / "requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in pinned] == ["jinja2", "mlflow", "numpy", "pandas", "xllamacpp"]


def test_the_same_model_gives_the_same_release(model: Model, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(build(tmp_path / name, model))
    assert made[0] == made[1]


def whole(answer: dict[str, Any]) -> str:
    """The text as it comes in pieces: without a token that ends inside a character."""
    return str(answer["text"]).rstrip("\ufffd ")


def test_the_server_gives_what_was_measured(
    store: Store, model: Model, measured: list[dict[str, Any]]
) -> None:
    released(store, model)
    for row, wanted in zip(ROWS[:2], measured, strict=False):
        found = ask_once(store, "talk", None, json.dumps(row)).answer
        assert {key: found[key] for key in wanted} == {**wanted, "text": found["text"]}
        assert whole(found) == whole(wanted)
    listed = command("models", "talk", "--store", store.root)
    assert (listed.returncode, "champion" in listed.stdout) == (0, True), listed.stderr


NO_HEAVY = """
import sys
for name in ("torch", "transformers", "gguf", "tokenizers", "mlflow", "pyarrow", "pandas", "conversion"):
    sys.modules[name] = None
from slmworks.cli.main import main
main(sys.argv[1:])
"""


def test_the_server_needs_what_answers_and_no_more(
    store: Store, model: Model, measured: list[dict[str, Any]]
) -> None:
    released(store, model)
    words = ["serve", "talk", "--ask", json.dumps(ROWS[1]), "--store", store.root]  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, "-c", NO_HEAVY, *words], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert " ".join(whole(measured[1]).split())[:40] in " ".join(done.stdout.split())


@pytest.fixture
def bundle(store: Store, model: Model, tmp_path: Path) -> Path:
    released(store, model)
    export(approved_release(Registry(store), "talk"), None, tmp_path / "bundle")
    return tmp_path / "bundle"


ALONE = """
import runpy, sys
for name in ("slmworks", "slmworks_gguf", "torch", "transformers", "gguf", "tokenizers", "numpy"):
    sys.modules[name] = None
sys.argv = ["run.py", *sys.argv[1:]]
sys.path.insert(0, "")
runpy.run_path("run.py", run_name="__main__")
"""


def said(folder: Path, *words: str, stdin: str = "", python: str = sys.executable) -> Any:
    """Exit code, answers, and the line of an error."""
    done = subprocess.run(
        [python, "-c", ALONE, *words], cwd=folder, input=stdin, capture_output=True, text=True, check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_the_bundle_gives_what_was_measured(bundle: Path, measured: list[dict[str, Any]]) -> None:
    assert sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*")) == [
        "MODEL_CARD.md", "README.md", "SHA256SUMS", "model", "model/model.gguf", "release.json", "requirements.txt", "run.py",
        "runtime.py",
    ]  # fmt: skip
    wanted = [line.split("==")[0] for line in (bundle / "requirements.txt").read_text().splitlines()]
    assert wanted == ["jinja2", "xllamacpp"]
    assert len((bundle / "run.py").read_text().splitlines()) <= 40
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    assert said(bundle, stdin=lines) == (0, measured, "")
    assert said(bundle, json.dumps(ROWS[1])) == (0, measured[1:2], "")
    assert said(bundle, "Hi") == (0, measured[:1], "")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=bundle, check=True)
    assert "JSON objects with messages (or texts) are arguments" in (bundle / "README.md").read_text()


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ('{"messages": []}', "there are no messages; give one with the role 'user' at least."),
        ('{"message": "Hi"}', "there are no messages; give one with the role 'user' at least."),
        ('{"messages": 3}', "messages is no list; give one with the role 'user' at least."),
        ('{"messages": ["Hi"]}', "message 1 has no role or no content; give both as text."),
        ("x " * 300, "tokens, and the model reads 256 with its answer; shorten the conversation."),
        ('{"messages"', "an argument is not JSON (Expecting ':' delimiter"),
    ],
)
def test_what_the_bundle_cannot_answer_is_a_line(bundle: Path, word: str, line: str) -> None:
    code, answers, error = said(bundle, "Hi", word)
    assert (code, len(answers)) == (2, 1)
    assert error.startswith("run.py: ")
    assert line in error
    assert error.count("\n") == 1


def test_a_file_that_was_damaged_or_a_missing_package_is_a_line(bundle: Path) -> None:
    file = bundle / "model" / "model.gguf"
    whole = file.read_bytes()
    for data, line in (
        (b"GGML" + whole[4:], "model.gguf: not a GGUF file"),
        (whole[:5000], "model.gguf: cut short after 5,000 bytes, inside its header; fetch the file again."),
        (whole[:-4096], "model.gguf: llama.cpp doesn't load it"),
    ):
        file.chmod(0o644)
        file.write_bytes(data)
        code, answers, error = said(bundle, "Hi")
        assert (code, answers, error.count("\n"), line in error) == (2, [], 1, True), error
    file.write_bytes(whole)
    (bundle / "xllamacpp.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'xllamacpp'\", name='xllamacpp')"
    )
    assert said(bundle, "Hi") == (
        2, [], "run.py: xllamacpp is not installed: pip install -r requirements.txt\n",
    )  # fmt: skip


@pytest.mark.slow
def test_the_bundle_in_a_fresh_environment(
    bundle: Path, measured: list[dict[str, Any]], tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv/bin/python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "-r", "requirements.txt"]
    subprocess.run(pip, cwd=bundle, check=True)
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    assert said(bundle, stdin=lines, python=python) == (0, measured, "")
    found = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True)
    names = {one["name"].lower() for one in json.loads(found.stdout)} - {"pip", "setuptools"}
    assert names == {"jinja2", "markupsafe", "xllamacpp"}


def test_a_bucket_holds_it_and_a_machine_without_network_serves_it(
    s3: str, s3_server: Server, model: Model, measured: list[dict[str, Any]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store = open_store(s3)
    released(store, model)
    digest = f"sha256:{model.digest}"
    monkeypatch.setenv("SLMWORKS_CACHE", str(tmp_path / "another-machine"))
    to = tmp_path / "pulled"
    done = command("pull", "talk", "--digest", digest, "--to", to, "--store", s3)
    assert (done.returncode, f"talk v1 · model {digest}" in done.stdout) == (0, True), done.stderr
    done = command("edge", "talk", "--to", tmp_path / "bundle", "--store", s3)
    assert done.returncode == 0, done.stderr
    assert said(tmp_path / "bundle", json.dumps(ROWS[1])) == (0, measured[1:2], "")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for path in [to, *to.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = command(
        "serve", "talk", "--from", to, "--ask", json.dumps(ROWS[1]), HTTPS_PROXY="http://127.0.0.1:1"
    )
    assert done.returncode == 0, done.stderr
    assert " ".join(whole(measured[1]).split())[:40] in " ".join(done.stdout.split())


def test_a_file_in_a_bucket_is_read_by_its_digest(s3: str, model: Model, tmp_path: Path) -> None:
    pytest.importorskip("s3fs")
    data = (model.path / "model.gguf").read_bytes()
    open_store(s3).bucket.put("files/toy.gguf", data)  # type: ignore[attr-defined]
    for name, digest in (("right", hashlib.sha256(data).hexdigest()), ("wrong", "0" * 64)):
        recipe = tmp_path / f"{name}.yaml"
        link = f"{s3}/files/toy.gguf#sha256={digest}"
        recipe.write_text(
            f"name: r\nsteps:\n  read: {{stage: export, uses: hf, from: {{model: '{link}'}}}}\n"
        )
        done = command("run", recipe, "--tracking", "none", "--store", tmp_path / name)
        assert (done.returncode == 0) == (name == "right"), done.stderr
    assert "the file is not the one that was pinned" in done.stderr


def test_a_model_that_does_not_chat_is_released_and_continues_text(store: Store, tmp_path: Path) -> None:
    bare = limited(exported(toy(tmp_path / "bare", template=""), Bench(tmp_path)), 9)
    released(store, bare)
    wanted = open_runtime(bare, threads=1, model_task="text-generation").answer(ROWS[3:4])[0]
    loaded = load(approved_release(Registry(store), "talk"))
    assert loaded.answer(ROWS[3:4]) == [wanted]
    with pytest.raises(BadRequest, match="the model has no chat template, so it only continues text"):
        loaded.answer(ROWS[:1])


def test_a_folder_of_torch_is_refused_with_the_way_out(llama: Model, tmp_path: Path) -> None:
    tuned = dataclasses.replace(llama, meta={**llama.meta, "task": "text-generation"})
    line = "format 'hf' cannot be released: no runtime of text-generation .* Export it first, to gguf"
    with pytest.raises(BadRequest, match=line):
        build(tmp_path, tuned)
    with pytest.raises(BadRequest, match=r"without a task cannot be released; .* as gguf is\."):
        build(tmp_path, llama)
    packed = dataclasses.replace(tuned, format="inc")
    line = (
        r"No step exports that format: make the model that it came from one of gguf instead \(export/gguf, q"
    )
    with pytest.raises(BadRequest, match=line):
        build(tmp_path, packed)
    assert list(tmp_path.iterdir()) == []


def test_a_release_that_is_damaged_is_a_line(model: Model, tmp_path: Path) -> None:
    whole = (model.path / "model.gguf").read_bytes()
    for name, data, line in (
        ("magic", b"GGML" + whole[4:], "model.gguf: not a GGUF file"),
        ("short", whole[: len(whole) // 2], "model.gguf: llama.cpp doesn't load it"),
    ):
        folder = tmp_path / f"{name} model"
        folder.mkdir()
        (folder / "model.gguf").write_bytes(data)
        wrong = sealed(Model(path=folder, format="gguf"))
        with pytest.raises(BadRequest, match=line):
            load(built(wrong, tmp_path / name, name="talk"))


@pytest.mark.parametrize("missing", ["kind", "format", "meta", "refs"])
def test_a_release_whose_header_lacks_something_is_a_line(model: Model, tmp_path: Path, missing: str) -> None:
    shutil.copytree(model.path, tmp_path / "model")
    header = tmp_path / "model" / "slmworks.json"
    said = json.loads(header.read_text())
    del said[missing]
    header.write_text(json.dumps(said))
    lame = dataclasses.replace(model, path=tmp_path / "model", digest=tree_digest(scan(tmp_path / "model")))
    with pytest.raises(BadRequest, match=f"not an artifact \\(KeyError: '{missing}'\\)"):
        load(built(lame, tmp_path / "release", name="talk"))


@pytest.mark.parametrize("wrong", [0, "many", 2.5])
def test_a_file_with_no_such_length_is_a_line(llama_gguf: Model, tmp_path: Path, wrong: Any) -> None:
    again = tmp_path / "again"
    again.mkdir()
    rewritten(
        llama_gguf.path / "model.gguf",
        again / "model.gguf",
        lambda said: said.update({LONGEST_ANSWER: wrong}),
    )
    with pytest.raises(
        BadRequest, match=r"model\.gguf: slmworks\.max_new_tokens is .*, and no number of tokens above 0"
    ):
        load(built(sealed(Model(path=again, format="gguf")), tmp_path / "release", name="talk"))


def test_a_release_whose_header_says_another_length_is_a_line(model: Model, tmp_path: Path) -> None:
    shutil.copytree(model.path, tmp_path / "model")
    other = sealed(Model(path=tmp_path / "model", format="gguf", meta={"max_new_tokens": 5}))
    with pytest.raises(BadRequest, match="header says max_new_tokens 5, and its file 12"):
        ask_release(built(other, tmp_path / "release", name="talk"), "{}")
