"""`slmworks.load`, `slmworks.run` and `slmworks.runs`, as a notebook calls them."""

import json

import pytest

import slmworks
from releases import two_versions
from slmworks.contract.errors import BadRequest


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return two_versions(tmp_path_factory.mktemp("approved"))


def test_a_loaded_model_answers_one_text_and_many(store):
    model = slmworks.load("reviews@champion", store=store.root)
    assert repr(model) == "reviews v1, text-classification"
    assert model("good again")["label"] == "positive"
    assert [answer["label"] for answer in model(["bad", {"text": "good"}])] == ["negative", "positive"]
    assert model([]) == []


def test_many_texts_come_back_in_their_order(store):
    model = slmworks.load("reviews@1", store=store.root, threads=2)
    texts = [["good", "bad", "plain"][i % 3] + " x" * (i % 11) for i in range(200)]
    wanted = [["positive", "negative", "neutral"][i % 3] for i in range(200)]
    assert [answer["label"] for answer in model(texts)] == wanted


def test_what_is_no_question_is_refused_with_its_place(store):
    model = slmworks.load("reviews", store=store.root)
    with pytest.raises(BadRequest, match="asked with text"):
        model([{"words": "good"}])
    with pytest.raises(BadRequest, match="its text is no str but int"):
        model({"text": 3})


def test_what_is_not_approved_is_not_loaded(store):
    with pytest.raises(BadRequest, match="v2 is not approved yet"):
        slmworks.load("reviews@2", store=store.root)
    with pytest.raises(BadRequest, match="write NAME"):
        slmworks.load("reviews@newest", store=store.root)


RECIPE = """
name: tiny
steps:
  raw: {stage: fetch, from: {train: rows.csv}}
  curate: {uses: text, from: {data: raw}, with: {label: label}}
"""


def test_a_recipe_runs_and_is_in_the_table_of_runs(tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    rows = "".join(f"{word} number {i},{word}\n" for i in range(40) for word in ("good", "bad"))
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    made = slmworks.run(tmp_path / "recipe.yaml", store=tmp_path / "store", tracking="", cores=1)
    assert made.state == "done", made.errors
    assert made.artifact("curate").meta["labels"] == ["bad", "good"]
    with pytest.raises(BadRequest, match="Did you mean 'curate'"):
        made.artifact("curat")
    found = slmworks.runs(store=tmp_path / "store")
    assert [(one["run"], one["recipe"], one["state"]) for one in found] == [(made.id, "tiny", "done")]
    assert made.id in found._repr_html_()
    again = slmworks.run(tmp_path / "recipe.yaml", store=tmp_path / "store", tracking="", cores=1)
    assert {how.state for how in again.outcomes.values()} == {"cached"}


def test_a_step_that_is_not_there_cannot_be_run_afresh(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    with pytest.raises(BadRequest, match="fresh: cura: no such step"):
        slmworks.run(tmp_path / "recipe.yaml", store=tmp_path / "store", fresh=["cura"])


def test_one_option_and_a_part_of_a_recipe(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    rows = "".join(f"{word} number {i},{word}\n" for i in range(40) for word in ("good", "bad"))
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    said = {"store": tmp_path / "store", "tracking": "", "cores": 1}
    made = slmworks.run(tmp_path / "recipe.yaml", until="raw", **said)
    assert list(made.outcomes) == ["raw"]
    made = slmworks.run(tmp_path / "recipe.yaml", options={"curate": {"rows": 30}}, **said)
    card = json.loads((made.artifact("curate").path / "card.json").read_text())
    assert card["rows"] == {"in": 80, "out": 30}
    (edit,) = made.run.plan.recipe.edits
    assert (edit["step"], edit["option"], edit["was"], edit["now"]) == ("curate", "rows", None, 30)
    with pytest.raises(BadRequest, match="options: curat: no such step"):
        slmworks.run(tmp_path / "recipe.yaml", options={"curat": {"rows": 30}}, **said)
