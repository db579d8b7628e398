"""What is asked, and what becomes of the answer, whoever was first. Needs no Airflow."""

import json

import pytest

from rendered import Page
from slmworks.approve.reviewers import Reviewers
from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.review import Answer, Question, record, require_run_of, run_of_champion
from slmworks.engines.close_run import keep_packet
from slmworks.execution.records import RunRecord, run_record
from slmworks.registry.log import Registry
from slmworks.store import open_store
from stories import Story

YES = {
    "chosen_options": ["Approve"],
    "params_input": {"reason": " good "},
    "responded_by_user": {"id": "7", "name": "anna"},
}
NO = {**YES, "chosen_options": ["Reject"], "params_input": {"reason": None}}


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def asked(store, tmp_path):
    """A run that registered reviews v1, about which somebody was asked."""
    Story(store, tmp_path / "work").tell().end()
    keep_packet(store, "run-1", "reviews", 1)
    question = Question.of(store, "run-1", "register")
    question.keep("approve.ask", assigned=False)
    return question


def decide(store, said):
    return record(store, "run-1", "approve.ask", Answer.read(said))


def test_the_question_shows_packet_digest_and_where_to_look(asked) -> None:
    assert asked.subject() == "reviews v1: approve it as the first champion?"
    body = asked.body("http://mlflow:5000/", ["anna", "ben"])
    assert body.startswith("**passed**")
    assert asked.version.registered.model_digest in body
    assert "[reviews in MLflow](http://mlflow:5000/#/models/reviews)" in body
    assert "The recipe asks anna, ben." in body
    assert "The whole packet" not in body
    assert "[The whole packet](/slmworks/x/report): " in asked.body("", page="/slmworks/x/report")
    assert "MLflow" not in asked.body("sqlite:///mlflow.db")


def test_nothing_that_others_wrote_is_live_in_the_question(asked) -> None:
    said = asked.body(
        "http://mlflow:5000", ["[a](http://e.example)", "<script>x</script>", "ben\n\n# Approved"]
    )
    page = Page(said)
    assert (page.tags.count("a"), {"script", "h1"} & set(page.tags)) == (1, set())
    assert "The recipe asks [a](http://e.example), <script>x</script>, ben # Approved." in page.text


def test_a_decision_in_a_sentence_is_one_line(store, asked) -> None:
    decide(store, {**YES, "params_input": {"reason": "first\n\nDONE\x1b[2J"}})
    assert Question.of(store, "run-1", "register").decided.endswith(": first DONE\\x1b[2J")


def test_an_approval_says_who_how_and_why(store, asked) -> None:
    entry, new = decide(store, YES)
    assert new
    assert (entry.action, entry.who, entry.how, entry.why) == (
        "approve",
        "anna",
        "airflow: signed in",
        "good",
    )
    assert entry.model_digest == asked.version.registered.model_digest
    assert Registry(store).state("reviews").champion.number == 1


def test_who_was_assigned_is_known_to_be_a_reviewer(store, asked) -> None:
    asked.keep("approve.ask", assigned=True)
    assert decide(store, YES)[0].how == "airflow: signed in, a reviewer of the recipe"


def test_an_answer_without_a_reason_is_not_lost(store, asked) -> None:
    entry, _ = decide(store, NO)
    assert (entry.action, entry.why) == ("reject", "no reason was given")


def test_nobody_s_answer_is_recorded_as_nobody_s(store, asked) -> None:
    entry, _ = decide(store, {**NO, "responded_by_user": None})
    assert (entry.who, entry.how) == ("nobody", "airflow: the time to answer was over")
    assert entry.why == "nobody answered in time"


def test_the_same_answer_again_changes_nothing(store, asked) -> None:
    first, _ = decide(store, YES)
    assert decide(store, YES) == (first, False)
    assert len(store.list("registry/reviews/")) == 2


