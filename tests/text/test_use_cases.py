"""Use-case cards: each is judged by numbers that exist, begins with rows of its own, and its recipe runs."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner
from toys import exported, toy

from slmworks.cli.main import cli
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.testing import Bench
from slmworks_text.start.kinds import GENERATOR
from slmworks_text.use_cases.card import card, names

ROOT = Path(__file__).parents[2]


def call(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def toy_gguf(folder: Path) -> Path:
    (file,) = exported(toy(folder / "llama"), Bench(folder)).path.glob("*.gguf")
    return file


def begun(name: str, folder: Path, encoder: Model, *words: object) -> tuple[str, Recipe]:
    teacher = ("--teacher", encoder.path) if card(name).kind.has_layers else ()
    said = call("init", folder, "--use-case", name, *teacher, "--store", folder.parent / "store", *words)
    return said, Recipe.read(folder / "recipe.yaml")


def test_they_are_listed_with_what_they_are_judged_by() -> None:
    said = call("use-cases")
    assert all(name in said for name in names())
    assert "1,062" in call("use-cases", "customer-service-intents")
    assert '"rows_needed": 1062' in call("use-cases", "customer-service-intents", "--json")


def test_the_page_says_of_each_what_its_card_says() -> None:
    page = (ROOT / "docs" / "use-cases.md").read_text(encoding="utf-8")
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    said = {line[0].strip("| `"): (line[1], line[3], line[4].strip(" |")) for line in lines}
    assert said == {
        name: (found.model_task, f"{100 * found.retention:.0f} %", counted)
        for name in names()
        for found in [card(name)]
        for counted in [f"{found.rows_needed:,}" if found.expected else "—"]
    }


def test_no_rows_are_counted_for_a_measure_of_degrees() -> None:
    assert {name for name in names() if card(name).rows_needed is None} == {
        name for name in names() if card(name).measure == "rouge_l"
    }
    said = call("use-cases", "tutor")
    assert "test rows  not counted: the card expects nothing; a gate that is left in doubt says" in said
    assert "never enough" not in call("use-cases")


def test_the_card_on_the_page_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "use-cases.md").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    assert len(card(str(path)).example.made()) == 8


@pytest.mark.parametrize("name", names())
def test_its_recipe_holds_what_the_card_says(name: str, tmp_path: Path, tiny_encoder: Model) -> None:
    said, recipe = begun(name, tmp_path / "made", tiny_encoder)
    gate = recipe.steps["gate"].options
    assert gate["retention"] == pytest.approx(1 - card(name).margin)
    assert gate.items() >= card(name).gate.items()
    assert recipe.steps["curate"].options.items() >= card(name).curation.items()
    assert recipe.steps["curate"].options["expect"] == card(name).expect
    assert recipe.steps["baseline"].options.get("measure", "") == card(name).deciding
    assert recipe.steps["register"].options["card"]["limits"] == card(name).limits
    assert ("test rows; to show that" in said) == (card(name).expected is not None)
    assert "not met" not in said  # the made rows are as the card expects
    assert str(tmp_path) not in said.split("wrote")[0].split("store")[0]
    with (tmp_path / "made" / "data" / "examples.csv").open(encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 1 + len(card(name).example.made())
    plan(recipe)
    with pytest.raises(BadRequest, match="is there already, and nothing is written over"):
        begun(name, tmp_path / "made", tiny_encoder)


def test_documents_are_read_as_far_as_they_go_and_not_as_questions(
    tmp_path: Path, tiny_encoder: Model
) -> None:
    rows = "".join(f"where is tea {i},{' '.join(f'word{j}' for j in range(30))} {i}\n" for i in range(200))
    (tmp_path / "rows.csv").write_text(f"question,document\n{rows}", encoding="utf-8")
    given = ["--train", str(tmp_path / "rows.csv"), "--teacher", str(tiny_encoder.path)]
    call(
        "init",
        str(tmp_path / "q"),
        "--use-case",
        "private-documents",
        *given,
        "--store",
        str(tmp_path / "store"),
    )
    assert Recipe.read(tmp_path / "q" / "recipe.yaml").steps["student"].options["max_length"] >= 32


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_it_runs_at_toy_size(name: str, tmp_path: Path, tiny_encoder: Model) -> None:
    """To the gate, which may refuse a model of random weights, but must judge it."""
    _, recipe = begun(name, tmp_path / "made", tiny_encoder)
    (path, generates) = (tmp_path / "made" / "recipe.yaml", not card(name).kind.has_layers)
    if generates:
        path.write_text(path.read_text().replace(f'"{GENERATOR}"', str(toy_gguf(tmp_path))))
    short = [f"{step}.epochs=1" for step in ("teacher", "student", "tuned") if step in recipe.steps]
    words = [word for one in [*short, "speed.seconds=0.2"] for word in ("--set", one)]
    done = CliRunner().invoke(
        cli,
        ["run", str(path), *words, "--store", str(tmp_path / "store"), "--tracking", "none"],
        catch_exceptions=False,
    )
    assert done.exit_code in (0, 99), done.output
    assert "gate   " in done.output


def test_rows_of_ones_own_are_looked_at(tmp_path: Path, tiny_encoder: Model) -> None:
    path = tmp_path / "asked.csv"
    things = ["apple", "river", "stone", "cloud", "glass", "horse", "paper", "salt", "wind", "wool"]
    asked = ("Where does the {} come from?", "How is {} made today", "Tell me about {} please")
    rows = [("Frage", "Dokument"), *((ask.format(one), f"About {one}.") for one in things for ask in asked)]
    with path.open("w", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    words = ("--train", path, "--text", "Frage", "--label", "Dokument")
    _, recipe = begun("private-documents", tmp_path / "made", tiny_encoder, *words)
    curation = recipe.steps["curate"].options
    assert (curation["text"], curation["label"], curation["delimiter"]) == ("Frage", "Dokument", ";")
    assert not (tmp_path / "made" / "data").exists()
    _, recipe = begun("sql-assistant", tmp_path / "sql", tiny_encoder, *words)
    assert recipe.steps["curate"].options["fields"] == {"instruction": "Frage", "output": "Dokument"}
    with pytest.raises(BadRequest, match="which column is asked, and which answers it"):
        begun("sql-assistant", tmp_path / "other", tiny_encoder, *words[:2])
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("measure: accuracy", "measure: acuracy", "mine.yaml:4 measure: 'acuracy' is no measure of text-classification. Did you mean 'accuracy'?"),
        ("measure: accuracy", "measure: macro_f1", "mine.yaml:4 measure: macro_f1 is no sum over rows, so the gate compares with the teacher by accuracy; say gate:"),
        ("measure: accuracy", "measure: accuracy\ndirection: lower", "mine.yaml:5 direction: of accuracy more is better."),
        ("model_task: text-classification", "model_task: translation", "mine.yaml:3 model_task: no recipe is written for translation"),
        ("margin: 0.03", "margin: 3", "mine.yaml:5 margin: Input should be less than or equal to 1"),
        ("margin: 0.03", "margins: 0.03", "mine.yaml:5 margins: no such word in a card. Did you mean 'margin'?"),
        ("slice_drop: 0.1", "slice_dorp: 0.1", "mine.yaml:8 gate.slice_dorp: no such option"),
        ("kept: 0.99", "kept: 0.5", "changed: does not go with quality and kept"),
        ("{thing} that should", "{thingy} that should", "no slot 'thingy'"),
        ("redact: [email", "redact: [mail", "mine.yaml:9 curation.redact: 0: input should be 'email'"),
        ('null: "<= 0.02"', 'null: "<= 2"', "mine.yaml:10 expect.null: a share of rows is between 0 and 1, not <= 2."),
        ('labels: ">= 2"', 'lables: ">= 2"', "mine.yaml:10 expect: lables: no such key. Did you mean 'labels'?"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    from slmworks_text.use_cases.card import _folder

    text = (_folder() / "customer-service-intents.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadRequest) as error:
        call("init", tmp_path / "made", "--use-case", path)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "made").exists()


def test_rows_that_are_not_as_expected_are_named_and_the_recipe_is_written(
    tmp_path: Path, tiny_encoder: Model
) -> None:
    things, asked = range(40), (("Where is order {}?", "delivery"), ("Refund order {} please", "refund"))
    path = tmp_path / "few.csv"
    with path.open("w", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ("text", "label"),
                *((ask.format(f"{one} {'x' * one}"), to) for one in things for ask, to in asked),
            ]
        )
    said, recipe = begun("customer-service-intents", tmp_path / "made", tiny_encoder, "--train", path)
    assert "note   with.expect: 1 of 5 not met:\n  rows: " in said
    assert ", expected >= 100.\nA run refuses these rows; give others, or change `expect`" in said
    assert recipe.steps["curate"].options["expect"]["rows"] == ">= 100"
    done = CliRunner().invoke(
        cli,
        ["run", str(tmp_path / "made" / "recipe.yaml"), "--until", "curate", "--store", str(tmp_path / "s")],
    )
    assert "with.expect: 1 of 5 not met" in done.output


def test_a_measure_of_the_model_task_decides_without_a_least_value() -> None:
    assert {name: found.deciding for name in names() if (found := card(name)).deciding} == {
        "knowledge-base-content": "rouge_l",
        "tutor": "rouge_l",
    }
    assert card("finance-risk").measure == "macro_f1"  # it can't: `minimum` guards it


def test_without_a_file_or_a_card_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="needs --train FILE, or --use-case NAME"):
        call("init", tmp_path / "made")
    with pytest.raises(BadRequest, match="no such card. Did you mean 'finance-risk'"):
        call("init", tmp_path / "made", "--use-case", "finance-risks")
