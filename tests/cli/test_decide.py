"""Who may decide from the command line, and what the log says about how that was known."""

import json

import pytest
from click.testing import CliRunner

from slmworks.approve.log import ApprovalLog
from slmworks.cli.decide import approve, reject, rollback
from slmworks.cli.models import models
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import configure
from slmworks.registry.log import Registry
from slmworks.store import open_store
from stories import Story


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def decide(store):
    """Run a decision as a person would; errors come out as they are."""

    def run(command, *words):
        where = ["--store", store.url, "--tracking", "none"]
        return CliRunner().invoke(
            command,
            ["reviews", *words, "--because", "good", *where],
            catch_exceptions=False,
            standalone_mode=False,
        )

    def said(command, *words):
        ended = run(command, *words)
        if ended.exception is not None:
            raise ended.exception
        return ended.output

    return said


def waiting(store, tmp_path, *reviewers):
    """A version that waits, of a recipe that asks these reviewers."""
    story = Story(store, tmp_path / "work").tell()
    story.record("approve", "approve log", state="skipped", options={"reviewers": list(reviewers)})
    story.end()


def log(store):
    return [json.loads(store.read(key)) for key in store.list("registry/reviews/")]


def test_without_reviewers_anybody_decides_and_it_is_said_to_be_a_claim(store, tmp_path, decide):
    waiting(store, tmp_path)
    assert "by ada · champion: v1" in decide(approve, "--user", "ada")
    assert log(store)[-1]["how"] == "claimed: command line"


@pytest.mark.parametrize("command", [approve, reject])
def test_who_is_not_asked_is_refused_with_the_way_out_and_nothing_is_written(
    store, tmp_path, decide, command
):
    waiting(store, tmp_path, "ml-leads", "ada")
    with pytest.raises(
        BadRequest,
        match=rf"asks ml-leads, ada to decide, and 'bob' is not.*slmworks {command.name} reviews 1 .*--as ml-leads",
    ) as error:
        decide(command, "--user", "bob")
    assert "\n" not in str(error.value)
    assert len(log(store)) == 1


def test_a_reviewer_decides_by_name_or_for_a_group(store, tmp_path, decide):
    waiting(store, tmp_path, "ml-leads", "ada")
    decide(approve, "--user", "ada")
    assert log(store)[-1]["how"] == "claimed: command line, a reviewer of the recipe"
    story = Story(store, tmp_path / "more", "run-2").tell(3.0)
    story.record("approve", "approve log", state="skipped", options={"reviewers": ["ml-leads"]})
    decide(approve, "--user", "bob", "--as", "ml-leads", "--uncompared")
    assert (log(store)[-1]["who"], log(store)[-1]["version"]) == ("bob", 2)
    assert log(store)[-1]["how"] == (
        "claimed: command line, for ml-leads, whom the recipe asks; not compared with the champion"
    )
    assert "rollback reviews v1" in decide(rollback, "--user", "carol")  # an emergency waits for nobody


def test_one_model_is_shown_with_its_whole_digest(store, tmp_path, decide):
    waiting(store, tmp_path)
    digest = log(store)[0]["model_digest"]
    shown = CliRunner().invoke(models, ["reviews", "--store", store.url], catch_exceptions=False)
    assert f"candidate v1  sha256:{digest}" in shown.output
    assert digest not in CliRunner().invoke(models, ["--store", store.url], catch_exceptions=False).output


def test_a_group_that_nobody_asked_is_refused(store, tmp_path, decide):
    waiting(store, tmp_path, "ml-leads")
    with pytest.raises(BadRequest, match="--as admins: the recipe asks ml-leads to decide"):
        decide(approve, "--user", "ada", "--as", "admins")