def test_the_first_word_counts_and_the_second_is_told(store, asked) -> None:
    Registry(store).reject("reviews", 1, who="bob", how="claimed", why="too slow")
    with pytest.raises(
        BadRequest, match=r"was rejected by bob on .* \(too slow\), before anna answered approve"
    ):
        decide(store, YES)
    assert len(store.list("registry/reviews/")) == 2


def test_a_champion_that_nobody_was_shown_stops_an_approval(store, asked, tmp_path) -> None:
    Story(store, tmp_path / "other", run="run-2").tell(strength=3.0).end()
    Registry(store).approve("reviews", 2, who="bob", how="claimed", why="mine")
    with pytest.raises(BadRequest, match=r"bob just made v2 the champion.*clear approve\.ask"):
        decide(store, YES)


def test_a_version_that_was_never_compared_is_asked_about_with_a_warning(store, asked, tmp_path) -> None:
    decide(store, YES)
    Story(store, tmp_path / "other", run="run-2").tell(strength=3.0).end()
    question = Question.of(store, "run-2", "register")
    assert question.subject() == "reviews v2: approve it instead of v1?"
    assert question.body("").startswith(
        "**Attention: reviews v2 was not compared with today's champion, v1.**"
    )
    question.keep("approve.ask", assigned=False)
    entry, _ = record(store, "run-2", "approve.ask", Answer.read(YES))
    assert entry.how == "airflow: signed in; not compared with the champion"


def test_what_was_followed_by_another_champion_is_settled(store, asked, tmp_path) -> None:
    decide(store, YES)
    assert Question.of(store, "run-1", "register").settled == ""
    Story(store, tmp_path / "other", run="run-2").tell(strength=3.0).end()
    Registry(store).approve("reviews", 2, who="bob", how="claimed", why="mine")
    assert Question.of(store, "run-1", "register").settled == "reviews v1 was followed by v2"


def test_without_a_note_of_what_was_asked_nothing_is_written(store, asked) -> None:
    with pytest.raises(BadRequest, match=r"no note of what was asked by other\.ask; clear that task"):
        record(store, "run-1", "other.ask", Answer.read(YES))
    with pytest.raises(BadRequest, match="neither Approve nor Reject"):
        Answer.read({"chosen_options": ["Maybe"]})


def test_the_run_of_the_champion_is_found(store, asked, tmp_path) -> None:
    with pytest.raises(BadRequest, match="reviews has no champion; approve a version first"):
        run_of_champion(store, "reviews", "register", [])
    decide(store, YES)
    assert run_of_champion(store, "reviews", "register", []) == "run-1"
    Story(store, tmp_path / "other", run="run-2").tell(strength=3.0).end()
    Registry(store).approve("reviews", 2, who="bob", how="claimed", why="mine")
    # an event that came late names a version that somebody has followed
    assert run_of_champion(store, "reviews", "register", ["run-1"]) == "run-2"


def test_a_run_of_another_model_is_refused(store, asked) -> None:
    require_run_of(store, "run-1", "register", "reviews")
    with pytest.raises(BadRequest, match="run run-1 registered reviews, and this is about intents"):
        require_run_of(store, "run-1", "register", "intents")


def test_a_decision_of_before_the_run_is_no_news(store, asked) -> None:
    assert not asked.is_news
    decide(store, YES)
    assert Question.of(store, "run-1", "register").is_news  # the story is of last week
    for name in ("register", "run"):
        record = json.loads(store.read(f"runs/run-1/{name}.json"))
        later = {**record, "run": "run-9", "started": "2999-01-01T00:00:00.000+00:00"}
        store.write(f"runs/run-9/{name}.json", json.dumps(later).encode())
    assert not Question.of(store, "run-9", "register").is_news


def test_no_password_gets_into_the_question(asked) -> None:
    body = asked.body("https://bot:hunter2@mlflow.example")
    assert "hunter2" not in body
    assert "https://mlflow.example/#/models/reviews" in body


def requested(store, by="anna", engine="airflow", **edits):
    """A run that somebody started, with edits of its gate, and its release."""
    record = run_record(store, "run-1")
    edit = [{"step": "gate", "option": name, **said, "gate": True} for name, said in edits.items()]
    edit.append({"step": "teacher", "option": "epochs", "was": 3, "now": 1, "gate": False})
    RunRecord.model_validate(record.model_dump() | {"user": by, "engine": engine, "edits": edit}).write(store)


