"""`slmworks predict`: the rows of a file, answered by an approved model and written beside their columns."""

import csv
import json
import signal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import slmworks
from releases import two_versions
from slmworks.cli.main import main
from slmworks_text.predict import table

ROWS = [
    {"id": "1", "text": "good again", "label": "positive"},
    {"id": "2", "text": "bad, awful", "label": "negative"},
    {"id": "3", "text": "plain", "label": "neutral"},
    {"id": "4", "text": "good", "label": "negative"},
]
ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return two_versions(tmp_path_factory.mktemp("approved"))


@pytest.fixture
def predict(store, capsys, monkeypatch, tmp_path):
    """Run the command; gives exit code, output and errors."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(*words, name="reviews"):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in ("predict", name, *words, "--store", store.root, "--threads", 2)])
        return ended.value.code, *capsys.readouterr()

    return run


def write(path, rows=ROWS):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            out = csv.DictWriter(file, rows[0], delimiter="\t" if path.suffix == ".tsv" else ",")
            out.writeheader()
            out.writerows(rows)
    return path


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("to", ENDINGS)
def test_every_column_stays_and_answers_are_those_of_the_model(predict, tmp_path, store, ending, to):
    target = tmp_path / f"out{to}"
    code, out, _ = predict(write(tmp_path / f"in{ending}"), "-o", target)
    assert code == 0
    assert "4 rows by reviews v1" in out
    found = read(target)
    answers = slmworks.load("reviews", store=store, threads=1)([row["text"] for row in ROWS])
    assert [{key: row[key] for key in ROWS[0]} for row in found] == ROWS
    assert [row["predicted_label"] for row in found] == [answer["label"] for answer in answers]
    assert [float(row["predicted_score"]) for row in found] == pytest.approx(
        [one["score"] for one in answers]
    )
    assert "predicted_scores" not in found[0]
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / f"in{ending}", target])


def test_answers_beside_the_truth_are_judged(predict, tmp_path):
    report = tmp_path / "report.json"
    code, out, _ = predict(write(tmp_path / "in.csv"), "-o", tmp_path / "o.csv", "--report", report)
    assert code == 0
    assert "accuracy" in out
    said = json.loads(report.read_text())
    assert said["n"] == 4
    assert said["measures"]["accuracy"]["value"] == 0.75
    assert said["slices"]["label"]["negative"] == {"n": 2} | said["slices"]["label"]["negative"]
    assert said["slices"]["label"]["negative"]["value"] == 0.5
    assert said["unknown_labels"] == {}


def test_a_truth_without_a_label_of_the_model_is_counted_as_wrong_and_said(predict, tmp_path):
    rows = [{"what": "good", "is": "positive"}, {"what": "bad", "is": "sad"}]
    code, out, err = predict(
        write(tmp_path / "in.csv", rows), "-o", tmp_path / "o.csv", "--text", "what", "--label", "is"
    )
    assert code == 0
    assert "0.500" in out
    assert "1 rows have a truth that the model has no label for (sad)" in err


def test_windows_are_answered_in_the_order_of_the_file(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "ROWS", 3)
    rows = [{"id": str(i), "text": ["good", "bad", "plain"][i % 3] + " x" * (i % 7)} for i in range(20)]
    assert predict(write(tmp_path / "in.csv", rows), "-o", tmp_path / "o.csv")[0] == 0
    found = read(tmp_path / "o.csv")
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert [row["predicted_label"] for row in found[:3]] == ["positive", "negative", "neutral"]


def test_rows_without_a_text_stay_empty_and_are_counted(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "ROWS", 1)  # the first window has no answer at all
    rows = [{"id": "1", "text": " "}, {"id": "2", "text": "good"}]
    code, _, err = predict(write(tmp_path / "in.csv", rows), "-o", tmp_path / "o.csv")
    assert code == 0
    assert f"1 rows have no answer; the first: {tmp_path / 'in.csv'}:2: nothing to ask" in err
    assert [row["predicted_label"] for row in read(tmp_path / "o.csv")] == ["", "positive"]


def test_texts_that_are_cut_are_marked_and_counted(predict, tmp_path):
    rows = [{"text": "good " * 50}, {"text": "bad"}]
    code, _, err = predict(write(tmp_path / "in.csv", rows), "-o", tmp_path / "o.jsonl", "--all")
    assert code == 0
    assert "of 1 texts (50.0%) only the beginning was read" in err
    assert [row["predicted_truncated"] for row in read(tmp_path / "o.jsonl")] == [True, False]
    assert set(read(tmp_path / "o.jsonl")[0]["predicted_scores"]) == {"negative", "neutral", "positive"}


def test_an_only_column_is_the_text_and_an_approved_version_can_be_named(predict, tmp_path):
    (tmp_path / "in.csv").write_text("review\ngood\n")
    code, out, _ = predict(tmp_path / "in.csv", "-o", tmp_path / "o.csv", name="reviews@1")
    assert (code, "reviews v1" in out) == (0, True)


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        ("a,b\ngood,1\n", (), "which column is asked about? (there are: a, b) --text COLUMN"),
        ("text,b\ngood,1\n", ("--text", "txt"), "no column 'txt' (there are: text, b). Did you mean 'text'?"),
        ("text,b\ngood,1\n", ("--label", "truth"), "no column 'truth'"),
        ("text,b\ngood,1\n", ("--label", "text"), "that is the column that is asked about"),
        ("text,b\ngood,1\nbad\n", (), "in.csv:3: 1 value, not 2"),
        ("text,text\ngood,1\n", (), "several columns are called 'text'"),
        ("text\n", (), "in.csv: no rows."),
        ("", (), "the file is empty"),
        ("text\n \n\t\n", (), "no rows"),
        ('text,b\n" ",1\n', (), "in.csv:2: nothing to ask; not one of 1 rows could be answered"),
        ("text\ngood\n", ("--encoding", "klingon"), "--encoding klingon"),
        ("text\ngood\n", ("--format", "xlsx"), "--format xlsx"),
        ("text\ngood\n", ("--report", "r.json"), "--report needs the truth: --label COLUMN"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_nothing_is_written(predict, tmp_path, content, words, line):
    (tmp_path / "in.csv").write_text(content)
    code, _, err = predict(tmp_path / "in.csv", "-o", tmp_path / "out.csv", *words)
    assert code == 2
    assert line in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_targets_that_would_lose_something_are_refused(predict, tmp_path):
    source = write(tmp_path / "in.csv")
    there = write(tmp_path / "there.csv", [{"mine": "1"}])
    for target, line in (
        (source, "that is the file that is read"),
        (there, "there is such a file; name another one, or say --overwrite"),
        (tmp_path / "no" / "o.csv", "no folder"),
        (tmp_path / "o.xlsx", "written are .csv, .tsv"),
        (tmp_path, "that is a folder"),
    ):
        code, _, err = predict(source, "-o", target)
        assert (code, line in err) == (2, True), err
    assert read(there) == [{"mine": "1"}]
    assert predict(source, "-o", there, "--overwrite")[0] == 0
    assert len(read(there)) == 4


def test_a_broken_line_at_the_end_leaves_nothing_behind(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "ROWS", 1)
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n{"text": "bad"}\n{"text": \n')
    code, _, err = predict(tmp_path / "in.jsonl", "-o", tmp_path / "o.jsonl")
    assert (code, "in.jsonl:3: not JSON" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_value_of_another_type_later_on_is_refused_for_parquet(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "ROWS", 1)
    (tmp_path / "in.jsonl").write_text('{"text": "good", "n": 1}\n{"text": "bad", "n": "two"}\n')
    code, _, err = predict(tmp_path / "in.jsonl", "-o", tmp_path / "o.parquet")
    assert (code, "not all rows have the same types" in err, "write jsonl" in err) == (2, True, True)


def test_only_approved_versions_answer(predict, tmp_path):
    source = write(tmp_path / "in.csv")
    for name, line in (
        ("reviews@2", "reviews v2 is not approved yet"),
        ("films", "no model"),
        ("reviews@candidate", "write NAME, NAME@champion or NAME@VERSION"),
    ):
        code, _, err = predict(source, "-o", tmp_path / "o.csv", name=name)
        assert (code, line in err) == (2, True), err
