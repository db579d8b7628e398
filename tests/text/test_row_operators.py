"""Row operators: what each keeps, changes and drops, and why."""

import json
import pickle
import re
import time
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from slmworks.authoring.operator_conformance import check
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure, plain
from slmworks.curate.operator import Dropped, Kept, TextRow
from slmworks.curate.operators import chosen, offered
from slmworks_text.curate import CurateText
from slmworks_text.operators import running
from slmworks_text.operators.language import LANGUAGES
from slmworks_text.operators.sql_functions import FUNCTIONS
from slmworks_text.operators.views import TextView
from slmworks_text.rows import PLACES, Row, Tally
from slmworks_text.schema import schema_of

PAGE = (
    "The committee met on Monday to discuss the plans that the town has for the old harbour.\n"
    "Several people said that they would like to have a park, and that it should be open to all.\n"
    "A decision will be made before the end of the year, as the mayor told the local paper."
)


def result(name: str, text: str | tuple[str, ...], roles: tuple[str, ...] = ("text",), **options: Any) -> Any:
    """What an operator makes of a text."""
    ((one),) = chosen([{name: options}])
    texts = (text,) if isinstance(text, str) else text
    return one.operator.apply_all([TextRow(texts, roles, label="a", source="web", split="train")])[0]


@pytest.mark.parametrize(
    ("name", "options", "text", "expected"),
    [
        ("length", {"min_words": 3}, "two words", Dropped("too few words", "2 words, at least 3")),
        ("length", {"max_chars": 4}, "five!", Dropped("too many characters", "5 characters, at most 4")),
        ("length", {"min_words": 2, "max_words": 2}, "two words", None),
        ("words", {"words": ["Bad"]}, "so BAD!", Dropped("listed word", "'BAD'")),
        ("words", {"words": ["bad"]}, "badminton", None),
        ("words", {"words": ["कम"]}, "कमी नहीं", None),
        ("words", {"words": ["कमी"]}, "कमी नहीं", Dropped("listed word", "'कमी'")),
        ("words", {"words": ["坏"], "within": True}, "很坏的", Dropped("listed word", "'坏'")),
        ("words", {"words": ["very bad", "bad"], "least": 2}, "very bad, bad", Dropped("listed word", "'very bad', 2 in all")),
        ("words", {"words": ["bad"], "least": 2}, "bad", None),
        ("expression", {"keep": "length(text) > 3"}, "abc", Dropped("not true: length(text) > 3")),
        ("expression", {"keep": "label = 'a' and source in ('web') and split = 'train'"}, "abc", None),
        ("expression", {"keep": "nullif(text, 'abc') <> 'x'"}, "abc", Dropped("not true: nullif(text, 'abc') <> 'x'")),
        ("normalise", {}, "itâ€™s   fine", Kept(texts=("it’s fine",), change="normalised")),
        ("normalise", {}, "fine", None),
        ("quality", {"rules": "gopher"}, PAGE, None),
        ("quality", {"rules": ["c4", "gopher-repetition", "fineweb"]}, PAGE, None),
        ("quality", {"rules": "gopher"}, "too short", Dropped("gopher words", "2 words, at least 50")),
        ("quality", {"rules": "gopher", "limits": {"words": [1, None]}, "skip": ["stop-words"]}, "too short", None),
        ("quality", {"rules": "c4"}, "Home | About\nSign in", Dropped("c4 lines", "no line is left")),
        ("quality", {"rules": "c4"}, f"{PAGE}\nif (a) {{ run this one now.", Dropped("c4 curly-brackets", "1 curly brackets, at most 0")),
        ("quality", {"rules": "c4"}, f"{PAGE}\nPlease enable Javascript to see this page.", Kept(texts=(PAGE,), change="lines left out")),
        ("quality", {"rules": "fineweb"}, "Home\nAbout\nNews", Dropped("fineweb lines-that-end", "0, at least 0.12")),
        ("quality", {"rules": "fineweb"}, f"{PAGE}\n{PAGE}", Dropped("fineweb repeated-lines", "0.5, at most 0.1")),
        ("quality", {"rules": "gopher-repetition"}, "\n".join(["again and again"] * 9), Dropped("gopher-repetition duplicate-lines", "0.889, at most 0.3")),
    ],
)  # fmt: skip
def test_operators(name: str, options: dict[str, Any], text: str, expected: Any) -> None:
    assert result(name, text, **options) == expected


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("mean-word-length", "a b c d e f g " * 9),
        ("symbols", f"{PAGE} # # # # # # #"),
        ("bullet-lines", "\n".join(["- the things that people have to consider and to become"] * 12)),
        ("ellipsis-lines", PAGE.replace(".", "...")),
        ("alphabetic-words", f"{PAGE} {'123456 ' * 40}"),
        ("stop-words", "bread butter cheese garlic onion pepper " * 10),
    ],
)
def test_each_rule_of_gopher_is_a_reason(rule: str, text: str) -> None:
    found = result("quality", text, rules="gopher")
    assert found.reason == f"gopher {rule}"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("duplicate-paragraphs", "one\ntwo\n\none\ntwo\n\nthree\nfour"),
        ("top-2-gram", "of the " * 8 + "many words that follow"),
        (
            "top-3-gram",
            "ab cd ef x1 ab cd ef x2 ab cd ef y3 z4 w5 v6 u7 t8 s9 q0 r1 p2 o3 n4 m5 a2 b2 c2 d2 e2 f2 g2 h2",
        ),
        ("duplicate-5-grams", " ".join([*(f"{n:02}" for n in range(50)), "00 01 02 03 04"])),
    ],
)
def test_rules_of_repetition(rule: str, text: str) -> None:
    skip = ("duplicate-lines", "characters-in-duplicate-lines")
    assert result("quality", text, rules="gopher-repetition", skip=skip).reason == f"gopher-repetition {rule}"