def started_by(store, tmp_path, user, reviewers):
    """A version that waits, of a run that `user` started on this machine."""
    requester = (user, "claimed: user name of the process") if user else ("", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slmworks.testing.Registry", lambda store: Registry(store, requester=requester))
        story = Story(store, tmp_path / "work").tell()
    story.record("approve", "approve log", state="skipped", options={"reviewers": reviewers})
    story.end()


def test_who_started_the_run_is_refused_as_far_as_is_claimed_and_another_one_is_not(store, tmp_path, decide):
    started_by(store, tmp_path, "ada", {"among": ["ada", "bob"], "not": "requester"})
    with pytest.raises(
        BadRequest,
        match=r"^reviews v1: ada started the run that made it \(as far as is claimed\), and the recipe asks "
        r"somebody else to approve it",
    ) as error:
        decide(approve, "--user", "ada")
    assert "\n" not in str(error.value)
    with pytest.raises(BadRequest, match="asks ada, bob to decide, and 'carol' is not among them"):
        decide(approve, "--user", "carol")
    assert len(log(store)) == 1
    decide(approve, "--user", "bob")
    assert log(store)[-1]["how"] == (
        "claimed: command line, a reviewer of the recipe; not who started the run, as far as is claimed"
    )
    assert (log(store)[0]["started_by"], log(store)[0]["started_how"]) == (
        "ada",
        "claimed: user name of the process",
    )


def test_who_started_the_run_may_reject_it(store, tmp_path, decide):
    started_by(store, tmp_path, "ada", {"not": "requester"})
    decide(reject, "--user", "ada")
    assert log(store)[-1]["how"] == "claimed: command line"


def test_where_nobody_knows_who_started_it_that_is_noted(store, tmp_path, decide):
    started_by(store, tmp_path, "", {"not": "requester"})
    decide(approve, "--user", "ada")
    assert log(store)[-1]["how"] == "claimed: command line; who started the run is not known"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"not": "requestor"}, "not: input should be 'requester', got 'requestor'."),
        ({"amongst": ["ada"]}, "amongst: no such key. Did you mean 'among'?"),
        ("ada", "got 'ada'; a list is written in brackets: [ada]."),
    ],
)
def test_reviewers_that_cannot_be_read_are_one_line(said, line):
    with pytest.raises(BadRequest) as error:
        configure(ApprovalLog, "log", {"reviewers": said})
    assert str(error.value).endswith(line)
    assert "\n" not in str(error.value)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """An engine file that says who belongs to a group."""
    (tmp_path / "engine.yaml").write_text(
        "reviewers: {ml-leads: [ada, {id: '7', name: ben}], legal: [eve]}\n"
    )
    monkeypatch.setenv("SLMWORKS_ENGINE_FILE", str(tmp_path / "engine.yaml"))


def test_who_the_engine_file_counts_to_a_group_decides_for_it(store, tmp_path, decide, engine):
    waiting(store, tmp_path, "ml-leads")
    with pytest.raises(BadRequest, match="asks ml-leads to decide, and 'bob' is not among them.$"):
        decide(approve, "--user", "bob")
    with pytest.raises(BadRequest, match="--as ml-leads: 'bob' is not among its users in the engine file"):
        decide(approve, "--user", "bob", "--as", "ml-leads")
    decide(approve, "--user", "ben")
    assert log(store)[-1]["how"] == "claimed: command line, of ml-leads, whom the recipe asks"


def test_a_group_that_the_engine_file_does_not_know_is_claimed(store, tmp_path, decide, engine):
    waiting(store, tmp_path, "legal", "data-leads")
    with pytest.raises(BadRequest, match="says so: .* --as data-leads$"):
        decide(approve, "--user", "bob")
    decide(approve, "--user", "bob", "--as", "data-leads")
    assert log(store)[-1]["how"] == "claimed: command line, for data-leads, whom the recipe asks"


def test_what_was_not_judged_against_todays_champion_is_refused_unless_one_says_so(store, tmp_path, decide):
    first = Story(store, tmp_path / "1", "run-1").tell(2.0).end().made["int8"].digest
    Story(store, tmp_path / "2", "run-2").tell(3.0, champion=first).end()
    Story(store, tmp_path / "3", "run-3").tell(4.0, champion=first).end()
    decide(approve, "1")
    decide(approve, "2")
    with pytest.raises(
        BadRequest, match="v3 was judged against v1, not against today's champion, v2"
    ) as error:
        decide(approve, "3")
    assert "slmworks approve reviews 3 --because '…' --uncompared" in str(error.value)
    assert len(log(store)) == 5
    assert "champion: v3" in decide(approve, "3", "--uncompared")
    assert log(store)[-1]["how"].endswith("; not compared with the champion")
    assert "champion: v2" in decide(rollback)
