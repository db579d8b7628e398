"""`slmworks ledger`: what teachers produced, what it cost and who used it."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from s3 import s3, s3_server  # noqa: F401 - fixtures
from slmworks.cli.main import cli
from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.ledger import Cost, Entry
from slmworks.ledger.in_store import About, StoreLedger, open_ledger
from slmworks.store import Store, open_store
from stories import Story

HOSTED = {"address": "https://api.example.com/v1", "model": "large-2", "key": "env:THE_KEY"}


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def used(
    store: Store, about: About, task: str, rows: range, *, teacher: str = "", money: float = 0.0
) -> None:
    """A task that asks for some rows and reads them."""
    user = {"run": "run-1", "task": task, "plugin": "sequence-kd", "teacher": teacher}
    with open_ledger(store, about, user, say=print, waiting=lambda: None) as held:
        for name in held.missing(map(key, rows)):
            cost = Cost(tokens=10, prompt_tokens=3, seconds=0.5, cpu_seconds=0.9, money=money)
            held.add(name, Entry({"text": b"an answer"}, 10), cost)
        list(held.read(map(key, rows)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> dict[str, About]:
    """Ledgers of a teacher from a package, of a hosted one and of one that nobody knows."""
    story = Story(store, tmp_path / "story")
    package = Files(
        path=story.text("model.gguf"), summary={"sources": {"model": "pypi llm-small==0.1 sha256:0"}}
    )
    fetched = story.task("teacher", "fetch files", package)
    hosted = story.task("big", "fetch files", Files(path=story.text("big.hosted.json", json.dumps(HOSTED))))
    made = {
        "package": About("logprobs", fetched.digest, {"k": 16}, 1),
        "hosted": About("answers", "a" * 64, {}, 1),
        "stranger": About("answers", "b" * 64, {}, 1),
    }
    used(store, made["package"], "first", range(5), teacher=fetched.digest)
    used(store, made["package"], "second", range(2, 8), teacher=fetched.digest)
    used(store, made["hosted"], "answers", range(3), teacher=hosted.digest, money=0.25)
    used(store, made["stranger"], "answers", range(1))
    return made


def said(store: Store, *words: str, answer: str = "") -> str:
    done = CliRunner().invoke(cli, ["ledger", *words, "--store", store.url], input=answer)
    if isinstance(done.exception, BadRequest):
        raise done.exception
    return done.output


def line(text: str, start: str) -> list[str]:
    (found,) = (one for one in text.splitlines() if one.strip().startswith(start))
    return found.split()


def test_every_ledger_is_a_line_with_its_teacher_by_name(store: Store, filled: dict[str, About]) -> None:
    text = said(store)
    package, hosted, stranger = (line(text, one.identity[:12]) for one in filled.values())
    assert package[1:7] == ["pypi", "llm-small==0.1", "logprobs", "k=16", "8", "80"]
    assert package[-4:] == ["4.0", "—", "2", "tasks"]
    assert hosted[1:5] == ["large-2", "at", "api.example.com", "answers"]
    assert hosted[-4:] == ["1.5", "0.75", "1", "task"]
    assert stranger[1] == "b" * 12
    assert "THE_KEY" not in text


def test_one_ledger_says_who_used_it_and_what_was_not_paid_again(
    store: Store, filled: dict[str, About]
) -> None:
    text = said(store, filled["package"].identity[:8])
    assert "8 rows, 80 tokens of the teacher" in text
    assert "cost: 80 tokens, 24 read, 4.0 s, 7.2 s of all cores" in text
    assert "not paid again, because it was there: 30 tokens" in text
    rows = [one.split()[:7] for one in text.splitlines() if one.strip().startswith("run-1")]
    assert rows == [
        ["run-1", "first", "sequence-kd", "5", "50", "0", "5"],
        ["run-1", "second", "sequence-kd", "6", "60", "30", "3"],
    ]


def test_programs_get_json(store: Store, filled: dict[str, About]) -> None:
    assert len(json.loads(said(store, "--json"))) == 3
    one = json.loads(said(store, filled["hosted"].identity, "--json"))
    assert (one["rows"], one["cost"]["money"], one["uses"][0]["task"]) == (3, 0.75, "answers")


def test_a_damaged_chunk_is_told(store: Store, filled: dict[str, About]) -> None:
    folder = f"ledgers/{filled['stranger'].identity}/chunks/"
    (name,) = store.children(folder)
    store.write(f"{folder}{name}", b"not what was written")
    text = said(store, filled["stranger"].identity)
    assert f"{folder}{name}: is not what was written." in text
    assert "0 rows" in text
    used(store, filled["stranger"], "again", range(2))  # notices it, and pays anew
    assert "has damaged chunks" in said(store)


def test_what_a_killed_task_paid_is_counted(store: Store, filled: dict[str, About]) -> None:
    identity = filled["stranger"].identity
    held = StoreLedger(store, identity)
    held.add(key(7), Entry({"text": b"an answer"}, 10), Cost(tokens=10))
    held.flush()  # and then no close
    assert line(said(store), identity[:12])[3:5] == ["2", "20"]


def test_a_ledger_is_removed_when_that_is_confirmed(store: Store, filled: dict[str, About]) -> None:
    identity = filled["package"].identity
    assert "Aborted" in said(store, "remove", identity[:8], answer="n\n")
    assert store.children(f"ledgers/{identity}/")
    assert "removed ledger" in said(store, "remove", identity[:8], answer="y\n")
    assert store.list(f"ledgers/{identity}/") == []
    said(store, "remove", filled["hosted"].identity, "--yes")
    assert store.children("ledgers/") == [filled["stranger"].identity]


def test_a_ledger_that_a_task_holds_is_not_removed(store: Store, filled: dict[str, About]) -> None:
    about = filled["package"]
    user = {"run": "run-2", "task": "third"}
    with (
        open_ledger(store, about, user, say=print, waiting=lambda: None),
        pytest.raises(
            BadRequest, match=r"a task has it at this moment; wait until it is done, or stop it\.$"
        ),
    ):
        said(store, "remove", about.identity, "--yes")
    assert "8 rows" in said(store, about.identity)


def test_what_is_no_ledger_is_one_line(store: Store, filled: dict[str, About]) -> None:
    with pytest.raises(BadRequest, match="no ledger of .* begins with 'xyz'"):
        said(store, "xyz")
    with pytest.raises(BadRequest, match=r"'' is the start of 3 ledgers \(.*\); give more of it\.$"):
        said(store, "")
    with pytest.raises(BadRequest, match="which one"):
        said(store, "remove")
    with pytest.raises(BadRequest, match="what is 'abc'"):
        said(store, "xyz", "abc")


def test_a_store_without_ledgers_says_so(store: Store) -> None:
    assert said(store).startswith("no ledgers in ")
    assert json.loads(said(store, "--json")) == []
    with pytest.raises(BadRequest, match="there are no ledgers in .* yet"):
        said(store, "abc")


def test_a_bucket_has_the_same(s3: str) -> None:
    store = open_store(s3)
    about = About("answers", "d" * 64, {}, 1)
    used(store, about, "first", range(3))
    used(store, about, "second", range(4))
    assert line(said(store), about.identity[:12])[3:5] == ["4", "40"]
    assert "not paid again, because it was there: 30 tokens" in said(store, about.identity[:6])
    said(store, "remove", about.identity, "--yes")
    assert store.list("ledgers/") == []