@pytest.mark.parametrize(
    "text", ["." * 300_000 + "x", ".'" * 150_000 + "x", "sk-ant-" + "a" * 300_000, "a://b:" * 50_000]
)
def test_long_texts_of_one_sign_take_no_time(text: str) -> None:
    start = time.process_time()
    result("quality", text, rules=["c4"], skip=["lines"])
    result("secrets", text)
    assert time.process_time() - start < 5, "the square of the length would be hours"


def test_language_is_kept_dropped_or_made_part_of_the_source() -> None:
    german = "Wo ist meine Bestellung, die ich am Montag aufgegeben habe?"
    assert result("language", PAGE, keep=["en"]) == Kept(found={"en": 1})
    dropped = result("language", german, keep=["en", "fr"])
    assert dropped.reason == "not en or fr"
    assert re.fullmatch(r"de, probability [01]\.\d\d", dropped.detail)
    assert result("language", german, drop=["de"]).reason == "de"
    assert result("language", german, tag=True).source == "web:de"
    assert result("language", "ok", keep=["en", "unknown"], min_chars=5) == Kept(found={"unknown": 1})
    assert (
        result("language", "Bonjour, comment allez-vous ?", tag=True, among=["de", "en"]).source != "web:fr"
    )


def test_languages_are_those_of_the_model() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    assert {*LanguageIdentifier.from_model_file(MODEL_FILE).labels} == {*LANGUAGES, "zxx"}


