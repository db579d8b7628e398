"""`slmworks models --audit`: what was altered, deleted or forged is found and named."""

import json

import pytest
from click.testing import CliRunner

from releases import BY
from slmworks.cli.models import models
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.registry import files
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync
from stories import Story


@pytest.fixture
def store(tmp_path):
    """Two runs; v1 approved, v2 rejected: 4 entries."""
    store = open_store(str(tmp_path / "store"))
    for number in (1, 2):
        Story(store, tmp_path / f"work-{number}", f"run-{number}").tell(float(number)).end()
    registry = Registry(store)
    registry.approve("reviews", 1, **BY, why="first")
    registry.reject("reviews", 2, **BY, why="rude")
    return store


@pytest.fixture
def audit(store):
    """Run the audit: its lines, and the error that it ended with (None for a sound log)."""

    def run(*words, tracking="none"):
        ended = CliRunner().invoke(
            models,
            ["--audit", *words, "--store", store.url, "--tracking", tracking],
            standalone_mode=False,
        )
        if ended.exception and not isinstance(ended.exception, CorruptObject):
            raise ended.exception
        return ended.output, ended.exception

    return run


def place(store, seq):
    return store.root / "registry" / "reviews" / f"{seq:06d}.json"


def rewrite(path, **changes):
    path.chmod(0o644)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_sound_log_is_said_to_be_so_with_its_head_and_what_nobody_can_see(store, audit):
    said, error = audit()
    assert error is None
    first, head, unseen = said.splitlines()
    assert first == (
        "sound  reviews: 4 entries, each holds the hash of the one before from 000001 on; "
        "0 of 2 decisions signed"
    )
    assert head == f"head   reviews 000004 {Registry(store).state('reviews').head}"
    assert unseen.startswith("not seen: last entries changed or taken away")


def test_an_altered_entry_is_named(store, audit):
    rewrite(place(store, 3), who="eve")
    said, error = audit("reviews")
    assert "wrong  reviews: 4 entries" in said
    assert (
        "registry/reviews/000004.json: was not written after entry 000003 as that is now: "
        "one of the two was changed, replaced or forged"
    ) in said
    assert error.exit_code == 1
    assert "the log of reviews is not what was written (1 found)" in str(error)


def test_a_deleted_entry_in_the_middle_is_named(store, audit):
    place(store, 3).unlink()
    said, error = audit()
    assert "registry/reviews/000004.json: entry 000003 before it is missing" in said
    assert error is not None


def test_a_forged_entry_is_named_for_its_missing_hash_its_date_and_its_place(store, audit):
    forged = json.loads(place(store, 3).read_text())
    forged |= {"seq": 5, "when": "1999-01-01T00:00:00.000+00:00", "how": "airflow: signed in"}
    del forged["previous"]
    place(store, 5).write_text(json.dumps(forged))
    place(store, 5).with_name("000005.json.orig").write_text("{}")
    said, error = audit()
    assert "registry/reviews/000005.json: holds no hash of the entry before it, which has one: forged" in said
    assert "registry/reviews/000005.json: is dated 1999-01-01, and an entry before it 20" in said
    assert "registry/reviews/000005.json.orig: is no entry of the log" in said
    assert "(3 found)" in str(error)


@pytest.mark.parametrize("when", ["yesterday", "9999-12-31T23:59:59-12:00"])
def test_a_date_that_is_none_is_named(store, audit, when):
    rewrite(place(store, 4), when=when)
    said, error = audit()
    assert f"registry/reviews/000004.json: is dated '{when}', which is no time" in said
    assert error is not None


def test_a_question_that_was_asked_in_airflow_says_how_long_the_log_was(store, audit):
    store.write("runs/run-2/asked/approve.ask", b'{"name": "reviews", "entries": 4}')
    assert audit()[1] is None
    place(store, 4).unlink()
    assert "000004.json: was taken away: runs/run-2/asked/approve.ask names entry 000004" in audit()[0]
    store.write("runs/run-2/asked/approve.ask", b"[]")
    _, error = audit()
    assert "asked/approve.ask: not a note of what was asked. Delete it." in str(error)


