"""Rows as token ids: the prompt as the runtimes render it, the answer, its end, and what is left out."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, orders, row
from toys import TEMPLATE, toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks_torch.causal import chat_model, examples
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.examples import Examples

SAID = [
    row([("user", "Hi")], "Hello."),
    row([("system", "Be short."), ("user", "Où?"), ("assistant", "Ici."), ("user", "12 345")], "Là-bas 7."),
    row([("tools", '[{"name": "f"}]'), ("user", "x"), ("assistant", "{}"), ("tool", "1")], "done"),
    row([("prompt", "Once upon")], " a time."),
    row([("prompt", "")], "All of this is learnt."),
]
BOS = "{{ bos_token }}" + TEMPLATE


def encoded(model: Model | ChatModel, rows: list[dict[str, Any]], folder: Path, most: int = 256) -> Examples:
    loaded = chat_model.load(model, port="model") if isinstance(model, Model) else model
    data = dataset(folder / "data", train=rows)
    return examples.encode(loaded, examples.read(data, "train"), split="train", max_length=most)


@pytest.mark.parametrize(
    ("kind", "rule", "template"),
    [
        ("llama", "smollm", TEMPLATE),
        ("llama", "llama-bpe", BOS),
        ("qwen2", "qwen2", TEMPLATE),
        ("gemma2", "smollm", TEMPLATE),
    ],
)
def test_prompts_are_those_of_the_runtime(kind: str, rule: str, template: str, tmp_path: Path) -> None:
    model = toy(tmp_path / "model", kind, rule=rule, template=template)
    runtime: Any = open_runtime(model, threads=1, model_task="text-generation")
    found = encoded(model, SAID, tmp_path)
    for place, one in enumerate(SAID):
        prompt = runtime.encode(one)
        assert found.ids[place][: len(prompt)] == prompt
        assert found.starts[place] == max(1, len(prompt))
        answer = found.ids[place][len(prompt) :]
        assert answer[-1] in runtime.ends
        assert runtime.tokenizer.decode(answer[:-1]) == one["completion"]


def test_an_answer_ends_as_the_template_ends_a_turn(tmp_path: Path) -> None:
    template = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}<|endoftext|>{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
    model = chat_model.load(toy(tmp_path / "model", template=template), port="model")
    assert (model.turn_end, model.text_end) == (0, 2)
    found = encoded(model, SAID, tmp_path)
    assert [ids[-1] for ids in found.ids] == [0, 0, 0, 2, 2]
    model.save(tmp_path / "saved")
    assert json.loads((tmp_path / "saved/generation_config.json").read_text())["eos_token_id"] == [2, 0]
    saved = Model(path=tmp_path / "saved", format="hf")
    runtime: Any = open_runtime(saved, threads=1, model_task="text-generation")
    assert set(runtime.ends) == {0, 2}


def test_a_template_without_an_end_of_turn_takes_the_end_of_text(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    model = chat_model.load(toy(tmp_path / "model", template=template), port="model")
    assert model.turn_end == model.text_end == 2
    assert model.added == ()


def test_long_rows_are_left_out_and_counted_and_long_texts_cut(tmp_path: Path) -> None:
    long = row([("user", "x")], "one two three " * 30)
    text = row([("prompt", "")], "a long text, and more of it " * 10)
    found = encoded(toy(tmp_path / "model"), [*SAID, long, text], tmp_path, most=80)
    assert found.left_out == {"longer than max_length": 1}
    (line,) = found.warnings("train", 80)
    assert line.startswith(
        "warning: 1 of 7 rows of train are left out: longer than max_length (80 tokens; the longest has "
    )
    pieces = found.ids[len(SAID) :]
    assert [len(piece) for piece in pieces[:-1]] == [80] * (len(pieces) - 1)
    assert all(one[-1] == other[0] for one, other in pairwise(pieces))
    whole = encoded(toy(tmp_path / "again"), [text], tmp_path / "other")
    assert pieces[0] + [token for piece in pieces[1:] for token in piece[1:]] == whole.ids[0]


def test_an_end_that_the_data_wrote_is_learnt_once_and_never_inside(tmp_path: Path) -> None:
    twice, inside = row([("user", "x")], "yes<|im_end|>"), row([("user", "x")], "yes<|im_end|>no")
    found = encoded(toy(tmp_path / "model"), [row([("user", "x")], "yes"), twice, inside], tmp_path)
    assert found.ids[0] == found.ids[1]
    assert len(found) == 2
    assert found.left_out == {"with an end of answer inside": 1}


def test_a_text_that_is_an_end_only_teaches_nothing(tmp_path: Path) -> None:
    found = encoded(toy(tmp_path / "model"), [row([("prompt", "")], "<|im_end|>"), SAID[0]], tmp_path)
    assert len(found) == 1
    assert found.left_out == {"without a token to learn": 1}


def test_rows_that_cannot_be_learnt_are_refused(tmp_path: Path) -> None:
    model = toy(tmp_path / "model")
    with pytest.raises(
        BadRequest, match=r"no row of the split 'train' can be learnt \(4 longer than max_length"
    ):
        encoded(model, SAID[:4], tmp_path / "1", most=3)
    with pytest.raises(BadRequest, match="row 'train-0': its completion is empty"):
        encoded(model, [row([("user", "x")], " ")], tmp_path / "2")
    with pytest.raises(BadRequest, match="message 2 has the role 'user' behind 'user'"):
        encoded(model, [row([("user", "x"), ("user", "y")], "z")], tmp_path / "3")
    bare = toy(tmp_path / "bare", template="")
    with pytest.raises(
        BadRequest, match="row 'train-0' of the split 'train': the model has no chat template"
    ):
        encoded(bare, SAID, tmp_path / "4")
    assert len(encoded(bare, SAID[3:], tmp_path / "5")) == 2
    with pytest.raises(BadRequest, match="the split 'validation'"):
        examples.read(orders(tmp_path / "6", validation=0), "validation")
