"""Answers of a torch generator with settings of their own: greedy as evaluated, drawn by each row's seed."""

from collections import Counter

import pytest
from toys import toy

import torch
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings, TooLong
from slmworks.contract.runtime import Writing, open_runtime
from slmworks.model_tasks.text_generation.hf import HfGenerator
from slmworks.model_tasks.text_generation.hf_draws import Draw, _Choose


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> HfGenerator:
    found = open_runtime(
        toy(tmp_path_factory.mktemp("toy") / "model"), threads=1, model_task="text-generation"
    )
    assert isinstance(found, Writing)
    return found


def row(number: int) -> dict:
    return {"messages": [{"role": "user", "content": f"what is {'so ' * (number % 5)}{number}?"}]}


def written(generator: HfGenerator, asked) -> list[Generated | BadRequest]:
    found: dict[int, Generated | BadRequest] = {}
    generator.write(asked, lambda place, one: found.update({place: one}))
    return [found[place] for place in range(len(asked))]


def texts(found) -> list[str]:
    return [str(one.answer["text"]) for one in found]


def test_greedy_rows_are_those_of_answer(generator: HfGenerator) -> None:
    rows = [row(number) for number in range(20)]
    generator.most = 24
    found = written(generator, [(one, Settings()) for one in rows])
    assert [one.answer for one in found] == generator.answer(rows)
    assert [one.prompt_tokens for one in found] == [len(generator.encode(one)) for one in rows]


def test_a_draw_depends_on_its_seed_alone(generator: HfGenerator) -> None:
    def ask(number: int) -> tuple[dict, Settings]:
        return row(number), Settings(temperature=0.8, top_p=0.9, seed=number, max_tokens=12)

    together = texts(written(generator, [ask(number) for number in range(20)]))
    alone = [texts(written(generator, [ask(number)]))[0] for number in range(20)]
    assert together == alone
    mixed = [ask(3), (row(1), Settings(max_tokens=5)), (row(2), Settings(temperature=2.0, max_tokens=30))]
    assert texts(written(generator, mixed))[0] == together[3]
    other = [(row(3), Settings(temperature=0.8, top_p=0.9, seed=99, max_tokens=12))]
    assert texts(written(generator, other)) != together[3:4]


def test_drawing_leaves_torch_alone(generator: HfGenerator) -> None:
    before = torch.get_rng_state()
    written(generator, [(row(1), Settings(temperature=1.0, max_tokens=4))])
    assert torch.equal(before, torch.get_rng_state())


def test_each_row_has_its_own_length_and_stop(generator: HfGenerator) -> None:
    (free,) = texts(written(generator, [(row(1), Settings(max_tokens=20))]))
    stop = free[4:7]
    asked = [
        (row(1), Settings(max_tokens=2)),
        (row(1), Settings(max_tokens=20, stop=(stop,))),
        (row(1), Settings(max_tokens=20)),
    ]
    short, stopped, whole = written(generator, asked)
    assert (short.tokens, short.finish) == (2, "length")
    assert stopped.answer["text"] == free[: free.index(stop)]
    assert (stopped.finish, stopped.tokens < whole.tokens) == ("stop", True)
    assert whole.answer["text"] == free


def test_rows_near_the_end_of_the_context_are_cut_there(generator: HfGenerator) -> None:
    long = {"messages": [{"role": "user", "content": "a b " * 112}]}
    room = generator.context - len(generator.encode(long))
    assert 0 < room < 24
    near, far = written(generator, [(long, Settings(max_tokens=40)), (row(1), Settings(max_tokens=40))])
    assert near.tokens <= room
    assert [far.answer] == [one.answer for one in written(generator, [(row(1), Settings(max_tokens=40))])]


def test_a_row_that_cannot_be_answered_is_told_and_the_rest_is_answered(generator: HfGenerator) -> None:
    long = {"messages": [{"role": "user", "content": "word " * 500}]}
    asked = [
        (long, Settings()),
        (row(1), Settings(schema="{}")),
        (row(1), Settings(frequency_penalty=1.0)),
        (row(1), Settings(max_tokens=2)),
    ]
    too_long, schema, penalty, fine = written(generator, asked)
    assert isinstance(too_long, TooLong)
    assert "uses: gguf" in str(schema)
    assert "penalties" in str(penalty)
    assert fine.tokens == 2


def test_draws_follow_the_probabilities_and_top_p_comes_behind_the_temperature() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    count = 4000
    for temperature, top_p in ((1.0, 1.0), (2.0, 1.0), (2.0, 0.8), (0.5, 0.8)):
        wanted = (logits / temperature).softmax(0)
        kept = wanted.cumsum(0) - wanted < top_p
        wanted = torch.where(kept, wanted, 0) / wanted[kept].sum()
        asked = [Draw([0], 1, temperature, top_p, seed) for seed in range(count)]
        drawn = _Choose(asked)(None, logits.expand(count, 4).clone()).argmax(dim=1).tolist()
        for token, share in enumerate(wanted.tolist()):
            spread = 4 * (share * (1 - share) / count) ** 0.5
            assert abs(Counter(drawn)[token] / count - share) <= spread