def test_an_mlflow_that_does_not_answer_is_said(store, audit):
    said, error = audit(tracking="http://ada:secret@127.0.0.1:9/mlflow")
    assert "not asked: MLflow at http://127.0.0.1:9/mlflow, which does not answer" in said
    assert (error, "secret" in said) == (None, False)


def test_a_last_registration_that_was_taken_away_is_known_from_its_run(tmp_path, store, audit):
    Story(store, tmp_path / "work-3", "run-3").tell(3.0).end()
    assert audit()[1] is None
    place(store, 5).unlink()
    assert Registry(store).state("reviews").candidate is None  # nothing else notices
    said, error = audit()
    assert "registry/reviews/: v3 was registered (runs/run-3/register.json), and no entry says so" in said
    assert error is not None


def test_a_last_approval_that_was_taken_away_is_known_from_what_followed_it(tmp_path, store, audit):
    story = Story(store, tmp_path / "work-3", "run-3")
    story.tell(3.0)
    registry = Registry(store)
    registry.approve("reviews", 3, **BY, why="better")
    release = story.open(story.made["register"].digest)
    story.task("approve", "approve log", release, release="register", cacheable=False)
    assert audit()[1] is None
    place(store, 6).unlink()
    said, error = audit()
    assert "registry/reviews/: v3 was approved (runs/run-3/approve.json), and no entry says so" in said
    assert error is not None


def test_a_last_rejection_that_was_taken_away_is_known_from_mlflow(tmp_path, store, audit):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    sync(store, uri)
    assert audit(tracking=uri)[1] is None
    place(store, 4).unlink()
    assert audit()[1] is None  # no run says anything about it
    said, error = audit(tracking=uri)
    assert "registry/reviews/000004.json: was taken away: MLflow names entry 000004" in said
    assert error is not None
    # a later picture does not paint over what the earlier one shows, nor do further entries
    sync(store, uri)
    Registry(store).approve("reviews", 2, **BY, why="it is fine now", seen=None)
    sync(store, uri)
    said, error = audit(tracking=uri)
    assert "registry/reviews/000004.json: is another one than MLflow names" in said
    assert connect(uri).client.get_registered_model("reviews").tags["slmworks.shown"] == "4"


def test_a_whole_log_that_was_written_anew_is_known_from_a_head_kept_elsewhere(tmp_path, store, audit):
    kept = tmp_path / "kept.txt"
    kept.write_text(audit()[0])
    said, error = audit("--heads", str(kept))
    assert ("not seen" in said, error) == (False, None)
    entries = Registry(store).state("reviews").entries
    previous = files.START
    for entry in entries:
        place(store, entry.seq).unlink()
    for entry in entries:
        forged = entry.model_copy(update={"who": "eve", "previous": previous})
        files.append(store, forged)
        previous = files.read(store, "reviews").head
    assert audit()[1] is None
    said, error = audit("--heads", str(kept))
    assert f"registry/reviews/000004.json: is another one than {kept}:2 names" in said
    assert error is not None
    for entry in entries:
        place(store, entry.seq).unlink()
    said, _ = audit("--heads", str(kept))
    assert f"registry/reviews/000001.json: was taken away: {kept}:2 names entry 000004" in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--heads", "nowhere.txt"), "--heads nowhere.txt: cannot be read"),
        (("reviewz",), "no model is registered as 'reviewz'"),
    ],
)
def test_a_mistake_is_one_line(audit, words, line):
    with pytest.raises(BadRequest, match=line) as error:
        audit(*words)
    assert "\n" not in str(error.value)


def test_a_file_without_heads_and_heads_without_an_audit_are_refused(tmp_path, store, audit):
    empty = tmp_path / "empty.txt"
    empty.write_text("nothing\n")
    with pytest.raises(BadRequest, match=r"holds no head; keep what `slmworks models --audit` prints"):
        audit("--heads", str(empty))
    ended = CliRunner().invoke(models, ["--heads", str(empty), "--store", store.url])
    assert isinstance(ended.exception, BadRequest)
