"""Cheap looks at many rows at once: they never say anything else than the slow way does."""

import io
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import ftfy
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rensa import RMinHash

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.testing import Bench
from slmworks_text import cleaning, json_lines, minhash, rows_on_disk, text_hashes, workers
from slmworks_text.cleaning import pieces_of
from slmworks_text.curate import CurateText
from slmworks_text.formats import read_rows
from slmworks_text.joins.splits import Choice
from slmworks_text.layout import Layout
from slmworks_text.minhash import jaccard
from slmworks_text.operators.normalise import Normalise
from slmworks_text.personal import signs_of, suspects
from slmworks_text.rows import PLACES, Row, Tally
from slmworks_text.rows_on_disk import RowColumns, StoredRows
from slmworks_text.schema import Stratum, schema_of
from slmworks_text.shingle_hashes import token_hashes
from slmworks_text.shingle_sets import ShingleSets
from slmworks_text.shingles import shingles
from slmworks_text.streams import Meter
from slmworks_text.text_hashes import Hashes, read_buckets, write_buckets
from slmworks_text.word_counts import words_in

NASTY = st.text(
    st.one_of(
        st.sampled_from(
            "aB5 _-@:.%&<>=+!*#/()\t\n\r\x00\x1c\x7f\x85\xa0é\u0301ßİ你ก٣\uff20\u200b\ufeff\u2028€😀"
        ),
        st.sampled_from("abc xyz"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)
TEXTS = st.lists(NASTY, min_size=1, max_size=12)
FAST = settings(max_examples=200, deadline=None)


@FAST
@given(TEXTS)
def test_words_are_counted_as_python_splits(texts: list[str]) -> None:
    assert words_in(texts) == Counter(len(text.split()) for text in texts)


@FAST
@given(st.lists(NASTY, min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_similarities_are_those_of_sets_of_shingles(texts: list[str], chance: random.Random) -> None:
    texts = [*texts, f"{' '.join(texts)} {texts[0]}", " ".join(texts)]
    pairs: list[Any] = [tuple(chance.sample(range(len(texts)), 2)) for _ in range(20)] + [
        (len(texts) - 2, len(texts) - 1)
    ]
    sets = ShingleSets(texts)
    found = [similarity for some in sets.chunks(pairs) for similarity in sets.similarities(some).tolist()]
    assert found == [jaccard(shingles(texts[a]), shingles(texts[b])) for a, b in pairs]


@FAST
@given(TEXTS)
def test_hashes_of_shingles_are_rensas(texts: list[str]) -> None:
    hashes, edges = token_hashes(texts)
    expected = RMinHash.hash_token_sets([shingles(text) for text in texts])
    bounds = edges.tolist()
    found = [set(hashes[start:end].tolist()) for start, end in pairwise(bounds)]
    assert found == [set(one) for one in expected]


@given(
    st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=12), min_size=1, max_size=12),
    st.sampled_from([0, 3, 100]),
    st.sampled_from([1, 5, 13]),
)
@settings(max_examples=60, deadline=None)
def test_signatures_are_minima_of_permuted_hashes(tokens: list[list[int]], few: int, some: int) -> None:
    edges = np.cumsum([0, *map(len, tokens)])
    hashes = np.array(list(chain(*tokens)), "uint64")
    factors, terms = (column.ravel().tolist() for column in minhash._permutations())
    with (
        patch.object(minhash, "token_hashes", lambda _texts: (hashes, edges.astype("uint64"))),
        patch.multiple(minhash, FEW=few, ROWS=some, SHINGLES=some),
    ):
        found = minhash.band_hashes([""] * len(tokens), 1)
    assert [column.tolist() for column in found] == [
        [min((a * (token >> 32) + b & 0xFFFFFFFF for token in one), default=0xFFFFFFFF) for one in tokens]
        for a, b in zip(factors, terms, strict=True)
    ]
    assert len(set(factors)) == len(set(terms)) == minhash.PERMUTATIONS == len(found)


@given(st.integers(1, 80))
@settings(max_examples=80, deadline=None)
def test_words_of_any_length_are_hashed(size: int) -> None:
    (hashes, _), word = token_hashes(["w" * size]), ["w" * size]
    assert hashes.tolist() == RMinHash.hash_token_sets([word])[0]


@FAST
@given(TEXTS)
def test_only_suspects_hold_personal_data(texts: list[str]) -> None:
    holding = {i for i, text in enumerate(texts) if signs_of(text)}
    assert holding <= set(suspects(texts))


def test_a_half_of_a_surrogate_pair_is_looked_at() -> None:
    assert suspects(["a", "\ud800", "b", "7"]) == [1, 3]


@FAST
@given(TEXTS)
def test_texts_are_normalised_as_by_ftfy(texts: list[str]) -> None:
    rows = [Row(text, "x", "web", "web/a.csv#0", 2) for text in texts]
    tally = Tally()
    found = [row.text for row in Normalise(("text",))(rows, tally)]
    # of printable ASCII without an & ftfy changes nothing
    expected = [" ".join(ftfy.fix_text(text, uncurl_quotes=False).split()) for text in texts]
    assert found == expected
    assert tally.changed["normalised"] == sum(new != old for new, old in zip(found, texts, strict=True))


VALUE = st.one_of(
    NASTY, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers(), max_size=2)
)


@FAST
@given(
    st.lists(
        st.fixed_dictionaries(
            {"n": VALUE, "text": st.one_of(NASTY, VALUE), 'la"bel': NASTY}, optional={"more": VALUE}
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n \n", " \n"]),
    st.booleans(),
)
def test_lines_of_json_are_read_as_by_a_parser(
    tmp_path_factory: Any, rows: list[dict[str, Any]], plain: bool, end: str, last: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    names = ["text", 'la"bel'] if plain else ["text", "n"]
    written = end.join(json.dumps(row, ensure_ascii=not plain) for row in rows) + end * last
    path.write_bytes(written.encode())
    wanted = [("text", names[0]), ("label", names[1]), ("source", names[0])]
    layout = Layout(nested=True)
    found = list(read_rows(path, layout, wanted, Meter(0), shown="web/rows.jsonl", warn=print))
    parsed = [
        (number, json.loads(line))
        for number, line in enumerate(io.StringIO(written, newline="\n"), 1)
        if line.strip()
    ]
    expected = [(number, [row[name] for _, name in wanted]) for number, row in parsed]
    assert repr([(number, list(cast("Sequence[Any]", values))) for number, values in found]) == repr(expected)


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "a", "label": "b"} {"text": "a", "label": "b"}',
        '{"text": "a", "label": "b"',
        '{"text": "a\tb", "label": "b"}',
        '{"text": "a", "label": "b",}',
        '{"text": "a", "label": 01}',
    ],
)
def test_a_line_that_is_no_json_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"text": "x", "label": "y"}}\n{line}\n')
    wanted = [("text", "text"), ("label", "label")]
    with pytest.raises(BadRequest, match=r"^web/rows.jsonl:2: not JSON"):
        list(read_rows(path, Layout(), wanted, Meter(0), shown="web/rows.jsonl", warn=print))