@pytest.fixture
def unasked(store, tmp_path):
    """A run that anna started in Airflow; whoever registers is told."""
    story = Story(store, tmp_path / "work")
    requested(store)
    by = run_record(store, "run-1").requester
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slmworks.testing.Registry", lambda store: Registry(store, requester=by))
        story.tell()
    return story


def test_a_gate_whose_limits_were_changed_is_said_before_anything_else(store, unasked) -> None:
    requested(store, retention={"was": 0.95, "now": 0.01}, champion_drop={"was": None, "now": 0.9})
    keep_packet(store, "run-1", "reviews", 1)
    first, second, *_ = Question.of(store, "run-1", "register").body("").split("\n\n")
    assert first == (
        "**Attention: the gate's limits were changed by anna: retention 0.95 → 0.01, "
        "champion\\_drop null → 0.9**"
    )
    assert second == "**passed**"  # and once
    page = store.read("runs/run-1/packet.html").decode()
    said = "the gate&#x27;s limits were changed by anna: retention 0.95 → 0.01, champion_drop null → 0.9"
    assert page.index(said) < page.index('class="badge')
    assert "epochs" not in first


def test_it_is_said_even_where_there_is_no_packet(store, unasked) -> None:
    requested(store, retention={"was": 0.95, "now": 0.01})
    body = Question.of(store, "run-1", "register").body("")
    assert body.startswith("**Attention: the gate's limits were changed by anna: retention 0.95 → 0.01**")
    assert "There is no packet" in body


def test_a_name_that_is_markup_stays_text(store, unasked) -> None:
    requested(store, by="<b>*eve*\n# x", retention={"was": 0.95, "now": 0.01})
    keep_packet(store, "run-1", "reviews", 1)
    body = Question.of(store, "run-1", "register").body("")
    assert body.startswith(r"**Attention: the gate's limits were changed by &lt;b&gt;\*eve\* # x: retention")
    assert "<b>*eve*" not in store.read("runs/run-1/packet.html").decode()


def test_the_log_and_the_question_say_who_started_the_run(store, unasked) -> None:
    entry = Registry(store).state("reviews").entries[0]
    assert (entry.started_by, entry.started_how) == ("anna", "airflow: triggered the run")
    assert "Started by anna (airflow: triggered the run)." in Question.of(store, "run-1", "register").body("")


OTHER = Reviewers.of({"not": "requester"})


def ask(store, reviewers=OTHER):
    question = Question.of(store, "run-1", "register")
    question.keep("approve.ask", assigned=False, reviewers=reviewers)
    return question


def test_who_started_the_run_cannot_approve_it_where_the_recipe_says_so(store, unasked) -> None:
    assert "Somebody else must approve it." in ask(store).body("", (), OTHER)
    with pytest.raises(
        BadRequest,
        match=r"^reviews v1: anna started the run that made it, and the recipe asks somebody else to approve it "
        r".* clear approve\.ask\.$",
    ) as error:
        decide(store, YES)
    assert "\n" not in str(error.value)
    assert len(store.list("registry/reviews/")) == 1
    entry, _ = decide(store, {**YES, "responded_by_user": {"id": "8", "name": "ben"}})
    assert (entry.who, entry.how) == ("ben", "airflow: signed in; not who started the run")


def test_who_started_the_run_may_reject_it(store, unasked) -> None:
    ask(store)
    assert decide(store, NO)[0].action == "reject"


def test_without_that_word_who_started_the_run_may_approve_it(store, unasked) -> None:
    ask(store, Reviewers())
    assert decide(store, YES)[0].how == "airflow: signed in"


def test_where_nobody_knows_who_started_the_run_the_log_says_so(store, asked) -> None:
    ask(store)
    assert decide(store, YES)[0].how == "airflow: signed in; who started the run is not known"