SECRETS = {
    "aws-key": "AKIA" + "QWERTYUIOPASDFGH",
    "github-token": "ghp_" + "a1B2" * 9,
    "slack-token": "xoxb-" + "1234567890-abcdefghij",
    "stripe-key": "sk_live_" + "a1B2c3D4" * 3,
    "google-key": "AIza" + "Sy_-a" * 7,
    "huggingface-token": "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "private-key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "jwt": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
}  # fmt: skip


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_tagged_or_dropped(kind: str) -> None:
    tag = f"<{kind.upper().replace('-', '_')}>"
    found = result("secrets", f"key: {SECRETS[kind]}, end")
    assert found == Kept(texts=(f"key: {tag}, end",), change="redacted", found={kind: 1})
    assert result("secrets", SECRETS[kind], action="drop") == Dropped("secret", kind)
    assert result("secrets", SECRETS[kind], kinds=["npm-token"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "AKIAQWERTYUIOPASDFGHX longer", "sha256 " + "0f" * 32, "eyJub3RqdW5r.eyJzdWIiOiIx.c2lnbmF0dXJl",
        "postgres://user:${PASSWORD}@host/db", "see https://example.org:8080/a@b", "hf_transfer",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert result("secrets", text) is None


def test_secret_parts_of_a_line() -> None:
    for user, name in (("bob", "aws_secret_access_key = "), ("", "AWS_SECRET_ACCESS_KEY=")):
        found = result("secrets", f"redis://{user}:hunter22@db.internal/x\n{name}" + "aB3/" * 10)
        assert found.texts == (f"redis://{user}:<URL_PASSWORD>@db.internal/x\n{name}<AWS_SECRET>",)


def test_private_keys_that_are_cut_off() -> None:
    begin = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\n"
    found = result("secrets", f"{begin}{begin}-----BEGIN CERTIFICATE-----\nMIIB")
    assert found.texts == ("<PRIVATE_KEY>" * 2 + "-----BEGIN CERTIFICATE-----\nMIIB",)


@pytest.mark.parametrize(
    "expression",
    [
        "random() > 0.5", "now() > '2020-01-01'", "current_date is null", "text in (select 'a')",
        "(select count(*) from read_csv('/etc/passwd')) > 0", "row_number() over () = 1", "count(*) > 1", "*",
        "unnest(texts) = 'x'", "geomean(length(text)) > 1", "wavg(1, 2) > 0", "list(text) = ['a']",
        "text::timestamp > ago(interval 1 day)", "pg_postmaster_start_time() is null", "pg_sleep(0) is null",
        "txid_current() > 0", "obj_description(1) is null", "user = 'x'", "age('2020-01-01'::timestamp) is null",
        "list_aggregate(texts, 'reservoir_quantile', 0.5) = 'a'", "1), (2", "true; drop table x", "true from x", "nosuch = 1", "length(text", "getenv('HOME') = ''", " ",
    ],
)  # fmt: skip
def test_expressions_see_their_row_only(expression: str) -> None:
    with pytest.raises(OptionError) as refused:
        chosen([{"expression": {"keep": expression}}])
    assert refused.value.where == ("operators", 0, "expression", "keep")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "expression",
    [
        "hour('2020-01-01 12:00:00+00'::timestamptz) = 12", "hour(to_timestamp(43200)) = 12",
        "text ilike 'AB_' and text ~ 'a.c' and text not in ('x', 'y') and text between 'a' and 'b'",
        "len(list_filter(texts, lambda one: length(one) > 2)) = 1", "texts[1][1:2] = 'ab'",
        "list_sum([length(one) for one in texts]) = 3", "{'a': text}.a = 'abc'", "text.upper() = 'ABC'",
        "date '2020-01-01' + interval 1 day = date '2020-01-02'", "'{\"a\": 1}' ->> '$.a' = '1'",
        "coalesce(nullif(text, 'abc'), 'x') = 'x'", "case when text = 'abc' then 7 // 2 = 3 end", "2 ** 3 = 8",
        "extract(year from '2020-01-01'::date) = 2020", "not try_cast(text as int) is not null",
    ],
)  # fmt: skip
def test_expressions_of_many_kinds(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert result("expression", "abc", keep=expression) is None


def test_functions_of_expressions_are_those_of_one_row() -> None:
    found = duckdb.execute(
        "select function_name, function_type, stability from duckdb_functions() where function_type <> 'table'"
    ).fetchall()
    assert not FUNCTIONS - {name for name, _, _ in found}
    assert not [
        one for one in found if one[0] in FUNCTIONS and (one[1] == "aggregate" or one[2] == "VOLATILE")
    ]


def test_roles_choose_the_texts_that_an_operator_sees() -> None:
    row = Row("a bad question", "a bad answer", "web", "web/a.csv#4", place=2)
    view = TextView(schema_of("feature-extraction"))
    (one,) = chosen([{"words": {"words": ["bad"], "action": "mask", "roles": ["target"]}}])
    (step,) = running.steps(one, [row], view)
    assert step.row is not None
    assert (step.row.text, step.row.target) == ("a bad question", "a *** answer")
    (nobody,) = chosen([{"words": {"words": ["bad"], "roles": ["assistant"]}}])
    assert running.steps(nobody, [row], view)[0].row == row


@pytest.mark.parametrize(
    ("keep", "text", "problem"),
    [
        ("text::int > 3", "three", "Could not convert string 'three' to INT32"),
        ("length(text) > 3", "half \ud83d", "its text holds half of a surrogate pair"),
    ],
)
def test_rows_that_cannot_be_judged_are_named(keep: str, text: str, problem: str) -> None:
    rows = [Row(one, "a", "web", f"web/a.csv#{i}", place=2) for i, one in enumerate(("3", text, "4"))]
    (one,) = chosen([{"expression": {"keep": keep}}])
    with pytest.raises(BadRequest) as refused:
        running.steps(one, rows, TextView(schema_of("text-classification")))
    assert str(refused.value).startswith(f"row operator 'expression' at web/a.csv row 2: {problem}")


def test_a_given_test_set_may_stay_as_it_is() -> None:
    places = map(PLACES.index, ("test", "validation", "train", "transfer"))
    rows = [Row("bad", "a", "web", f"web/a.csv#{place}", place=place) for place in places]
    (one,) = chosen([{"words": {"words": ["bad"], "splits": ["train", "transfer"]}}])
    left = [step.row for step in running.steps(one, rows, TextView(schema_of("text-classification")))]
    assert left == [rows[0], rows[1], None, None]


@pytest.mark.parametrize(
    ("operators", "where", "problem"),
    [
        (["normalize"], (0,), "no such row operator 'normalize'. Did you mean 'normalise'?"),
        (["normalise", {"length": {"min_word": 3}}], (1, "length", "min_word"), "Did you mean 'min_words'?"),
        ([{"length": {}}], (0, "length"), "set a limit"),
        ([{"language": {"keep": ["eng"]}}], (0, "language"), "no language 'eng' in the model. Did you mean 'en'?"),
        ([{"quality": {"rules": "gopher", "skip": ["stopwords"]}}], (0, "quality"), "Did you mean 'stop-words'?"),
        ([{"length": 3}], (0, "length"), "expected options"),
        ([3], (0,), "expected a row operator"),
        ("normalise", (), "expected a list"),
    ],
)  # fmt: skip
def test_mistakes_name_their_place(operators: Any, where: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(OptionError) as refused:
        configure(CurateText, "text", {"operators": operators})
    assert refused.value.where == ("operators", *where)
    assert problem in refused.value.problem


def test_options_are_written_down_in_full_and_read_again() -> None:
    configured = configure(CurateText, "text", {"operators": ["normalise", {"length": {"min_words": 3}}]})
    written = plain(configured)
    assert written["operators"][1]["length"]["min_words"] == 3
    assert configure(CurateText, "text", written) == configured
    assert pickle.loads(pickle.dumps(configured)) == configured
    assert {*configured.parts()} == {"normalise", "length"}


@pytest.mark.parametrize("name", offered())
def test_every_installed_operator_keeps_the_contract(name: str) -> None:
    assert [one for one in check(name) if one.breaches] == []


ROWS = [
    *(
        {"text": f"where is my parcel number {i} that I ordered last week", "label": "where"}
        for i in range(20)
    ),
    *(
        {"text": f"please cancel the order number {i} that came too late", "label": "cancel"}
        for i in range(20)
    ),
    {"text": "cancel", "label": "cancel"},
    {"text": "wo ist mein Paket, das ich letzte Woche bestellt habe?", "label": "where"},
    {"text": "my key is " + SECRETS["aws-key"] + " please cancel it", "label": "cancel"},
    {"text": "damn, where is my parcel that I ordered last week", "label": "where"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
LISTED: list[Any] = [
    {"length": {"min_words": 2}},
    {"language": {"keep": ["en"], "among": ["en", "de"]}},
    {"secrets": {}},
    {"words": {"input": "blocked"}},
]


def test_a_curation_lists_operators(curate: Callable[..., Dataset]) -> None:
    files = {"all": {"rows.jsonl": LINES}, "blocked": {"words.txt": "# ours\ndamn\n\n"}}
    data = curate(files, operators=LISTED)
    card = json.loads((data.path / "card.json").read_text())
    assert card["rows"] == {"in": 44, "out": 41}
    reasons = {"length: too few words": 1, "language: not en": 1, "words: listed word": 1}
    assert reasons.items() <= card["dropped"].items()
    assert card["changed"] == {"secrets: redacted": 1}
    length, language, secrets, words = card["operators"]
    assert length["first"] == {"too few words": "all/rows.jsonl row 41: 1 word, at least 2"}
    assert language["found"] == {"en": 42}
    assert secrets["found"] == {"aws-key": 1}
    assert words["options"] == {"input": "blocked"}
    texts = [text for split in data.splits for (text,) in (row.values() for row in data.rows(split, "text"))]
    assert "my key is <AWS_KEY> please cancel it" in texts
    again = curate(files, operators=LISTED)
    assert again.digest == data.digest


def test_batches_make_no_difference(curate: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"all": {"rows.jsonl": LINES}, "blocked": {"words.txt": "damn"}}
    whole = curate(files, operators=[*LISTED, {"expression": {"keep": "length(text) > 10"}}])
    monkeypatch.setattr(running, "ROWS", 3)
    assert (
        curate(files, operators=[*LISTED, {"expression": {"keep": "length(text) > 10"}}]).digest
        == whole.digest
    )


def test_lines_are_judged_before_they_are_joined(curate: Callable[..., Dataset]) -> None:
    rows = [{"text": f"{PAGE}\nmenu {i}.", "label": "ab"[i % 2]} for i in range(20)]
    files = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}}
    quality = {"quality": {"rules": "c4"}}
    late = json.loads((curate(files, operators=[quality]).path / "card.json").read_text())
    assert late["warnings"][0].startswith("quality judges lines")
    assert "quality: lines left out" not in late["changed"]
    files["all"]["rows.jsonl"] = "".join(
        json.dumps(row | {"text": f"{row['text']}\n{i} {PAGE}"}) + "\n" for i, row in enumerate(rows)
    )
    early = json.loads((curate(files, operators=[quality, "normalise"]).path / "card.json").read_text())
    assert early["changed"] == {"normalise: normalised": 20, "quality: lines left out": 20}
    assert not any("judges lines" in one for one in early.get("warnings", []))


CHATS = [
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Where is parcel {i}? My key: {SECRETS['aws-key']}"},
            {"role": "assistant", "content": "On its way to you." if i % 3 else "Damn."},
        ]
    }
    for i in range(30)
]


def test_conversations_pass_operators_too(chat: Callable[..., Dataset]) -> None:
    operators = [
        {"secrets": {}},
        {"words": {"words": ["damn"], "roles": ["assistant"]}},
        {"words": {"words": ["brief"], "roles": ["user"]}},
    ]
    data = chat(
        {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in CHATS)}},
        operators=operators,
        keep_templates=False,
    )
    card = json.loads((data.path / "card.json").read_text())
    assert card["dropped"]["words: listed word"] == 10
    assert card["changed"] == {"secrets: redacted": 30}
    assert card["rows"]["out"] == 20
    first = data.rows("train", "messages")[0]["messages"]
    assert "<AWS_KEY>" in str(first)