LINES = st.lists(
    st.one_of(
        st.builds(lambda a, b: json.dumps({"text": a, "label": b}, ensure_ascii=False), NASTY, NASTY),
        st.builds(lambda a: json.dumps({"label": "b", "text": a}), NASTY),
        st.builds(lambda a: json.dumps({"text": a, "label": "b"}).replace(":", " :  "), NASTY),
        st.sampled_from(["", " ", "\x0b", ' {"text": "a", "label": "b"}', '{"text": null, "label": "b"}']),
    ),
    max_size=25,
)


@FAST
@given(
    st.lists(LINES, min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(20, 300),
)
def test_pieces_have_the_rows_of_a_parser(
    tmp_path_factory: Any, files: list[list[str]], end: str, last: bool, size: int
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    expected = []
    for number, lines in enumerate(files):
        name, content = f"{number}.jsonl", end.join(lines) + end * last
        (folder / name).write_bytes(b"\xef\xbb\xbf" * (number % 2) + content.encode())
        parsed = [(i, json.loads(line)) for i, line in enumerate(content.split("\n"), 1) if line.strip()]
        expected += [
            (f"in/{name}", place, line, row["text"], row["label"]) for place, (line, row) in enumerate(parsed)
        ]
    reading = CurateText().reading("in", schema_of("text-classification"))
    with (
        patch.object(cleaning, "ROWS", 4),
        patch.object(json_lines, "CHARACTERS", size),
        patch.object(json_lines, "PIECE", 2 * size),
    ):
        pieces = [one.read() for one in pieces_of("in", folder, reading, Tally(), Meter(0))]
    assert all(one.failed is None for one in pieces)
    assert expected == [
        (piece.shown, piece.first + i, line, *values)
        for piece in pieces
        for i, (line, values) in enumerate(piece.values)
    ]


def test_buckets_of_another_process_come_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_hashes, "PART", 8)
    hashes = Hashes(tmp_path / "entries")
    hashes.extend(np.arange(100, dtype="uint64").reshape(-1, 1) % np.uint64(60))
    written = list(read_buckets(write_buckets(hashes.entries())))
    assert len(written) > 8
    assert [[column.tolist() for column in part] for part in written] == [
        [column.tolist() for column in part] for part in hashes.entries().buckets()
    ]
    assert sorted(row for part, _ in written for row in part.tolist()) == [*range(40), *range(60, 100)]
    assert [path.name for path in tmp_path.iterdir()] == ["entries"]


@given(
    st.lists(st.integers(0, 9), max_size=60),
    st.integers(1, 2),
    st.sampled_from([(100, 8), (4, 100), (4, 4), (2, 1)]),
)
@settings(max_examples=100, deadline=None)
def test_equal_entries_are_found(
    tmp_path_factory: Any, numbers: list[int], width: int, parts: tuple[int, int]
) -> None:
    entries = np.array([[number % 7, number][:width] for number in numbers], "uint64").reshape(-1, width)
    folder = tmp_path_factory.mktemp("hashes")
    hashes = Hashes(folder / "entries", width)
    hashes.extend(entries)
    places: dict[tuple[int, ...], list[int]] = {}
    for place, entry in enumerate(entries.tolist()):
        places.setdefault(tuple(entry), []).append(place)
    with patch.multiple(text_hashes, PART=parts[0], SCANS=parts[1], PIECE=16):
        assert sorted(hashes.groups()) == sorted(one for one in places.values() if len(one) > 1)
    assert [path.name for path in folder.iterdir()] == ["entries"]


@pytest.mark.parametrize("starts", ["apart", "in pairs", "one"])
def test_rows_come_back_in_the_order_of_their_ids(
    starts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_on_disk, "ROWS", 16)  # several runs
    rows = [Row(f"text {i}", f"label {i % 3}", "web", f"web/a.csv#{i}", 2) for i in range(100)]
    expected = sorted((row.identity(), row.text, row.target) for row in rows)

    def batch(columns: RowColumns, make: Callable[[RowColumns], Any] = RowColumns.batch) -> Any:
        made = make(columns)
        cut = {"apart": 0, "in pairs": 61, "one": 63}[starts]  # bits that ids then share
        first = made.column("start").to_numpy() >> np.uint64(cut) << np.uint64(cut)
        return made.set_column(made.schema.get_field_index("start"), "start", pa.array(first))

    monkeypatch.setattr(RowColumns, "batch", batch)
    stored = StoredRows(tmp_path, schema_of("text-classification"))
    for start in range(0, 100, 7):
        stored.add_all(rows[start : start + 7])
    stored.flush()
    found = [
        tuple(one.values()) for some in stored.batches("id", "text", "target") for one in some.to_pylist()
    ]
    assert len(stored.runs) > 5
    assert found == expected


STRATA = [Stratum(f"{i % 3}", f"{i % 2}", (f"{i % 3}",)) for i in range(6)]
STRATA += [
    Stratum(f"{i}", "0", (f"{i}",)) for i in (3, 4)
]  # labels of one source: no other row is in their groups
UNITS = st.lists(st.lists(st.integers(0, 7), min_size=2, max_size=5), max_size=20)
SINGLES = st.lists(st.integers(0, 7), max_size=120)


@given(UNITS, SINGLES, SINGLES)
@settings(max_examples=200, deadline=None)
def test_a_unit_goes_where_its_groups_lack_most(
    units: list[list[int]], singles: list[int], more: list[int]
) -> None:
    order = [*units, *([number] for number in (*singles, *more))]
    shares = {"train": 0.7, "validation": 0.1, "test": 0.2}
    total = Counter(group for unit in order for number in unit for group in STRATA[number].groups)
    choice, filled = Choice(shares, total, STRATA), {split: Counter[Any]() for split in shares}
    found = list(map(choice.of, units))
    for some in (singles, more):
        found += choice.of_singles(np.array(some, "uint32")).tolist()
    for unit, place in zip(order, found, strict=True):
        content = Counter(group for number in unit for group in STRATA[number].groups)
        gains = {
            split: sum(
                count * (1 - filled[split][group] / (share * total[group]))
                for group, count in content.items()
            )
            for split, share in shares.items()
        }
        split = max(shares, key=gains.__getitem__)
        filled[split] += content
        assert place == PLACES.index(split)


def test_a_stratum_is_remembered_only_where_nothing_else_was_looked_at() -> None:
    class ByText:
        def stratum(self, row: Any) -> tuple[str, ...]:
            return (row["text"][:1],)

    known = schema_of("text-classification")
    schema = type(known)(ByText(), "text", "label", classes=True)  # type: ignore[arg-type]
    rows = [Row(text, "x", "web", "", 2) for text in ("apple", "bee")]
    assert [schema.stratum(row, "").keys for row in rows] == [("a",), ("b",)]
    assert known.stratum(rows[0], "") is known.stratum(rows[1], "")


def files(folder: Path) -> Files:
    """Rows of three formats, with duplicates, personal data, what needs repair and what is dropped."""
    rows = [
        (
            f"word{i % 900} is {i % 7} of word{i % 13} {'cafÃ©' * (i % 50 == 0)} a{i % 31}@b.org"[
                : 20 + i % 60
            ],
            f"l{i % 5}",
        )
        for i in range(3_000)
    ]
    for name in ("web", "shop", "test"):
        (folder / name).mkdir(parents=True)
    (folder / "web" / "a.jsonl").write_text(
        "".join(json.dumps({"text": t, "label": c}) + "\n" for t, c in rows)
    )
    (folder / "shop" / "b.csv").write_text(
        "label,text\n" + "".join(f"{c},other {t}\n" for t, c in rows) + "x\n"
    )
    (folder / "test" / "c.jsonl").write_text("".join(json.dumps([c, t]) + "\n" for t, c in rows[:99]))
    return Files(path=folder)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, and processes for any input."""
    monkeypatch.setattr("slmworks_text.cleaning.ROWS", 500)
    monkeypatch.setattr("slmworks_text.json_lines.CHARACTERS", 10_000)
    monkeypatch.setattr(workers, "LARGE", 0)


def test_the_number_of_processes_changes_nothing(many: None, tmp_path: Path) -> None:
    data, made = files(tmp_path / "raw"), []
    plugin = CurateText(
        near_duplicates=0.7,
        redact=("email",),
        operators=[{"length": {"min_words": 3}}],
        inputs={"test": {"columns": ("label", "text")}},
        max_unusable=1,
    )
    for threads in (1, 2):
        task = Bench(tmp_path / f"bench{threads}").task("curate", threads=threads)
        found = plugin.run(data=data, task=task)
        content = {path.name: path.read_bytes() for path in sorted(task.output.iterdir())}
        made.append((found.meta, found.summary, content))
    assert made[0] == made[1]


def test_an_error_is_the_same_in_another_process(many: None, tmp_path: Path) -> None:
    data = files(tmp_path / "raw")
    with (tmp_path / "raw" / "web" / "a.jsonl").open("a") as file:
        file.write('{"text": {"no": "text"}, "label": "x"}\n{"text": \n')
    plugin = CurateText(inputs={"test": {"columns": ("label", "text")}})
    for threads in (1, 2):
        task = Bench(tmp_path / f"bench{threads}").task("curate", threads=threads)
        with pytest.raises(BadRequest, match=r"^web/a.jsonl:3001: the text is an object"):
            plugin.run(data=data, task=task)


def killed(_piece: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_killed_process_is_a_failure_that_says_so(many: None, tmp_path: Path) -> None:
    task = Bench(tmp_path).task("curate", threads=2)
    with workers.workers_of(task, 1) as found:
        assert found is not None
        with pytest.raises(TaskFailed, match="was killed"):
            list(found.map(killed, [1, 2]))


SCRIPT = """\
from pathlib import Path
from slmworks.testing import Bench
from slmworks_text import workers
with workers.workers_of(Bench(Path("bench")).task("curate", threads=2), workers.LARGE) as found:
    try:
        list(found.map(abs, [1, 2]))
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_script_that_does_not_guard_its_beginning_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    (line,) = ran.stdout.splitlines()
    assert line.startswith("TaskFailed a process that shares the work of this curation ended before")
    assert 'outside `if __name__ == "__main__":`' in line


def test_what_cannot_be_pickled_is_done_here(many: None, tmp_path: Path) -> None:
    task = Bench(tmp_path).task("curate", threads=2)
    local: Callable[[int], int] = lambda number: number + 1  # noqa: E731
    with workers.workers_of(task, 1) as found:
        assert found is not None
        assert list(found.map(local, [1, 2])) == [2, 3]


def test_small_inputs_and_one_thread_start_no_process(tmp_path: Path) -> None:
    for threads, size in ((2, workers.LARGE - 1), (1, workers.LARGE)):
        with workers.workers_of(Bench(tmp_path / f"{threads}").task("c", threads=threads), size) as found:
            assert found is None


CURATION = """\
import sys
from pathlib import Path
from slmworks.contract.artifact import Files
from slmworks.testing import Bench
from slmworks_text.cleaning import pieces_of
from slmworks_text.curate import CurateText
inputs = {"test": {"columns": ["label", "text"]}}
CurateText(inputs=inputs, max_unusable=1).run(data=Files(path=Path("raw")), task=Bench(Path("bench")).task("curate"))
print("pandas" in sys.modules)
import pyarrow as pa
print(type(pa.table({"a": [1]}).to_pandas()).__module__)
"""


def test_a_curation_loads_no_pandas_and_arrow_makes_its_tables_afterwards(tmp_path: Path) -> None:
    files(tmp_path / "raw")
    ran = subprocess.run(
        [sys.executable, "-c", CURATION], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["False", "pandas"]
