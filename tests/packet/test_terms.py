"""Terms of a model: found by walking back to its sources, on the page, and as Markdown."""

from pathlib import Path

import pytest

from releases import LABELS
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.model_card import ModelCard
from slmworks.lineage.licences import Licensed, Sources, sources_of
from slmworks.packet import terms
from slmworks.packet.terms import Terms, licence_of_release
from slmworks.store import Store, open_store
from stories import Story

BERT = Licensed("hf bert/base@1", "apache-2.0", "README.md", "bert/base")
HOSTED = Licensed("hosted model teacher")
SHOP = Licensed("shop.csv", "CC0-1.0", "the recipe")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def test_sources_are_found_behind_weights_and_data_each_with_what_it_states(store, tmp_path) -> None:
    story = Story(store, tmp_path / "work")
    weights = story.text("base/README.md", "---\nlicense: mit\n---\n")
    (weights / "base/model.safetensors").write_bytes(b"w")
    story.task("base", "fetch files", Files(path=weights, summary={"sources": {"base": "hf me/base@v1"}}))
    package = Files(
        path=story.text("packed/weights", "p"),
        summary={"sources": {"packed": "pypi toy==1.0 sha256:abc"}, "licences": {"packed": "MIT"}},
    )
    story.task("packed", "fetch files", package)
    rows = story.text("web/rows.csv")
    (rows / "shop").mkdir()
    (rows / "shop/rows.csv").write_text("x")
    story.task(
        "raw", "fetch files", Files(path=rows, summary={"sources": {"web": "web.csv", "shop": "shop.csv"}})
    )
    folder = story.text("train.parquet")
    (folder / "card.json").write_text('{"licence": "", "licences": {"shop": "CC0-1.0", "web": null}}')
    data = Dataset(path=folder, meta={"task": "classification", "labels": LABELS})
    story.task("curate", "curate text", data, data="raw")
    story.task("teacher", "finetune classifier", story.weights("t"), model="base", data="curate")
    made = story.task(
        "student", "distill logit-kd", story.weights("s"), teacher="teacher", student="packed", data="curate"
    )
    found = sources_of(store, made.digest)
    assert found == Sources(
        weights=(
            Licensed("hf me/base@v1", "mit", "README.md", "me/base"),
            Licensed("pypi toy==1.0", "MIT", "the package's metadata"),
        ),
        data=(Licensed("shop.csv", "CC0-1.0", "the recipe"), Licensed("web.csv")),
    )
    assert isinstance(story.open(made.digest), Model)


def test_what_nobody_states_is_seen_on_the_page() -> None:
    page = terms.section(Terms(ModelCard(limits="a < b"), Sources((BERT, HOSTED), (SHOP,)), '{"text": "x"}'))
    assert "a &lt; b" in page
    assert (
        page.count('<span class="warning">not declared</span>') == 5
    )  # three words, the licence, the hosted one
    assert 'CC0-1.0<span class="soft"> (the recipe)</span>' in page
    assert "Example that is shipped" in page


def test_a_licence_that_the_weights_contradict_is_said() -> None:
    card = ModelCard(licence="mit", weights_licence="the provider's terms")
    assert "its weights are under apache-2.0" in terms.section(Terms(card, Sources((BERT, HOSTED))))
    (line, *_) = terms.lines(Terms(card, Sources((BERT, HOSTED))))
    assert line.startswith(
        "Licence: mit **(its weights are under apache-2.0)** · Weights: hf `bert/base@1`: apache"
    )
    assert "hosted model teacher: the provider's terms (the recipe)" in line
    assert line.endswith("**missing:** intended use, out of scope, limits")


def test_a_release_has_the_licence_of_its_weights_where_all_have_the_same_one() -> None:
    assert licence_of_release(ModelCard(), Sources((BERT,))) == "apache-2.0"
    assert licence_of_release(ModelCard(), Sources((BERT, HOSTED))) == ""
    assert licence_of_release(ModelCard(licence="mit"), Sources((BERT,))) == "mit"
    assert licence_of_release(ModelCard(), Sources()) == ""


def test_a_form_has_the_licences_in_one_line() -> None:
    known = Terms(ModelCard(intended_use="*x*", out_of_scope="y", limits="z"), Sources((BERT,), (SHOP,)))
    assert len(terms.lines(known, brief=True)) == 1
    assert terms.lines(known)[1] == r"**Intended use:** \*x\*"
    assert terms.lines(None) == []


def test_a_page_that_knows_no_other_step_says_nothing_of_what_the_recipe_declares() -> None:
    page = terms.section(Terms(None, Sources((BERT, HOSTED), (SHOP,))))
    assert "Licences of what it was made from" in page
    assert "Intended use" not in page
    assert page.count("not declared") == 1  # the hosted teacher's
    assert "not declared:" not in terms.lines(Terms(None, Sources((BERT,), (SHOP,))))[0]
