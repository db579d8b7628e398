"""How likely both runtimes find true answers: the same numbers, and those that torch computes."""

from math import log
from pathlib import Path

import pytest
from test_generator import ROWS, ending, gguf, hf
from toys import TEMPLATE, exported, toy

import torch
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import Likelihood, Scoring
from slmworks.model_tasks.text_generation.task import BITS_PER_BYTE, PERPLEXITY
from slmworks.testing import Bench

COMPLETIONS = ("No.", '{"name": "Où", "n": 12}', " a tree\n\n", "x 😀", "One after the other. " * 3)
JUDGED = [{**row, "completion": text} for row, text in zip(ROWS, COMPLETIONS, strict=True)]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "mistral", "gemma2", "phi3"])
def test_both_formats_find_the_truth_as_likely(kind: str, tmp_path: Path) -> None:
    folder = toy(tmp_path / kind, kind, rule="qwen2" if kind == "qwen2" else "smollm")
    one, other = hf(folder), gguf(exported(folder, Bench(tmp_path)))
    assert isinstance(one, Scoring)
    assert isinstance(other, Scoring)
    ours, theirs = one.scored(JUDGED), other.scored(JUDGED)
    assert [said.tokens for said in theirs] == [said.tokens for said in ours]
    assert [said.nll for said in theirs] == pytest.approx([said.nll for said in ours], rel=1e-3)


def test_it_is_the_log_likelihood_of_the_answer_and_of_any_end(llama: Model, tmp_path: Path) -> None:
    ends = [2, 7, 30]
    runtime = hf(ending(tmp_path / "ends", llama, ends))
    (found,) = runtime.scored(JUDGED[1:2])
    ids = runtime.encode(ROWS[1])
    answer = runtime.tokenizer(COMPLETIONS[1], add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        said = torch.log_softmax(runtime.module(torch.tensor([ids + answer])).logits[0].double(), dim=-1)
    nll = -sum(float(said[len(ids) - 1 + place, token]) for place, token in enumerate(answer))
    nll -= float(torch.logsumexp(said[-1, ends], dim=0))
    assert found.tokens == len(answer) + 1
    assert found.nll == pytest.approx(nll, rel=1e-6)
    answered = {"likelihood": found._asdict()}
    assert PERPLEXITY.over(JUDGED[1:2], [answered]) == pytest.approx(2.718281828 ** (nll / found.tokens))
    size = len(COMPLETIONS[1].encode())
    assert BITS_PER_BYTE.over(JUDGED[1:2], [answered]) == pytest.approx(nll / log(2) / size)


def test_alone_and_in_company_and_beside_answers_it_is_the_same(llama: Model, llama_gguf: Model) -> None:
    for runtime in (hf(llama), gguf(llama_gguf)):
        alone = [runtime.scored([row])[0] for row in JUDGED]
        said = runtime.answer(ROWS)
        assert runtime.scored(JUDGED[::-1]) == alone[::-1]
        assert runtime.answer(ROWS) == said
        assert runtime.scored([]) == []


def test_long_answers_are_read_in_parts(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama", max_position_embeddings=1500)
    rows = [
        {"messages": [{"role": "prompt", "content": "y " * asked}], "completion": "x " * told}
        for asked, told in ((40, 500), (600, 3), (2, 255), (2, 256))
    ]
    found = gguf(exported(folder, Bench(tmp_path))).scored(rows)
    wanted = hf(folder).scored(rows)
    assert [one.tokens for one in found] == [one.tokens for one in wanted]
    assert [one.nll for one in found] == pytest.approx([one.nll for one in wanted], rel=1e-3)


def test_a_token_that_would_reach_over_the_border_belongs_to_the_answer(llama: Model) -> None:
    runtime = hf(llama)
    row = {"messages": [{"role": "prompt", "content": "a \n"}], "completion": "\n\nb"}
    together = runtime.tokenizer("a \n\n\nb", add_special_tokens=True)["input_ids"]
    asked = runtime.encode(row)
    assert together[: len(asked)] != asked
    answer = runtime.tokenizer("\n\nb", add_special_tokens=False)["input_ids"]
    assert runtime._target(row) == (asked, answer)


def test_a_text_with_a_token_before_it_has_it_once(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama", rule="llama-bpe", template="{{ bos_token }}" + TEMPLATE)
    one, other = hf(folder), gguf(exported(folder, Bench(tmp_path)))
    assert [other._target(row) for row in JUDGED] == [one._target(row) for row in JUDGED]
    assert all(1 not in answer for _, answer in map(one._target, JUDGED))


def test_what_does_not_fit_is_refused_in_a_line(llama: Model, llama_gguf: Model) -> None:
    asked = {"messages": [{"role": "prompt", "content": "x " * 124}]}
    for runtime in (hf(llama), gguf(llama_gguf)):
        with pytest.raises(BadRequest) as refused:
            runtime.scored([{**asked, "completion": "y " * 40}])
        assert "\n" not in str(refused.value)
        assert "don't fit the 256 that the model reads; leave such rows out in curate" in str(refused.value)
        with pytest.raises(BadRequest, match="the prompt is empty"):
            runtime.scored([{"messages": [{"role": "prompt", "content": ""}], "completion": "a"}])
        length = len(runtime.encode(asked))
        fits = next(
            n
            for n in range(40, 0, -1)
            if sum(map(len, runtime._target({**asked, "completion": "y " * n}))) <= 256
        )
        assert length + runtime.scored([{**asked, "completion": "y " * fits}])[0].tokens <= 257


def test_a_model_whose_outputs_are_no_numbers_is_named(llama: Model) -> None:
    runtime = hf(llama)
    with torch.no_grad():
        runtime.module.model.norm.weight.fill_(float("nan"))
    with pytest.raises(TaskFailed, match="the model's outputs are no numbers"):
        runtime.scored(JUDGED[:1])


def test_without_an_end_the_answer_alone_counts(llama: Model) -> None:
    runtime = hf(llama)
    whole = runtime.scored(JUDGED[:1])[0]
    runtime.ends = []
    assert runtime.scored(JUDGED[:1])[0] == replace_tokens(runtime.scored(JUDGED[:1])[0], whole.tokens - 1)
    assert runtime.scored(JUDGED[:1])[0].nll < whole.nll


def replace_tokens(found: Likelihood, tokens: int) -> Likelihood:
    return found._replace(tokens=tokens)
