"""Descriptions in MLflow: made of text of others, the same after every sync, and never longer than its columns."""

import pytest
from hypothesis import HealthCheck, given, settings

from foreign import active, reasons
from rendered import Page
from slmworks.registry.log import Registry
from slmworks.tracking.connection import connect
from slmworks.tracking.entries import LONGEST
from slmworks.tracking.sync import sync
from slmworks.tracking.versions import _decision
from stories import Story

PARAGRAPHS = "first\n\nsecond [x](http://e.example)\n\n![y](http://e.example/i.png) <script>"


def version(uri, name="reviews"):
    (found,) = connect(uri).client.search_model_versions(f"name = '{name}'")
    return found


def notes(uri):
    client = connect(uri).client
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    return {run.data.tags["slmworks.task"]: run.data.tags["mlflow.note.content"] for run in runs}


def test_a_reason_of_several_paragraphs_is_one_line_however_often_it_is_synced(store, story, uri):
    sync(store, uri)
    waiting = version(uri).description
    Registry(store).approve("reviews", 1, who="ada *", how="claimed", why=PARAGRAPHS)
    said = []
    for _ in range(4):
        sync(store, uri)
        said.append(version(uri).description)
    assert said[1:] == said[:1] * 3
    assert said[0].partition("\n")[2] == waiting.partition("\n")[2]
    line = said[0].partition("\n")[0]
    assert line.startswith(r"Approved in slmworks' log by ada \* (claimed) on ")
    assert line.endswith(
        "UTC: first second `[x](http://e.example)` `![y](http://e.example/i.png)` &lt;script&gt;"
    )
    assert version(uri).tags["approval.why"] == PARAGRAPHS


def test_a_decision_is_found_below_what_people_wrote_and_their_notes_stay(store, story, uri):
    sync(store, uri)
    client, before = connect(uri).client, version(uri)
    mine = f"Looked at on Monday.\n\n{before.description}\n\nAsk **ben**.\n"
    client.update_model_version("reviews", before.version, mine)
    Registry(store).approve("reviews", 1, who="ada", how="claimed", why="a\n\nb")
    for _ in range(2):
        sync(store, uri)
        shown = version(uri).description
        assert shown.startswith("Looked at on Monday.\n\nApproved in slmworks' log by ada")
        assert shown.endswith("\n\nAsk **ben**.\n")
        assert shown.count("in slmworks' log") == 1


@pytest.mark.parametrize("text", ["why | not <b> `", "*" * 9000, "…" * 9000, "\u202e" * 4000])
def test_nothing_is_longer_than_mlflows_columns(store, tmp_path, uri, text):
    story = Story(store, tmp_path / "work")
    for name in (f"task-{number}-{'x' * 200}" for number in range(24)):
        story.record(name, "finetune classifier", state="failed", error=text)
        story.plan.append({"id": name, "stage": "finetune", "plugin": "classifier"})
    story.tell().end()
    sync(store, uri)
    for decided in ("approve", "reject"):
        getattr(Registry(store), decided)("reviews", 1, who=text, how=text, why=text)
        for _ in range(2):
            sync(store, uri)
            shown = version(uri)
            assert shown.description.startswith(
                ("Approved in slmworks' log by", "Rejected in slmworks' log by")
            )
            assert "[The whole packet](#/experiments/" in shown.description
            assert shown.description.count("```") == 2  # the way back to the source files
            assert max(map(len, [shown.description, *shown.tags.values(), *notes(uri).values()])) <= LONGEST
    assert notes(uri)["-"].endswith("\n… All of it: `slmworks runs run-1`")


def test_a_verdict_of_a_strangers_form_stays_in_its_block_and_is_cut_with_a_pointer_to_the_page(
    store, tmp_path, uri
):
    said = {"rows": [{}], "note": "```\n![x](http://e.example/i.png)\n````", "more": ["<b>x</b>"] * 2000}
    Story(store, tmp_path / "work").tell(verdict=said, file="data|```|[x](http://e.example).csv").end()
    sync(store, uri)
    shown = version(uri).description
    assert 3000 < len(shown) <= LONGEST
    page = Page(shown)
    assert (page.tags.count("a"), "img" in page.tags, "b" in page.tags) == (1, False, False)
    assert "answers gained and lost, slices, calibration, data card, lineage." in page.plain
    note = notes(uri)["gate"]
    assert note.endswith("\n… All of it: verdict.html among the artifacts.")
    assert "img" not in Page(note).tags


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(who=reasons, how=reasons, why=reasons)
def test_a_decision_is_one_line_of_what_was_written(store, tmp_path, who, how, why):
    if not store.list("registry/reviews/"):
        Story(store, tmp_path / "work").tell().end()
    for key in store.list("registry/reviews/")[1:]:
        (store.root / key).unlink()
    registry = Registry(store)
    registry.approve("reviews", 1, who=who, how=how, why=why)
    line = _decision(registry.state("reviews").version(1))
    assert "\n" not in line
    assert active(line) == set()
    assert len(line) <= 1000
