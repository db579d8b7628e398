"""A draft beside a release: proved where it is deployed, named by digest, loaded by the server."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from orders import dataset, order
from serving import Served
from test_generations import SHORT

from generators import NAME, enter, generator
from releases import approve, register, word_counter
from slmworks.contract.artifact import Model, Release, Report, Verdict
from slmworks.contract.catalog import plugins
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import ports
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import Store, open_store
from slmworks.testing import Bench
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_serve.client import ask_release
from slmworks_serve.deploy import DeployServer
from slmworks_serve.draft import given
from slmworks_serve.edge import DeployEdge
from slmworks_serve.follow import Follow

HI = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def store(toy_gguf: Path, tmp_path: Path) -> Store:
    found = open_store(str(tmp_path / "store"))
    register(found, generator(toy_gguf, tmp_path / "model", max_new_tokens=12), name=NAME)
    approve(found, name=NAME)
    return found


@pytest.fixture
def draft(toy_gguf: Path, store: Store, tmp_path: Path) -> Model:
    """The toy in 8 bits, in the store."""
    whole = generator(toy_gguf, tmp_path / "whole", max_new_tokens=12)
    made = QuantizeGguf(type="q8_0").run(model=whole, calibration=None, task=Bench(tmp_path).task("quantize"))
    return given(store.put(made.path, made.seal()), store)


@pytest.fixture
def release(store: Store) -> Release:
    entry = approved_release(Registry(store), NAME).entry
    found = Release.open(store.folder(entry.release), digest=entry.release)
    assert isinstance(found, Release)
    return found


def test_the_server_is_asked_with_the_draft_and_the_record_names_it(
    store: Store, release: Release, draft: Model, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    made = DeployServer().run(release=release, draft=draft, task=bench.release_task("deploy", store))
    record = json.loads((made.path / "deployment.json").read_text())
    assert made.refs == {"release": release.digest, "draft": draft.digest}
    assert record["command"] == ["slmworks", "serve", NAME, "--version", "1", "--draft", draft.digest]
    assert record["draft_proof"]["equal"] == record["draft_proof"]["rows"] == 1  # the example: no data here
    assert made.summary["draft_texts_equal"] == "1 of 1"
    said = [event["line"] for event in bench.events if event["event"] == "line"]
    assert said[0].startswith("draft: 1 of 1 answers are the same text; ")
    pays = made.summary["draft_speedup"] > 1
    assert pays or "draft: it doesn't pay on this machine" in said[1]


def test_it_is_proved_on_rows_that_the_release_was_judged_on(
    store: Store, release: Release, draft: Model, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    data = bench.keep(dataset(tmp_path / "data", test=[order(number) for number in range(30)]))
    reports = []
    for name, model in (("other", "0" * 64), ("ours", release.refs["model"])):
        (tmp_path / name).mkdir()
        refs = {"model": model, "data": data.digest}
        judged = Report(path=tmp_path / name, meta={"type": "quality"}, refs=refs)
        reports.append(bench.keep(judged).digest)
    (tmp_path / "verdict").mkdir()
    numbered = {f"report.{number}": digest for number, digest in enumerate(reports)}
    refs = {"model": release.refs["model"], **numbered}
    verdict = bench.keep(Verdict(path=tmp_path / "verdict", meta={"passed": True}, refs=refs))
    judged_release = replace(release, refs={**release.refs, "verdict": verdict.digest})
    made = DeployServer().run(release=judged_release, draft=draft, task=bench.release_task("deploy", store))
    assert made.summary["draft_texts_equal"] == "12 of 12"


def test_the_folder_carries_the_draft_and_answers_the_same(
    store: Store, release: Release, draft: Model, tmp_path: Path
) -> None:
    task = Bench(tmp_path).release_task("edge", store)
    made = DeployEdge().run(release=release, draft=draft, task=task)
    assert [path.name for path in (made.path / "draft").iterdir()] == ["model.gguf"]
    assert json.loads((made.path / "release.json").read_text())["draft"] == draft.digest
    done = subprocess.run(
        [sys.executable, "run.py", json.dumps(HI)], cwd=made.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    plain = ask_release(approved_release(Registry(store), NAME), json.dumps(HI)).answer
    assert json.loads(done.stdout)["text"] == plain["text"]


def test_a_draft_that_cannot_guess_is_refused_and_nothing_is_written(
    store: Store, release: Release, tmp_path: Path
) -> None:
    whole = Model(path=release.path / "model", format="gguf", meta={})
    for number, deployer in enumerate((DeployServer(), DeployEdge())):
        task = Bench(tmp_path).release_task(f"deploy{number}", store)
        with pytest.raises(BadRequest, match="a draft pays by being smaller"):
            deployer.run(release=release, draft=whole, task=task)
        assert list(task.output.iterdir()) == []


def test_a_classifier_has_no_use_for_a_draft(store: Store, draft: Model, tmp_path: Path) -> None:
    release = register(store, word_counter(tmp_path / "words"))
    approve(store)
    task = Bench(tmp_path).release_task("deploy", store)
    with pytest.raises(BadRequest, match="its runtime guesses no tokens ahead; leave the draft out"):
        DeployServer().run(release=release, draft=draft, task=task)


def test_another_version_is_served_without_the_draft(
    store: Store, draft: Model, other_gguf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approved = approved_release(Registry(store), NAME)
    with Served(approved, slots=1, context=8192, draft=draft) as served:
        assert served.post("v1/chat/completions", SHORT)["version"] == 1
        enter(store, generator(other_gguf, tmp_path / "two"))
        Follow(served.service, Registry(store)).look()
        assert served.post("v1/chat/completions", SHORT)["version"] == 2
    assert "v2 answers now, without a draft: it was another version's" in capsys.readouterr().err


# --- what a command names -------------------------------------------------------------------------------


def test_a_command_names_a_digest_or_a_folder(store: Store, draft: Model) -> None:
    assert given(f"sha256:{draft.digest}", store) == draft
    assert given(str(draft.path), None).format == "gguf"


def test_what_a_command_names_and_is_no_draft_is_one_line(
    store: Store, release: Release, draft: Model
) -> None:
    file = draft.path / "model.gguf"
    for said, asked, line in (
        ("nowhere", store, "there is no such folder or file, and it is no digest"),
        ("0" * 64, store, "000000000000… is not in the store as it was committed"),
        (release.digest, store, "is a Release, not a Model"),
        (draft.digest, None, "no store is asked beside --from; give the folder of the draft"),
    ):
        with pytest.raises(BadRequest, match=line):
            given(said, asked)
    file.chmod(0o644)
    with file.open("ab") as changed:
        changed.write(b"x")
    with pytest.raises(BadRequest, match="is not in the store as it was committed"):
        given(draft.digest, store)


def test_serve_edge_and_chat_take_it_on_the_command_line(store: Store, draft: Model, tmp_path: Path) -> None:
    folder = store.url.removeprefix("file://")
    asked = json.dumps(HI)
    plain, drafted = (
        command("serve", NAME, "--store", folder, *more, "--ask", asked)
        for more in ((), ("--draft", draft.digest))
    )
    assert (plain.returncode, drafted.returncode) == (0, 0), drafted.stderr
    assert plain.stdout.split("→")[1] == drafted.stdout.split("→")[1]
    bundle = tmp_path / "bundle"
    made = command("edge", NAME, "--store", folder, "--to", bundle, "--draft", draft.digest)
    assert made.returncode == 0, made.stderr
    assert 'draft=here / "draft"' in (bundle / "run.py").read_text()
    lost = command("chat", NAME, "--store", folder, "--draft", "nowhere")
    assert lost.returncode == 2
    assert lost.stderr.startswith("slmworks: --draft nowhere: there is no such folder or file")
    beside = command("chat", NAME, "--url", "http://127.0.0.1:1", "--draft", draft.digest)
    assert (beside.returncode, "leave out --draft or --url" in beside.stderr) == (2, True)


def command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slmworks", *map(str, words)], capture_output=True, text=True, check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


def test_who_pulls_takes_no_draft() -> None:
    taking = [name for name, one in plugins("deploy").items() if "draft" in ports(one.load())]
    assert sorted(taking) == ["edge", "server"]
