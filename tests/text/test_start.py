"""`slmworks init` and `slmworks data`: files in every layout, and what is asked instead of guessed."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from slmworks.cli.main import cli
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks_text.start.beginning import Wishes, begin
from slmworks_text.start.recipe_text import Facts, recipe_text, scalar
from slmworks_text.start.sniff import sniff

ROWS = [
    (label, f"{head}, number {number} of {number % 7}, please")
    for number in range(40)
    for label, head in (("where", "Where is my parcel; I’m waiting"), ("back", "I want my money back, now"))
]


def write(path: Path, rows, *, delimiter: str = ",", encoding: str = "utf-8", header=(), opened=open) -> Path:
    with opened(path, "wt", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([*([header] if header else []), *rows])
    return path


def records(path: Path, **columns: str) -> Path:
    rows = [{columns["text"]: text, columns["label"]: label} for label, text in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def call(*words: object):
    return CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("header", [(), ("Art", "Frage")])
def test_a_layout_is_found(tmp_path: Path, delimiter: str, encoding: str, header) -> None:
    path = write(tmp_path / "a.csv", ROWS, delimiter=delimiter, encoding=encoding, header=header)
    found = begin({"train": path}, Wishes())
    names = ("Frage", "Art") if header else ("text", "label")
    assert (found.options["text"], found.options["label"]) == names
    assert found.options.get("delimiter", ",") == delimiter
    assert found.options.get("encoding", "utf-8") == encoding.removesuffix("-sig")
    assert found.options.get("columns") == (None if header else ["label", "text"])


def test_an_index_without_a_name_and_a_sign_at_every_rows_end(tmp_path: Path) -> None:
    rows = [(number, text, label, "") for number, (label, text) in enumerate(ROWS)]
    path = write(tmp_path / "a.csv.gz", rows, header=("", "body", "kind", ""), opened=gzip.open)
    found = begin({"train": path}, Wishes())
    assert (found.options["text"], found.options["label"]) == ("body", "kind")
    assert "columns" not in found.options


def test_a_delimiter_that_texts_hold_too_is_told_from_it(tmp_path: Path) -> None:
    rows = [(f"where, {number}", label) for number, (label, _) in enumerate(ROWS)]
    assert sniff(write(tmp_path / "a.csv", rows, delimiter=";", header=("t", "l"))).layout.delimiter == ";"


def test_quotation_marks_that_enclose_nothing_are_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f'{label};"{number} inches wide, they said\n' for number in range(40) for label in ("tv", "mat")]
    path.write_text("kind;text\n" + "".join(lines), encoding="utf-8")
    found = begin({"train": path}, Wishes())
    assert (found.options["quotes"], found.options["delimiter"]) == ("off", ";")
    path = tmp_path / "a.tsv"
    path.write_text("kind\ttext\n" + "".join(line.replace(";", "\t") for line in lines), encoding="utf-8")
    assert not {"quotes", "delimiter"} & begin({"train": path}, Wishes()).options.keys()


@pytest.mark.parametrize(
    ("header", "rows", "problem"),
    [
        (("id", "title", "body", "kind"), [(n, f"a title {n}", f"the long text of row {n}", n % 2) for n in range(30)],
         "--text title, or several that are joined: --text title --text body"),
        (("text", "lang", "kind"), [(f"the text of row {n}", "xy"[n % 2], "abc"[n % 3]) for n in range(30)],
         "several columns may be the label (lang: 2 values in 30 rows; kind: 3 values in 30 rows)"),
        (("text", "n"), [(f"the text of row {n}", f"k{n}") for n in range(30)], "no column looks like the label"),
        (("text",), [(f"the text of row {n}",) for n in range(30)], "no delimiter gives its rows one number"),
        (("text", "label"), [(f"the text of row {n}", "one") for n in range(30)], "the label has 1 value in 30 rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked(tmp_path: Path, header, rows, problem: str) -> None:
    with pytest.raises(BadRequest) as error:
        begin({"train": write(tmp_path / "a.csv", rows, header=header)}, Wishes())
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_scale_beside_words_is_not_the_label(tmp_path: Path) -> None:
    rows = [(f"the text of row {n}", n // 2, "ab"[n % 2]) for n in range(60)]
    path = write(tmp_path / "a.csv", rows, header=("body", "day", "kind"))
    assert begin({"train": path}, Wishes()).options["label"] == "kind"
    with pytest.raises(BadRequest, match="no column looks like the label"):
        begin(
            {"train": write(tmp_path / "b.csv", [row[:2] for row in rows], header=("body", "day"))}, Wishes()
        )


def test_a_first_row_that_may_be_names_or_values_is_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [(f"k{n}", f"v{n}") for n in range(30)])
    with pytest.raises(BadRequest, match="can't be told whether the first row names the columns"):
        sniff(path)
    assert sniff(path, header=True).columns == ("k0", "v0")
    assert sniff(path, columns=["a", "b"]).columns == ("a", "b")
    with pytest.raises(BadRequest, match="rows have 2 values, and --columns names 3"):
        sniff(path, columns=["a", "b", "c"])


def test_numbers_become_classes_and_rare_labels_are_left_out(tmp_path: Path) -> None:
    rated = [(f"the text of row {n}", f"0.{n:02}") for n in range(60)]
    found = begin({"train": write(tmp_path / "a.csv", rated, header=("text", "score"))}, Wishes())
    assert found.options["bins"] == {"low": "<= 0.2", "middle": "else", "high": "> 0.4"}
    rare = [*ROWS, ("lonely", "a text that stands alone")]
    found = begin({"train": write(tmp_path / "b.csv", rare, header=("label", "text"))}, Wishes())
    assert found.options["labels"] == ["back", "where"]
    assert any("lonely" in line for line in found.said)


def test_a_test_file_may_have_another_layout(tmp_path: Path) -> None:
    files = {
        "train": write(tmp_path / "a.csv", ROWS, delimiter=";", header=("label", "text")),
        "test": write(tmp_path / "b.tsv", ROWS[:20], delimiter="\t", header=("label", "text")),
    }
    assert begin(files, Wishes()).options["inputs"] == {"train": {"delimiter": ";"}}
    files["test"] = write(tmp_path / "c.csv", ROWS[:20], header=("label", "sentence"))
    with pytest.raises(BadRequest, match="no column 'text' as in train"):
        begin(files, Wishes())


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "Hello, who is there?"}, {"role": "assistant", "content": "Me"}]},
        {"instruction": "Say who is there", "output": "It is me"},
        {"prompt": "Who is there, and why?", "completion": "Nobody"},
    ],
)  # fmt: skip
def test_conversations_become_a_generators_recipe(tmp_path: Path, row) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(30)), encoding="utf-8")
    assert begin({"train": path}, Wishes()).kind.uses == "chat"


@pytest.mark.parametrize(
    "word", ["true", "no", "1", "1e3", "", "a: b", "- a", "#x", "a #b", '"', "é", "null", ".5", "~"]
)
def test_a_word_in_a_recipe_is_that_word(word: str) -> None:
    recipe = Recipe.parse(f"name: a\nsteps:\n  b: {{with: {{c: {scalar(word)}}}}}")
    assert recipe.steps["b"].options == {"c": word}


@pytest.mark.parametrize(
    ("train", "labels", "epochs"),
    [
        (100, 2, 8),
        (6_400, 2, 2),
        (9_000, 2, 2),
        (20_000, 2, 1),
        (8_803, 77, 6),
        (15_000, 150, 6),
        (100_000, 150, 1),
    ],
)
def test_rows_are_seen_oftener_where_there_are_few_or_many_labels(
    train: int, labels: int, epochs: int
) -> None:
    text = recipe_text(
        Facts("q", {"train": "./a.csv"}, {"text": "text"}, train=train, test=500, labels=labels)
    )
    assert f"with: {{epochs: {epochs}, learning_rate" in text


@pytest.fixture
def begun(tmp_path: Path, tiny_encoder: Model):
    path = write(tmp_path / "questions.csv", ROWS, delimiter=";", encoding="cp1252")
    store = ("--store", tmp_path / "store")
    done = call("init", tmp_path / "q", "--train", path, "--teacher", tiny_encoder.path, *store)
    assert done.exit_code == 0, done.output
    return tmp_path / "q", done.output, store


def test_what_is_written_can_be_run_and_is_never_written_over(begun) -> None:
    folder, said, store = begun
    assert "text: text · label: label" in said
    assert "tokens: median" in said
    planned = plan(Recipe.read(folder / "recipe.yaml"))
    assert planned.tasks["student"].options["layers"] == [0, 1, 3]
    assert planned.tasks["teacher"].options["max_length"] <= 64  # the model's positions
    assert json.loads((folder / "recipe.schema.json").read_text())["title"] == "slmworks recipe"
    assert (folder / ".gitignore").read_text() == ".slmworks/\n"
    before = (folder / "recipe.yaml").read_bytes()
    with pytest.raises(BadRequest, match="recipe.yaml is there already, and nothing is written over"):
        call("init", folder, "--train", folder.parent / "questions.csv", *store)
    assert (folder / "recipe.yaml").read_bytes() == before


def test_the_data_of_a_recipe_and_of_a_file(begun) -> None:
    folder, _, store = begun
    done = call("data", folder / "recipe.yaml", "--json", *store)
    shown = json.loads(done.stdout)["curate"]
    assert shown["rows"]["in"] == len(ROWS)
    assert set(shown["tokens"]) == {"train", "validation", "test"}
    assert len(shown["examples"]) == 3
    with pytest.raises(BadRequest, match="--text, --label: of a file"):
        call("data", folder / "recipe.yaml", "--text", "a", "--label", "b", *store)
    for name in (folder / "recipe.yaml", folder.parent / "questions.csv"):
        said = call("data", name, *store).output
        assert "rows 80 in" in said
        assert "share of train" in said


def test_a_card_is_written_of_a_recipe_a_digest_and_a_file(begun, tmp_path: Path) -> None:
    folder, _, store = begun
    file, cards = folder.parent / "questions.csv", tmp_path / "cards"
    for what, name in ((folder / "recipe.yaml", "q · curate"), (file, "questions.csv")):
        done = call("data", what, "--card", cards, *store)
        assert f"wrote  {cards / 'card.html'}" in done.output
        assert f"<h1>{name}</h1>" in (cards / "card.html").read_text()
    call("data", folder / "recipe.yaml", "--card", cards, *store)
    described = json.loads((cards / "croissant.json").read_text())
    digest = described["distribution"][0]["contentUrl"].split("/")[-2]
    again = tmp_path / "again"
    done = call("data", digest[:12], "--card", again, "--against", digest, *store)
    assert "no test finds a difference" in done.output
    assert json.loads((again / "croissant.json").read_text())["distribution"] == described["distribution"]
    for words, said in (
        (("ffffffff",), "no file, and no digest in"),
        ((digest, "--card", file), "is a file; name a folder"),
        ((digest, "--card", folder.parent / "store" / "objects" / digest), "which may not change"),
        ((digest, "--text", "text"), "--text: of a file"),
        ((digest, "--against", folder), "not an artifact"),
    ):
        with pytest.raises(BadRequest, match=said):
            call("data", *words, *store)


def test_nothing_is_written_where_something_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS, header=("label", "text"))
    for words in (
        ["--train", tmp_path / "b.csv"],
        ["--train", path, "--label", "lable"],
        ["--train", path, "--name", "1"],
        ["--train", path, "--encoding", "utf9"],
        ["--train", path, "--delimiter", ";;"],
    ):
        with pytest.raises(BadRequest):
            call("init", tmp_path / "q", *words)
    assert not (tmp_path / "q").exists()
