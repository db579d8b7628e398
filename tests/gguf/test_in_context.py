"""A model that is asked with examples and a grammar: the same in both formats, and honest about its limits."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import exported, toy

from slmworks.contract.artifact import HEADER, Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.contract.runtime import open_runtime, packages_of
from slmworks.evaluate.about import model_name
from slmworks.model_tasks.text_generation import json_answers
from slmworks.testing import Bench, sealed
from slmworks_gguf.generator import GgufGenerator
from slmworks_gguf.in_context import InContextLearning
from slmworks_gguf.llama_server import LlamaServer

FINITE = {
    "type": "object",
    "properties": {"size": {"enum": ["small", "large"]}, "hot": {"type": "boolean"}},
    "required": ["size", "hot"],
    "additionalProperties": False,
}
"""A schema without texts or numbers, in which a random model could go on to the end."""
ASKED = [
    [("user", "Is tea 7 hot?")],
    [("system", "Be brief."), ("user", "And juice 12?")],
    [("tools", '[{"name": "f"}]'), ("user", "x 3?"), ("assistant", "[]"), ("tool", "1")],
]
ROWS = [{"messages": [{"role": role, "content": text} for role, text in turns]} for turns in ASKED]


ASKED_LONG = [("user", "Is there juice?"), ("assistant", "There is juice. " * 9), ("user", "And old milk?")]


def answered(number: int, question: str = "") -> dict[str, Any]:
    size, hot = ("small", "large")[number % 2], number % 3 == 0
    return {
        "id": str(number),
        "source": "shop",
        "messages": [
            {"role": "user", "content": question or f"{('Tea', 'Juice', 'Milk')[number % 3]} {number}?"}
        ],
        "completion": json.dumps({"size": size, "hot": hot}),
    }


def dataset(folder: Path, rows: list[dict[str, Any]]) -> Dataset:
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return dataset(tmp_path / "data", [answered(number) for number in range(9)])


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """One model of a wide context in both formats."""
    folder = tmp_path_factory.mktemp("wide")
    hf = toy(folder / "hf", max_position_embeddings=1024)
    return {"hf": hf, "gguf": exported(hf, Bench(folder))}


def made(model: Model, data: Dataset, bench: Bench, name: str = "made", **options: Any) -> Model:
    plugin = configure(InContextLearning, "in-context", {"max_new_tokens": 40, **options})
    return sealed(plugin.run(model=model, data=data, embedder=None, task=bench.task(name)))


def similar(
    model: Model, data: Dataset, bench: Bench, embedder: Model | None, name: str = "made", **options: Any
) -> Model:
    said = {"max_new_tokens": 12, "choose": "similar", "examples": 2, **options}
    plugin = configure(InContextLearning, "in-context", said)
    return sealed(plugin.run(model=model, data=data, embedder=embedder, task=bench.task(name)))


def opened(model: Model) -> Any:
    return open_runtime(model, threads=1)


@pytest.mark.parametrize(
    "options", [{}, {"instruction": "Say it in JSON.", "choose": "nearest", "examples": 2}]
)
def test_both_formats_put_the_same_examples_before_a_question(
    options: dict[str, Any], wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    one, other = (opened(made(wide[name], data, bench, name, **options)) for name in ("hf", "gguf"))
    assert [one.prompt(row) for row in ROWS] == [other.prompt(row) for row in ROWS]
    assert [one.encode(row) for row in ROWS] == [other.encode(row) for row in ROWS]
    assert other.answer(ROWS) == one.answer(ROWS)
    judged = [{**row, "completion": '{"size": "small", "hot": true}'} for row in ROWS]
    wanted = [found.nll for found in one.scored(judged)]
    assert [found.nll for found in other.scored(judged)] == pytest.approx(wanted, rel=1e-3)
    count = options.get("examples", 3)
    for turns, asked in zip(ASKED, map(one.prompt, ROWS), strict=True):
        assert asked.count('{"size": ') == count
        assert asked.endswith(f"{turns[-1][1]}<|im_end|>\n<|im_start|>assistant\n")
    assert "system\nSay it in JSON.\n\nBe brief." in one.prompt(ROWS[1]) or not options


def test_the_nearest_rows_stand_next_to_the_question(
    wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    runtime = opened(made(wide["gguf"], data, bench, choose="nearest", examples=2))
    asked = runtime.prompt({"messages": [{"role": "user", "content": "Milk 5?"}]})
    assert asked.count("Milk 5?") == 2  # the training row, and the question
    assert asked.index("Milk") < asked.index("Milk 5?") < asked.rindex("Milk 5?")


DRINKS = [answered(number, f"Is there {what}?") for number, what in enumerate(("tea", "juice", "old milk"))]


@pytest.mark.parametrize("embeds", [True, False])
def test_similar_rows_are_found_in_an_index_the_same_in_both_formats(
    embeds: bool, wide: dict[str, Model], embedder: Model, tmp_path: Path, bench: Bench
) -> None:
    data = dataset(tmp_path / "drinks", DRINKS)
    given = embedder if embeds else None
    made = {kind: similar(model, data, bench, given, kind) for kind, model in wide.items()}
    question = {"messages": [{"role": "user", "content": "Is there some old milk left?"}]}
    prompts = [opened(one).prompt(question) for one in made.values()]
    assert prompts[0] == prompts[1]
    assert prompts[0].count("Is there") == 3
    assert prompts[0].index("Is there old milk?") > prompts[0].index("Is there ")  # the nearest last
    assert model_name(made["gguf"]) == "gguf (2-shot similar)"
    handed = exported(made["hf"], bench, "again")
    assert opened(handed).prompt(question) == prompts[0]
    wanted = ("numpy", "onnxruntime", "tokenizers") if embeds else ("numpy",)
    assert packages_of(GgufGenerator, made["gguf"]) == ("jinja2", "xllamacpp", *wanted)
    again = similar(wide["gguf"], data, bench, given, "once more")
    assert again.digest == made["gguf"].digest


def test_words_that_no_row_has_still_bring_as_many_examples(
    wide: dict[str, Model], tmp_path: Path, bench: Bench
) -> None:
    model = similar(wide["gguf"], dataset(tmp_path / "drinks", DRINKS), bench, None)
    prompt = opened(model).prompt({"messages": [{"role": "user", "content": "Xyzzy"}]})
    assert prompt.count("Is there") == 2


def test_the_last_question_finds_the_examples_in_one_search(
    wide: dict[str, Model], tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long conversation an embedding model would read the beginning only."""
    long = [("user", "Is there tea?"), ("assistant", "Yes, tea. " * 9), ("user", "Is there beer?")]
    beer = {**answered(3), "messages": [{"role": role, "content": text} for role, text in long]}
    model = similar(
        wide["gguf"], dataset(tmp_path / "drinks", [*DRINKS, beer]), bench, None, examples=1, max_new_tokens=4
    )
    runtime = opened(model)
    index, searches = runtime.in_context.index, list[str]()
    hits = index.hits

    def counted(question: str, *rest: Any) -> Any:
        searches.append(question)
        return hits(question, *rest)

    monkeypatch.setattr(index, "hits", counted)
    asked = runtime.prompt({"messages": [{"role": role, "content": text} for role, text in ASKED_LONG]})
    assert searches == ["And old milk?"]
    assert asked.count("Is there old milk?") == 1
    searches.clear()
    runtime.answer([{"messages": [{"role": "user", "content": "Is there some beer left?"}]}])
    assert searches == ["Is there some beer left?"]
    assert "Yes, tea." in runtime.prompt({"messages": [{"role": "user", "content": "A beer?"}]})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda at: (at / "embedder/embedding.json").write_text('{"max_length": 31}'), "is another embedding model"),
        (lambda at: shutil.rmtree(at / "embedder"), "is another embedding model"),
        (lambda at: (at / "terms.npy").unlink(), "index examples/ is damaged"),
    ],
)  # fmt: skip
def test_an_index_of_another_embedding_model_is_refused(
    change: Any, line: str, wide: dict[str, Model], embedder: Model, tmp_path: Path, bench: Bench
) -> None:
    model = similar(wide["gguf"], dataset(tmp_path / "drinks", DRINKS), bench, embedder)
    shutil.copytree(model.path, tmp_path / "changed")
    change(tmp_path / "changed/examples")
    with pytest.raises(BadRequest, match=line) as refused:
        opened(replace(model, path=tmp_path / "changed"))
    assert "make the model anew with finetune/in-context" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_fixed_examples_follow_the_seed_and_differ_in_wording(wide: dict[str, Model], bench: Bench) -> None:
    from slmworks_gguf.examples import diverse

    rows = [
        answered(number, f"{word} {number}?")
        for number in range(40)
        for word in ("Tea", "Cocoa please", "A very long way to ask for milk")
    ]
    found = [diverse(rows, 3, seed=seed) for seed in range(6)]
    assert found[0] == diverse(rows, 3, seed=0)
    assert len({json.dumps(one) for one in found}) > 3
    for one in found:
        assert len({row["messages"][0]["content"].rsplit(" ", 1)[0] for row in one}) == 3


