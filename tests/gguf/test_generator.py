"""Both runtimes of generators: the same template text, token ids and greedy text, alone and in company."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from toys import TEMPLATE, bpe, exported, limited, save, toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.model_tasks.text_generation.hf import HfGenerator
from slmworks.testing import Bench
from slmworks_gguf.runtime import GgufRuntime

LONG = "One after the other, and a long way to the end. " * 4
ROWS = [
    {"messages": [{"role": role, "content": text} for role, text in turns]}
    for turns in (
        [("user", "Hi")],
        [("system", "Be short."), ("user", "Où est l'été? 12 345"), ("assistant", "Ici."), ("user", LONG)],
        [("tools", '[{"name": "f"}]'), ("user", "x"), ("assistant", "{}"), ("tool", "1")],
        [("prompt", "Once upon a time")],
        [("prompt", "def f(x):\n    return\t1 <|im_end|> 😀")],
    )
]


def short(model: Model, most: int = 40) -> Model:
    return replace(model, meta={**model.meta, "max_new_tokens": most})


def hf(model: Model, most: int = 40) -> HfGenerator:
    found = open_runtime(short(model, most), threads=1, model_task="text-generation")
    assert isinstance(found, HfGenerator)
    return found


def gguf(model: Model, most: int = 40) -> GgufRuntime:
    found = open_runtime(limited(model, most), threads=1, model_task="text-generation")
    assert isinstance(found, GgufRuntime)
    return found


@pytest.mark.parametrize("kind", ["llama", "qwen2", "mistral", "gemma2", "phi3"])
def test_both_formats_say_the_same(kind: str, tmp_path: Path) -> None:
    folder = toy(tmp_path / kind, kind, rule="qwen2" if kind == "qwen2" else "smollm")
    one, other = hf(folder), gguf(exported(folder, Bench(tmp_path)))
    assert [one.prompt(row) for row in ROWS] == [other.prompt(row) for row in ROWS]
    assert [one.encode(row) for row in ROWS] == [other.encode(row) for row in ROWS]
    said = one.answer(ROWS)
    assert other.answer(ROWS) == said
    assert len({answer["text"] for answer in said}) > 2  # each says something of its own


def test_a_text_with_a_token_before_it_has_it_once(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama", rule="llama-bpe", template="{{ bos_token }}" + TEMPLATE)
    one, other = hf(folder), gguf(exported(folder, Bench(tmp_path)))
    for row in ROWS:
        assert one.encode(row) == other.encode(row)
    assert one.encode(ROWS[0])[:2] == [1, 1]  # the template's own, and the one of the first turn
    assert one.encode(ROWS[3])[:2] == [1, one.encode(ROWS[3])[1]]
    assert one.encode(ROWS[3]).count(1) == 1


def test_alone_and_in_company_a_row_gets_the_same_answer(llama: Model, llama_gguf: Model) -> None:
    for runtime in (hf(llama), gguf(llama_gguf)):
        alone = [runtime.answer([row])[0] for row in ROWS]
        assert runtime.answer(ROWS) == alone
        assert answer_all(runtime, ROWS, 2) == alone
    assert runtime.answer([]) == hf(llama).answer([]) == []


def test_threads_do_not_come_between_each_other(llama: Model, llama_gguf: Model) -> None:
    near = {"messages": [{"role": "prompt", "content": "x " * 124}]}
    for runtime in (hf(llama), gguf(llama_gguf)):
        alone = [runtime.answer([row]) for row in (*ROWS, near)]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                assert list(pool.map(lambda row: runtime.answer([row]), (*ROWS, near))) == alone  # noqa: B023


def test_the_text_is_the_likeliest_token_each_time(llama: Model) -> None:
    import torch

    runtime = hf(llama, 12)
    ids = runtime.encode(ROWS[1])
    with torch.inference_mode():
        for _ in range(12):
            ids.append(int(runtime.module(torch.tensor([ids])).logits[0, -1].argmax()))
    assert runtime.answer(ROWS)[1]["text"] == runtime.tokenizer.decode(ids[-12:], skip_special_tokens=True)


def ending(folder: Path, model: Model, ends: list[int]) -> Model:
    """The same model with other tokens that end an answer, and settings for drawing that must not count."""
    shutil.copytree(model.path, folder)
    path = folder / "generation_config.json"
    said = json.loads(path.read_text())
    said |= {
        "eos_token_id": ends,
        "do_sample": True,
        "temperature": 5.0,
        "repetition_penalty": 3.0,
        "max_length": 20,
    }
    path.write_text(json.dumps(said))
    return replace(model, path=folder, digest="")


def test_each_token_that_ends_an_answer_ends_it(llama: Model, tmp_path: Path) -> None:
    runtime = hf(llama, 40)
    before = runtime.answer(ROWS)
    tokens = [runtime._generate([runtime.encode(row)], 40)[0] for row in ROWS]
    assert {one["finish"] for one in before} == {"length"}
    ends = [2, tokens[0][5], tokens[1][9]]
    after = hf(ending(tmp_path / "ends", llama, ends), 40).answer(ROWS)
    for said, one in zip(tokens, after, strict=True):
        first = next((place for place, token in enumerate(said) if token in ends), None)
        wanted = said if first is None else said[:first]
        finish, count = ("length", 40) if first is None else ("stop", first + 1)
        text = runtime.tokenizer.decode(wanted, skip_special_tokens=True)
        assert one == {"text": text, "finish": finish, "tokens": count}
    assert after[0]["finish"] == after[1]["finish"] == "stop"


def test_a_file_stops_at_the_ends_that_it_names(llama: Model, tmp_path: Path) -> None:
    runtime = hf(llama, 40)
    end = runtime._generate([runtime.encode(ROWS[0])], 40)[0][5]
    folder = ending(tmp_path / "ends", llama, [2, end])
    wanted = hf(folder, 40).answer(ROWS)
    assert wanted[0]["finish"] == "stop"
    assert gguf(exported(folder, Bench(tmp_path)), 40).answer(ROWS) == wanted


def test_more_ends_than_a_file_has_room_for_are_refused(llama: Model, tmp_path: Path) -> None:
    folder = ending(tmp_path / "ends", llama, [2, 10, 11, 12])
    with pytest.raises(BadRequest, match="names 4 tokens that end an answer, and a GGUF file has room for 3"):
        exported(folder, Bench(tmp_path))


def test_an_answer_ends_with_the_context_and_a_longer_prompt_is_refused(
    llama: Model, llama_gguf: Model
) -> None:
    near = {"messages": [{"role": "prompt", "content": "x " * 124}]}
    beyond = {"messages": [{"role": "prompt", "content": "x " * 128}]}
    for runtime in (hf(llama), gguf(llama_gguf)):
        asked = len(runtime.encode(near))
        assert 256 - 40 < asked < 256
        found = runtime.answer([near, ROWS[0]])
        assert found[0]["tokens"] == 256 - asked
        assert found[0]["finish"] == "length"
        assert found[1] == runtime.answer([ROWS[0]])[0]
        with pytest.raises(
            BadRequest, match=r"^the prompt has \d+ tokens, and the model reads 256 with its answer"
        ):
            runtime.answer([beyond])
        with pytest.raises(BadRequest, match="there are no messages"):
            runtime.answer([{"messages": []}])
        with pytest.raises(BadRequest, match="the prompt is empty"):
            runtime.answer([{"messages": [{"role": "prompt", "content": ""}]}])


def test_place_grows_with_the_prompts_after_the_folder_is_gone(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama", max_position_embeddings=1500)
    rows = [{"messages": [{"role": "prompt", "content": "x " * count}]} for count in (4, 290, 700)]
    file = limited(exported(folder, Bench(tmp_path)), 40)
    runtime = open_runtime(file, threads=1, model_task="text-generation")
    assert isinstance(runtime, GgufRuntime)
    assert runtime._llama.context == 512
    wanted = [hf(folder).answer([row]) for row in rows]
    assert runtime.answer(rows[:1]) == wanted[0]
    shutil.rmtree(file.path)
    assert runtime.answer(rows[1:2]) == wanted[1]
    assert runtime._llama.context == 1024
    assert runtime.answer(rows[2:]) == wanted[2]
    assert runtime._llama.context == 1536  # whole blocks of 256
    assert runtime.answer(rows[:1]) == wanted[0]


def test_a_model_without_a_template_continues_text_only(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama", template="")
    for runtime in (hf(folder), gguf(exported(folder, Bench(tmp_path)))):
        assert runtime.answer([ROWS[3]])[0]["tokens"] == 40
        with pytest.raises(
            BadRequest, match="has no chat template, so it only continues text: give one message"
        ):
            runtime.answer([ROWS[0]])


def test_what_a_template_refuses_is_a_line_and_tools_have_their_own(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama")
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}plain"
    tokenizer = bpe("smollm")
    save(tokenizer, folder.path, template={"default": strict, "tool_use": "{{ tools[0]['name'] }}!"})
    for runtime in (hf(folder), gguf(exported(folder, Bench(tmp_path)))):
        assert [runtime.prompt(ROWS[0]), runtime.prompt(ROWS[2])] == ["plain", "f!"]
        with pytest.raises(BadRequest, match="chat template refuses the conversation .*no system role"):
            runtime.answer([ROWS[1]])
