"""Conversations beside each other: duplicates, groups, templates, splits; redaction, lengths and the card."""

import gzip
import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chats import Curated, answered, card, dropped, everything, jsonl, plain, said
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text.conversations.cleaning import ContentRedactor, repaired
from slmworks_text.conversations.comparing import masked
from slmworks_text.personal import Redactor

SHARED = Path(os.environ.get("SLMWORKS_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def pair(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {**said(("user", question), ("assistant", answer)), **more}


def places(data: Dataset, key: Callable[[dict[str, Any]], str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for split in data.splits:
        for row in data.rows(split, "messages", "completion"):
            found.setdefault(key(row), set()).add(split)
    return found


def question(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Add 3 and 14.", "Add 2,500 and -7.5."),
        ("Mail {name} of {{firm}}", "mail  {first name} of {{company}}"),
        ("Spell \"cat\" and 'dog'.", "Spell \"a longer part\" and 'bird'."),
        ("On 2024-05-01 at 10:30", "On 2/5/2024 at 9:05"),
        ("Greet [NAME] and <city>", "Greet [OTHER] and <town>"),
    ],
)
def test_a_template_is_what_is_left_without_what_it_fills_in(one: str, other: str) -> None:
    assert masked(one) == masked(other)
    assert masked(one) != masked(f"Please {other}")
    assert masked("don't stop, it's fine") == "don't stop, it's fine"


def test_rows_of_one_template_stay_in_one_split(chat: Curated) -> None:
    frames = [
        f"{a} {b} of {{0}}?"
        for a in ("What", "Which", "Where", "Why")
        for b in ("is", "was", "may", "can", "do")
    ]
    rows = [
        pair(frame.format(f'"thing {i}"'), f"Answer {i} to {frame[:8]}.")
        for frame in frames
        for i in range(5)
    ]
    data = chat({"all": jsonl(rows)})
    found = places(data, lambda row: masked(question(row)))
    assert len(found) == 20
    assert all(len(splits) == 1 for splits in found.values())
    assert [len(data.rows(split, "id")) for split in ("train", "validation", "test")] == [70, 10, 20]
    apart = places(chat({"all": jsonl(rows)}, keep_templates=False), lambda row: masked(question(row)))
    assert any(len(splits) > 1 for splits in apart.values())


def test_a_template_column_and_a_group_column_keep_rows_together(chat: Curated) -> None:
    rows = [{**row, "frame": f"t{i % 20}", "dialogue": f"d{i // 2}_{i}"} for i, row in enumerate(plain(100))]
    number = {f"It is thing {i}.": i for i in range(100)}
    by_frame = chat({"all": jsonl(rows)}, template="frame")
    found = places(by_frame, lambda row: f"t{number[row['completion']] % 20}")
    assert all(len(splits) == 1 for splits in found.values())
    by_dialogue = chat({"all": jsonl(rows)}, group="dialogue", group_prefix="_")
    found = places(by_dialogue, lambda row: f"d{number[row['completion']] // 2}")
    assert len(found) == 50
    assert all(len(splits) == 1 for splits in found.values())


def test_one_template_for_all_is_refused_with_the_way_out(chat: Curated) -> None:
    rows = [pair(f"Add {i} and {i + 1}.", str(2 * i + 1)) for i in range(30)]
    with pytest.raises(
        BadRequest, match=r"'validation' would be empty: 30 rows .* One template makes 30 of them"
    ):
        chat({"all": jsonl(rows)})
    assert len(everything(chat({"all": jsonl(rows)}, keep_templates=False), "id")) == 30


def test_given_splits_that_share_a_template_are_said(chat: Curated) -> None:
    data = chat({"train": jsonl([*plain(20), pair("Add 3.", "3")]), "test": jsonl([pair("Add 4.", "4")])})
    assert card(data)["warnings"] == ["1 of 1 rows of test are of a template that train has too"]


def test_equal_conversations_go_and_other_answers_stay_beside_them(chat: Curated) -> None:
    again = [pair("who  IS it?", "Nobody."), pair("Who is it?", "Nobody."), pair("Who is it?", "Somebody.")]
    data = chat({"all": jsonl([*plain(20), *again])})
    assert dropped(data) == {"duplicate": 1}
    assert (
        len(
            {
                split
                for name, splits in places(data, question).items()
                if "is it" in name.lower()
                for split in splits
            }
        )
        == 1
    )
    given = chat({"train": jsonl([*plain(20), *again]), "test": jsonl([pair("Who is it?", "You.")])})
    assert dropped(given) == {"equal to a test row": 3}


def test_texts_are_compared_by_all_they_say(chat: Curated) -> None:
    rows = [{"text": f"text number {i}"} for i in range(20)]
    data = chat({"all": jsonl([*rows, {"text": "TEXT number 3"}, rows[4]])})
    assert dropped(data) == {"duplicate": 1}
    assert len(everything(data, "id")) == 21


def test_near_duplicates_are_found_over_the_whole_conversation(chat: Curated) -> None:
    stem = " ".join(f"w{chr(97 + i // 5)}{chr(97 + i % 5)}" for i in range(30))
    rows = [
        *plain(20),
        pair("Tell me something.", f"{stem} good"), pair("Tell me something.", f"{stem} fine"),
        pair("Tell me something.", "A very different answer to it, of which no other row has three words."),
    ]  # fmt: skip
    data = chat({"all": jsonl(rows)}, near_duplicates=0.8)
    assert dropped(data) == {"near duplicate": 1}
    assert len(everything(data, "id")) == 22
    assert data.summary["near_duplicates"] == 1


def test_what_stands_behind_the_last_answer_is_cut_or_goes_to_transfer(chat: Curated) -> None:
    open_ended = said(("user", "Hi"), ("assistant", "Hello"), ("user", "Who?"))
    rows = [*plain(20), open_ended, said(("user", "Only a question"))]
    data = chat({"all": jsonl(rows)})
    assert answered(data)["Hello"] == [("user", "Hi")]
    assert card(data)["changed"] == {"turns after the last answer left out": 1}
    assert dropped(data) == {"no answer": 1}
    kept = chat({"all": jsonl(rows)}, unanswered="transfer")
    assert dropped(kept) == {}
    transfer = kept.rows("transfer", "messages", "completion")
    assert {(len(row["messages"]), row["completion"]) for row in transfer} == {(3, None), (1, None)}


def test_a_transfer_input_loses_its_answers(chat: Curated) -> None:
    prompts = [pair("A new question", "gone"), said(("user", "Another one")), {"text": "raw text"}]
    data = chat({"train": jsonl(plain(20)), "prompts": jsonl(prompts)}, transfer=["prompts"])
    found = {question(row): row["completion"] for row in data.rows("transfer", "messages", "completion")}
    assert found == {"A new question": None, "Another one": None, "raw text": None}
    assert data.rows("transfer", "source")[0] == {"source": "prompts"}
    assert (
        len(
            chat({"train": jsonl(plain(20)), "transfer": jsonl(prompts)}, transfer_rows=2).rows(
                "transfer", "id"
            )
        )
        == 2
    )


def test_personal_data_goes_from_every_turn_and_json_stays_json(chat: Curated) -> None:
    call = [
        {"id": "a", "function": {"name": "mail", "arguments": '{"to": ["ann@example.org"], "n": 4155552671}'}}
    ]
    row = {"messages": [
        {"role": "system", "content": "Ask bob@example.org."},
        {"role": "user", "content": "Write to ann@example.org"},
        {"role": "assistant", "content": None, "tool_calls": call},
        {"role": "tool", "content": '{"sent": "ann@example.org",  "ok": true}'},
        {"role": "assistant", "content": "Sent to ann@example.org."},
    ]}  # fmt: skip
    data = chat({"all": jsonl([*plain(20), row])}, redact=["email", "phone"])
    assert answered(data)["Sent to <EMAIL>."] == [
        ("system", "Ask <EMAIL>."), ("user", "Write to <EMAIL>"),
        ("assistant", '[{"name": "mail", "arguments": {"to": ["<EMAIL>"], "n": "<PHONE>"}}]'),
        ("tool", '{"sent": "<EMAIL>", "ok": true}'),
    ]  # fmt: skip
    assert card(data)["personal_data"] == {"email": 5, "phone": 1}
    assert data.summary["redacted"] == 1


def test_redacted_keys_stay_apart_and_other_json_stays_as_it_was_written() -> None:
    redactor = ContentRedactor(Redactor(["email"], "US"))
    text, found = redactor.redact('I look.\n{"a@example.org": 1, "b@example.org": 2}')
    assert text == 'I look.\n{"<EMAIL>": 1, "<EMAIL> 2": 2}'
    assert found == {"email": 2}
    assert redactor.redact('{"a":1,\n "b" : 2}') == ('{"a":1,\n "b" : 2}', {})
    assert redactor.redact("[to a@example.org") == ("[to <EMAIL>", {"email": 1})


def test_repair_leaves_code_and_blanks() -> None:
    assert repaired("itâ€™s\r\n  x = a &amp;&amp; b\t“q”\x00 ，ﬁ") == "it’s\n  x = a &amp;&amp; b\t“q” ，ﬁ"
    assert repaired("  indented\n") == "  indented\n"


def test_schemas_are_read_where_their_column_is_named(chat: Curated) -> None:
    schema = {"type": "object"}
    rows = [
        *plain(20),
        pair("Name it", '{"a": 1}', rule=schema), pair("Call it", "no JSON", rule=json.dumps(schema)),
        pair("See it", "{}", rule="[1]"),
    ]  # fmt: skip
    data = chat({"all": jsonl(rows)}, fields={"schema": "rule"})
    found = {row["completion"]: row["schema"] for row in everything(data, "completion", "schema")}
    assert found['{"a": 1}'] == '{"type": "object"}'
    assert found["It is thing 3."] == ""
    assert dropped(data) == {"completion that is not JSON": 1, "schema that is no JSON object": 1}


def tokenizer(vocabulary: int = 300) -> bytes:
    """A real tokenizer.json: bytes, and merges learnt of a few words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, special_tokens=["<s>"])
    made.train_from_iterator(["hello hello there there"] * 3, trainer)
    made.enable_truncation(4)
    return made.to_str().encode()


def test_lengths_are_in_tokens_of_the_tokenizer(chat: Curated) -> None:
    rows = [*plain(20), pair("hello", "hello there"), pair("zzzz", "z" * 60)]
    inputs = {"all": jsonl(rows), "target": {"tokenizer.json": tokenizer()}}
    data = chat(inputs, tokenizer="target", max_tokens=60)
    assert dropped(data) == {"too long": 1}
    assert card(data)["warnings"] == ["rows dropped, too long: 1; the first: all/rows.jsonl:22: 64 tokens"]
    assert list(card(data)["inputs"]) == ["all"]
    tokens = card(data)["splits"]["train"]["tokens"]
    assert tokens["all"]["unit"] == "tokens"
    assert tokens["all"]["mean"] == pytest.approx(tokens["prompt"]["mean"] + tokens["completion"]["mean"])
    only = chat({**inputs, "test": jsonl([pair("hello?", "hello there")])}, tokenizer="target")
    assert card(only)["splits"]["test"]["tokens"]["completion"]["max"] == 2
    assert card(only)["splits"]["test"]["tokens"]["prompt"]["max"] == 2


def test_without_a_tokenizer_lengths_are_in_words(chat: Curated) -> None:
    data = chat({"all": jsonl([*plain(20), pair("one two", "three " * 9)])}, max_tokens=10)
    assert dropped(data) == {"too long": 1}
    assert card(data)["warnings"][0].endswith("all/rows.jsonl:21: 11 words")
    assert "tokens" not in card(data)["splits"]["train"]


def test_a_tokenizer_that_is_none_is_refused(chat: Curated) -> None:
    rows = jsonl(plain(20))
    with pytest.raises(BadRequest, match=r"with.tokenizer: no input named 'tokens'"):
        chat({"all": rows}, tokenizer="tokens")
    with pytest.raises(
        BadRequest, match=r"the input 't' must hold one tokenizer.json \(there is: vocab.txt\)"
    ):
        chat({"all": rows, "t": {"vocab.txt": "a"}}, tokenizer="t")
    with pytest.raises(
        BadRequest, match=r"t/tokenizer.json: no tokenizer that the tokenizers library can read"
    ):
        chat({"all": rows, "t": {"tokenizer.json": "{}"}}, tokenizer="t")


def test_the_card_counts_rows_turns_and_lengths(chat: Curated) -> None:
    data = chat({"all": jsonl(plain(40))}, licence="CC0")
    found = card(data)
    assert found["rows"] == {"in": 40, "out": 40}
    assert found["shapes"] == {"messages": 40}
    assert (found["licence"], found["licences"], found["inputs"]) == (
        "CC0", {"all": "CC0"}, {"all": {"files": ["rows.jsonl"]}},
    )  # fmt: skip
    train = found["splits"]["train"]
    assert (train["rows"], train["sources"], train["turns"]["max"]) == (28, {"all": 28}, 1)
    assert (train["words"]["median"], train["target"]["words"]["median"]) == (4, 4)


def shared(*names: str) -> dict[str, str | bytes]:
    files = [SHARED / name for name in names]
    if not all(file.exists() for file in files):
        pytest.skip("the shared data sets are not on this machine")
    return {file.name: file.read_bytes() for file in files}


REAL: dict[str, tuple[str, dict[str, Any], dict[str, int], int]] = {
    "glaive": (
        "glaive_toolcall_en_demo.json",
        {},
        {"sharegpt": 299},
        299,
    ),  # one call breaks its tool's schema
    "alpaca": ("alpaca_en_demo.json", {}, {"alpaca": 999}, 999),
    "identity": ("identity.json", {}, {"alpaca": 91}, 91),
    "sft": ("v1_sft_demo.jsonl", {}, {"messages": 500}, 500),
    "c4": ("c4_demo.jsonl", {}, {"text": 300}, 300),
}


@pytest.mark.parametrize("name", REAL)
def test_public_data_sets_come_through_whole_but_for_duplicates(name: str, chat: Curated) -> None:
    file, options, shapes, rows = REAL[name]
    files = shared(f"llamafactory_demo/{file}")
    data = chat({"all": files}, **options)
    content = next(iter(files.values())).decode()
    records = (
        json.loads(content) if file.endswith("json") else [json.loads(line) for line in content.splitlines()]
    )
    distinct = {json.dumps(record, sort_keys=True) for record in records}
    assert card(data)["shapes"] == shapes
    assert set(dropped(data)) <= {"duplicate", "arguments that break the tool's schema"}
    assert len(everything(data, "id")) + dropped(data).get("duplicate", 0) == rows
    assert dropped(data).get("duplicate", 0) >= rows - len(distinct)


def test_the_calls_of_a_public_data_set_are_json(chat: Curated) -> None:
    data = chat({"all": shared("llamafactory_demo/glaive_toolcall_en_demo.json")})
    calls = 0
    for row in everything(data, "messages", "completion"):
        turns = row["messages"]
        for before, turn in pairwise(turns):
            if turn["role"] == "tool" and before["role"] == "assistant":
                (call,) = json.loads(before["content"])
                assert set(call) == {"name", "arguments"}
                calls += 1
    assert calls > 100


def test_problems_keep_to_their_splits(chat: Curated) -> None:
    inputs = {"train": shared("gsm8k/train.jsonl"), "test": shared("gsm8k/test.jsonl")}
    data = chat(inputs, fields={"instruction": "question", "output": "answer"})
    assert len(data.rows("test", "id")) == 1319
    assert len(everything(data, "id")) == 8792


def test_preferences_are_no_conversations(chat: Curated) -> None:
    files = shared("hh_rlhf/test.jsonl.gz")
    assert json.loads(gzip.decompress(files["test.jsonl.gz"]).splitlines()[0]).keys() == {
        "chosen",
        "rejected",
    }  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match=r"none of the columns messages, .* \(there are: chosen, rejected\)"):
        chat({"all": files})


def test_a_system_turn_and_a_schema_are_given_to_rows_without_their_own(chat: Curated) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    own = {"type": "object", "required": ["a"]}
    rows = [
        pair("Name it", '{"a": 1}'),
        pair("Call it", '{"a": 2}', rule=json.dumps(own)),
        {"prompt": [{"role": "system", "content": "Mine."}, {"role": "user", "content": "Say it"}],
         "completion": [{"role": "assistant", "content": '{"a": 3}'}]},
        {"prompt": "raw text", "completion": '{"a": 4}'},
        pair("What?", "no JSON"),
        *[pair(f"Tell me of {word}", '{"a": 5}') for word in ("rain", "snow", "wind", "sun", "ice", "fog")],
    ]  # fmt: skip
    data = chat(
        {"all": jsonl(rows)},
        fields={"schema": "rule"},
        system="To JSON.",
        json_schema=schema,
        max_unusable=0.9,
    )
    found = {
        row["completion"]: (row["messages"], row["schema"])
        for row in everything(data, "completion", "messages", "schema")
    }
    first = {"role": "system", "content": "To JSON."}
    assert found['{"a": 1}'][0] == [first, {"role": "user", "content": "Name it"}]
    assert json.loads(found['{"a": 1}'][1]) == schema
    assert json.loads(found['{"a": 2}'][1]) == own
    assert [turn["content"] for turn in found['{"a": 3}'][0]] == ["Mine.", "Say it"]
    assert [turn["role"] for turn in found['{"a": 4}'][0]] == ["prompt"]
    assert dropped(data)["completion that is not JSON"] == 1


def test_a_schema_that_is_none_is_refused(chat: Curated) -> None:
    with pytest.raises(ValidationError, match=r"is no JSON Schema \('nonsense' is not valid"):
        chat({"all": jsonl([pair("Name it", "{}")])}, json_schema={"type": "nonsense"})