def test_the_weights_are_linked_and_the_source_stays_as_it_was(
    wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    before = (wide["gguf"].path / HEADER).read_bytes()
    found = made(wide["gguf"], data, bench)
    assert (found.path / "model.gguf").samefile(wide["gguf"].path / "model.gguf")
    assert (wide["gguf"].path / HEADER).read_bytes() == before
    assert found.meta["task"] == "text-generation"
    assert found.meta["max_length"] == 1024
    assert (model_name(found), found.summary["examples"]) == ("gguf (3-shot)", 3)
    again = made(wide["gguf"], data, bench, "again")
    assert again.digest == found.digest


@pytest.mark.parametrize("grammar", [FINITE, json.dumps(FINITE)])
def test_every_answer_follows_the_schema(
    grammar: Any, wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    found = made(wide["gguf"], data, bench, grammar="schema", json_schema=grammar)
    assert model_name(found) == "gguf (3-shot + schema)"
    for answer in opened(found).answer(ROWS):
        assert json_answers.follows(json_answers.parsed(answer["text"]), json.dumps(FINITE)), answer
        assert answer["finish"] == "stop"


def test_a_row_brings_its_own_schema(wide: dict[str, Model], tmp_path: Path, bench: Bench) -> None:
    own = {"enum": ["left", "right"]}
    data = dataset(
        tmp_path / "own", [{**answered(number), "schema": json.dumps(FINITE)} for number in range(4)]
    )
    runtime = opened(made(wide["gguf"], data, bench, grammar="schema"))
    free, held = runtime.answer([ROWS[0], {**ROWS[0], "schema": json.dumps(own)}])
    assert held["text"] in ('"left"', '"right"')
    assert free["text"] not in ('"left"', '"right"')


def test_types_and_keys_of_the_training_answers_are_the_schema_if_there_is_no_other(
    wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    found = made(wide["gguf"], data, bench, grammar="schema")
    said = json.loads((found.path / "in_context.json").read_text())
    assert said["schema"] == {
        "type": "object",
        "properties": {"size": {"type": "string"}, "hot": {"type": "boolean"}},
        "required": ["size", "hot"],
        "additionalProperties": False,
    }
    assert all(one["text"].startswith('{"size": "') for one in opened(found).answer(ROWS))


def test_an_object_is_begun_where_any_is_asked_for(
    wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    plain, held = (
        opened(made(wide["gguf"], data, bench, grammar, grammar=grammar)).answer(ROWS)
        for grammar in ("none", "object")
    )
    assert all(one["text"].startswith("{") for one in held)
    assert not any(one["text"].startswith("{") for one in plain)


def test_fixed_examples_are_computed_once(
    wide: dict[str, Model], data: Dataset, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[tuple[int, int]] = []
    complete = LlamaServer.complete

    def counted(self: LlamaServer, prompt: Any, settings: Any) -> dict[str, Any]:
        found = complete(self, prompt, settings)
        computed.append((found["timings"]["prompt_n"], len(prompt)))
        return found

    runtime = opened(made(wide["gguf"], data, bench, examples=6, max_new_tokens=2))
    monkeypatch.setattr(LlamaServer, "complete", counted)
    runtime.answer([{"messages": [{"role": "user", "content": f"Milk {number}?"}]} for number in range(100)])
    asked, (first, length) = sum(new for new, _ in computed), computed[0]
    assert first == length > 150
    assert asked < length + 100 * 30  # each further one adds its own turn
    assert asked < sum(whole for _, whole in computed) / 8


def test_what_a_model_is_asked_with_goes_along_into_other_forms(
    wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    from slmworks_gguf.quantize import QuantizeGguf

    found = made(wide["hf"], data, bench, instruction="Say it in JSON.")
    file = exported(found, bench)
    small = sealed(QuantizeGguf().run(model=file, calibration=None, task=bench.task("small")))
    wanted = opened(found).prompt(ROWS[0])
    assert wanted.count('{"size": ') == 3
    assert [opened(one).prompt(ROWS[0]) for one in (file, small)] == [wanted, wanted]
    assert [model_name(one) for one in (file, small)] == ["gguf (3-shot)", "gguf-q8_0 (3-shot)"]


TEXTS = [{**answered(number), "completion": f"thing {number}"} for number in range(3)]
RAW = [{**answered(number), "messages": [{"role": "prompt", "content": "Tea"}]} for number in range(3)]


@pytest.mark.parametrize(
    ("rows", "options", "line"),
    [
        (
            None,
            {"examples": 10},
            "asks for 10 examples, and train has 9 conversations with an answer; take at most 9",
        ),
        (RAW, {}, "asks for 3 examples, and train has 0 conversations"),
        (None, {"examples": 10, "choose": "similar"}, "asks for 10 examples, and train has 9"),
        (
            RAW,
            {"examples": 0, "instruction": "Go"},
            "which are turns of a conversation, and the row is raw text",
        ),
        (
            None,
            {"grammar": "schema", "json_schema": "nonsense"},
            "json_schema: is no JSON object; see json-schema.org for what a schema may say, got 'nonsense'.",
        ),
        (None, {"grammar": "schema", "json_schema": "true"}, "json_schema: is no JSON object; see"),
        (None, {"grammar": "schema", "json_schema": "true\n"}, "json_schema: is no JSON object; see"),
        (
            None,
            {"grammar": "schema", "json_schema": '{"$ref": "#"}'},
            "json_schema: refers to itself without end",
        ),
        (None, {"grammar": "schema", "json_schema": {"type": "objekt"}}, "json_schema: is no JSON Schema"),
        (None, {"json_schema": FINITE}, "has a `json_schema` and no use for it; say `grammar: schema`"),
        (
            None,
            {"grammar": "schema", "json_schema": {"not": {"type": "string"}}},
            "can't constrain an answer: it names something",
        ),
        (
            TEXTS,
            {"grammar": "schema"},
            "no column `schema`, and 3 of 3 training answers are no JSON object or list",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(
    rows: Any,
    options: dict[str, Any],
    line: str,
    wide: dict[str, Model],
    data: Dataset,
    bench: Bench,
    tmp_path: Path,
) -> None:
    given = data if rows is None else dataset(tmp_path / "given", rows)
    with pytest.raises(BadRequest) as refused:
        made(wide["gguf"], given, bench, **options)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_options_are_checked_as_they_are_read() -> None:
    for wrong in ({"examples": -1}, {"choose": "random"}, {"grammar": "xml"}, {"max_new_tokens": 0}):
        with pytest.raises(OptionError):
            configure(InContextLearning, "in-context", wrong)


def test_a_grammar_needs_llama_cpp(wide: dict[str, Model], data: Dataset, bench: Bench) -> None:
    with pytest.raises(
        BadRequest, match=r"which llama\.cpp does and transformers doesn't; write the model as GGUF"
    ):
        made(wide["hf"], data, bench, grammar="object")


def test_examples_that_do_not_fit_are_counted(
    llama: Model, llama_gguf: Model, tmp_path: Path, bench: Bench
) -> None:
    data = dataset(tmp_path / "data", [answered(number) for number in range(40)])
    for model in (llama, llama_gguf):
        with pytest.raises(BadRequest) as refused:
            made(model, data, bench, model.format, examples=30)
        said = str(refused.value)
        assert "with 30 examples the prompt has" in said
        assert "and the model reads 256 with its answer" in said
        fitting = int(said.partition("answer: ")[2].partition(" of the examples fit")[0])
        assert 1 < fitting < 30
        made(model, data, bench, f"{model.format}-fitting", examples=fitting)
        with pytest.raises(BadRequest, match=rf"answer: {fitting} of the examples fit"):
            made(model, data, bench, f"{model.format}-more", examples=fitting + 1)


def test_a_model_without_a_template_is_refused_before_any_evaluation(
    tmp_path: Path, data: Dataset, bench: Bench
) -> None:
    with pytest.raises(BadRequest, match="the model has no chat template, so it only continues text"):
        made(toy(tmp_path / "bare", template=""), data, bench)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda said: "{", "no JSON"),
        (lambda said: json.dumps({**said, "count": 99}), "'count' is 99, and there are 3 examples"),
        (
            lambda said: json.dumps({**said, "examples": [{}] * 3}),
            "an example has no messages or no completion",
        ),
        (lambda said: json.dumps({**said, "grammar": "xml"}), "'grammar' is none of none, object, schema"),
        (lambda said: json.dumps({**said, "schema": "x"}), "'schema' is of another kind"),
        (lambda said: "[]", "it must have instruction, count"),
    ],
)
def test_a_damaged_file_is_a_line(
    change: Any, line: str, wide: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    for name in ("hf", "gguf"):
        found = made(wide[name], data, bench, name)
        path = found.path / "in_context.json"
        path.write_text(change(json.loads(path.read_text())))
        with pytest.raises(BadRequest, match="in_context.json is damaged") as refused:
            opened(replace(found, digest=""))
        assert line in str(refused.value)
        assert "make the model anew with finetune/in-context" in str(refused.value)
