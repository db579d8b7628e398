"""`slmworks pull` and `slmworks serve --from`: what was approved travels, everything else stays where it is."""

import json
import os
import signal
import subprocess
import sys

import pytest

from disks import nfs  # noqa: F401 - a fixture
from releases import BY, approve, edit, register, word_counter
from s3 import s3, s3_server  # noqa: F401 - fixtures
from slmworks.contract.manifest import scan
from slmworks.registry import pulled
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks_serve.client import ask

NO_HEAVY = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("torch", "mlflow", "pyarrow", "pandas", "sklearn", "transformers"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Refuse())
from slmworks.cli.main import main
main(sys.argv[1:])
"""


def digest(store, version):
    return f"sha256:{Registry(store).state('reviews').version(version).registered.model_digest}"


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_champion_comes_whole_and_answers_from_there(store, pull, said, to):
    code, line = pull()
    assert (code, line) == (
        0,
        f"reviews v1 · model {digest(store, 1)} in {to}: serve it with  slmworks serve reviews --from {to}\n",
    )
    entry = Registry(store).state("reviews").champion.registered
    assert sorted(path.name for path in to.iterdir()) == [pulled.APPROVAL, pulled.RELEASE]
    assert scan(to / pulled.RELEASE) == scan(store.folder(entry.release))
    approval = json.loads((to / pulled.APPROVAL).read_text())
    assert (approval["registered"]["version"], approval["approved"]["who"]) == (1, "ada")
    store.root.rename(store.root.with_name("gone"))
    code, line = said("serve", "reviews", "--from", to, "--ask", "good")
    assert (code, "reviews v1 at http" in line, "→ positive" in line) == (0, True, True)


def test_a_digest_pins_and_needs_not_be_the_champions(store, pull, to):
    approve(store, 2)
    code, line = pull("--digest", digest(store, 1))
    assert (code, "reviews v1 · model" in line) == (0, True)
    assert json.loads((to / pulled.APPROVAL).read_text())["registered"]["version"] == 1


def test_a_second_pull_does_nothing_and_says_so(pull, to):
    assert pull()[0] == 0
    before = {path: path.stat().st_mtime_ns for path in to.rglob("*")}
    code, line = pull()
    assert (code, f"is in {to} already, approved and whole" in line) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in to.rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["2"], "v2 is not approved yet. Approve it: slmworks approve reviews 2"),
        (["7"], "reviews has no version 7; it has versions 1 to 2"),
        (["--digest", "sha256:" + "0" * 64], f"reviews has no version with model sha256:{'0' * 64}"),
        (["--digest", ""], "--digest '': a model's digest is sha256: and 64 hex digits"),
        (["--digest", "sha256:12ab"], "--digest 'sha256:12ab': a model's digest is"),
        (["--digest", "$(MODEL_DIGEST)"], "a model's digest is"),
    ],
)
def test_what_there_is_not_is_refused_and_nothing_is_written(pull, to, words, why):
    code, line = pull(*words)
    assert (code, why in line) == (2, True), line
    assert not to.exists()


def test_a_version_and_another_ones_digest_disagree(store, pull):
    code, line = pull("1", "--digest", digest(store, 2))
    assert (code, f"reviews v1 is not one with model {digest(store, 2)}" in line) == (2, True)


def test_a_candidate_is_refused_by_its_digest_too(store, pull, to):
    code, line = pull("--digest", digest(store, 2))
    assert (code, "v2 is not approved yet" in line, to.exists()) == (2, True, False)


def test_what_was_rejected_or_rolled_back_is_refused(store, pull, to):
    Registry(store).reject("reviews", 2, **BY, why="rude")
    assert "v2 was rejected by ada" in pull("--digest", digest(store, 2))[1]
    register(store, word_counter(to.parent / "model3", 4.0))
    approve(store, 3)
    pinned = digest(store, 3)
    assert pull("--digest", pinned)[0] == 0
    Registry(store).rollback("reviews", **BY, why="slow")
    code, line = pull("--digest", pinned)  # although it is there: a pod that starts again asks again
    assert (code, "v3 was rolled back by ada" in line) == (2, True)


@pytest.mark.parametrize("name", ["model/labels.json", "runtime.py", "slmworks.json", "model/more.bin"])
def test_what_was_edited_in_the_store_is_refused_and_nothing_stays(store, pull, to, name):
    release = store.folder(Registry(store).state("reviews").champion.registered.release)
    if not (release / name).exists():
        (release / name).touch()
    edit(release / name, "mine")
    code, line = pull()
    assert (code, "reviews v1" in line) == (2, True), line
    assert not to.exists()
    to.mkdir()
    assert pull()[0] == 2
    assert files(to) == []


def test_what_is_missing_from_the_store_is_refused(store, pull, to):
    release = store.folder(Registry(store).state("reviews").champion.registered.release)
    release.rename(store.root / "aside")
    code, line = pull()
    assert (code, "is missing from" in line, to.exists()) == (2, True, False)


def test_a_folder_with_something_in_it_is_left_alone(pull, to):
    to.mkdir()
    (to / "release").mkdir()
    (to / "release" / "mine").write_text("mine")
    code, line = pull()
    assert (code, f"{to}: holds something already (release)" in line) == (2, True)
    assert files(to) == ["release", "release/mine"]


def test_another_version_is_not_replaced(store, pull, to):
    assert pull()[0] == 0
    approve(store, 2)
    before = files(to)
    code, line = pull()
    assert (code, "holds reviews v1, not reviews v2" in line) == (2, True)
    assert files(to) == before


def test_an_edit_in_the_folder_is_found_by_a_second_pull(pull, to):
    assert pull()[0] == 0
    edit(to / pulled.RELEASE / "model/labels.json", "{}")
    code, line = pull()
    assert (code, "release/model/ is not what was approved as reviews v1" in line) == (2, True)


@pytest.mark.parametrize("left", [[pulled.APPROVAL], []])
def test_what_a_kill_left_is_swept(pull, to, left):
    assert pull()[0] == 0
    part = to / pulled.PART
    part.mkdir()
    (to / pulled.RELEASE).rename(part / "release")
    if not left:
        (to / pulled.APPROVAL).unlink()
    assert pull()[0] == 0
    assert sorted(path.name for path in to.iterdir()) == [pulled.APPROVAL, pulled.RELEASE]


def test_a_file_in_the_way_is_one_line(pull, to):
    to.write_text("mine")
    code, line = pull()
    assert (code, f"{to}: File exists" in line, to.read_text()) == (2, True, "mine")


@pytest.mark.parametrize(
    ("number", "ends", "why"),
    [(28, 1, "make room"), (30, 2, "can be written to"), (13, 2, "can be written to")],
)
def test_a_disk_that_refuses_is_one_line_and_leaves_nothing(pull, to, monkeypatch, number, ends, why):
    def refuse(_source, target):
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(pulled.shutil, "copyfile", refuse)
    code, line = pull()
    assert (code, why in line, to.exists()) == (ends, True, False)


# --- serve --from ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("release/model/labels.json", "release/model/"),
        ("release/model/more.json", "release/model/"),
        ("release/runtime.py", "what is beside release/model/"),
        ("release/README.md", "release/slmworks.json or README.md"),
        ("release/slmworks.json", "release/slmworks.json or README.md"),
    ],
)
def test_an_edited_folder_is_not_served(pull, said, to, name, what, monkeypatch):
    monkeypatch.setattr("slmworks_serve.run.listen", lambda *_: pytest.fail("a port was opened"))
    assert pull()[0] == 0
    (to / name).touch()
    edit(to / name, "{}")
    code, line = said("serve", "reviews", "--from", to)
    assert (code, f"{to}: {what} is not what was approved as reviews v1" in line) == (2, True), line


def test_a_folder_that_nobody_pulled_is_not_served(store, pull, said, to):
    code, line = said("serve", "reviews", "--from", to)
    assert (code, "holds no release that was pulled (no approval.json)" in line) == (2, True)
    assert pull()[0] == 0
    approval = json.loads((to / pulled.APPROVAL).read_text())
    for change in ({"approved": approval["registered"]}, {"approved": {}}, {"more": 1}):
        edit(to / pulled.APPROVAL, json.dumps({**approval, **change}))
        code, line = said("serve", "reviews", "--from", to)
        assert (code, "approval.json: " in line) == (2, True)
    edit(to / pulled.APPROVAL, json.dumps(approval))
    code, line = said("serve", "other", "--from", to)
    assert (code, "holds reviews v1, not other" in line) == (2, True)


@pytest.mark.parametrize(
    "words", [["--version", "1"], ["--store", "s3://b/x"], ["--engine-file", "e.yaml"], ["--follow"]]
)
def test_what_needs_a_store_does_not_go_with_from(said, to, words):
    code, line = said("serve", "reviews", "--from", to, *words)
    assert (code, f"leave out {words[0]} or --from" in line) == (2, True)


def test_a_store_in_the_environment_is_not_meant(pull, said, to, monkeypatch):
    assert pull()[0] == 0
    monkeypatch.setenv("SLMWORKS_STORE", "s3://elsewhere/x")
    code, line = said("serve", "reviews", "--from", to, "--no-follow", "--ask", "good")
    assert (code, "→ positive" in line) == (0, True)


def test_both_need_no_torch_no_mlflow_and_no_pyarrow_and_the_server_stops_when_told(store, to):
    words = [sys.executable, "-c", NO_HEAVY]
    done = subprocess.run(
        [*words, "pull", "reviews", "--digest", digest(store, 1), "--to", to, "--store", store.root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    serve = [*words, "serve", "reviews", "--from", to, "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().split("/classify")[0].rsplit(":", 1)[1]
        assert ask(f"http://127.0.0.1:{port}/classify", {"text": "awful"})["label"] == "negative"
        assert ask(f"http://127.0.0.1:{port}/ready")["version"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_from_a_bucket_and_not_what_was_edited_there(s3, said, tmp_path, to, monkeypatch):
    store = open_store(s3)
    register(store, word_counter(tmp_path / "model"))
    approve(store)
    assert said("pull", "reviews", "--to", to, "--store", s3)[0] == 0
    release = Registry(store).state("reviews").champion.registered.release
    key = f"objects/{release}/model/labels.json"
    size = len(store.read(key))
    store.bucket.put(key, b"x" * size)
    monkeypatch.setenv("SLMWORKS_CACHE", str(tmp_path / "another-machine"))
    code, line = said("pull", "reviews", "--to", tmp_path / "new", "--store", s3)
    assert (code, "reviews v1: " in line, "not the bytes that were committed" in line) == (2, True, True)
    assert not (tmp_path / "new").exists()