def test_pairs_that_operators_make_equal_are_dropped(preferences: Callable[..., Dataset]) -> None:
    rows = [
        {
            "prompt": f"say {i}",
            "chosen": f"a good answer {i}",
            "rejected": f"a {'bad' if i % 2 else 'good'} answer {i}x"[: None if i % 2 else -1],
        }
        for i in range(40)
    ]
    rows = [
        row | {"rejected": row["chosen"].replace("good", "dumb" if i % 4 else "poor")}
        for i, row in enumerate(rows)
    ]
    masks = [{"words": {"words": ["good", "dumb"], "action": "mask", "roles": ["assistant", "rejected"]}}]
    files = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}}
    card = json.loads(
        (preferences(files, operators=masks, keep_templates=False).path / "card.json").read_text()
    )
    assert card["dropped"]["words: equal chosen and rejected"] == 30


def test_tallies_hold_the_first_of_each_reason_only() -> None:
    rows = [
        Row(text, "a", "web", f"web/a.csv#{i}", place=2)
        for i, text in enumerate(("one", "two words", "three"))
    ]
    tally = Tally()
    operators = chosen([{"length": {"min_words": 2}}])
    left = list(running.operated(rows, operators, TextView(schema_of("text-classification")), tally))
    assert [row.text for row in left] == ["two words"]
    assert tally.filtered == {"length: too few words": "web/a.csv row 1: 1 word, at least 2"}
