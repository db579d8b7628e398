"""Batching: nobody waits for company, similar texts go together, too much is refused."""

import asyncio
import threading

import pytest

from slmworks_serve.batches import Batches
from slmworks_serve.limits import Refused


class Recorder:
    """Answers with the text itself, once it may; remembers every batch."""

    batch = 1000

    def __init__(self):
        self.batches = []
        self.may = threading.Event()

    def answer(self, rows):
        self.batches.append([row["text"] for row in rows])
        self.may.wait(5)
        return [{"label": row["text"]} for row in rows]


def rows(*texts):
    return [{"text": text} for text in texts]


def run(scenario, *, threads=1, max_batch=8, max_queue=100):
    """Run `scenario(batches, model)`; gives the model, and the sizes that were seen."""
    model, sizes = Recorder(), []

    async def main():
        batches = Batches(threads, max_batch=max_batch, max_queue=max_queue, seen=sizes.append)
        await scenario(batches, model)

    asyncio.run(main())
    assert sizes == [len(batch) for batch in model.batches]
    return model


async def ask(batches, model, *texts):
    """Start a request and let it reach the queue."""
    answered = batches.answer(model, rows(*texts))
    await asyncio.sleep(0.02)
    return answered


def test_one_text_starts_at_once_and_the_rest_goes_together():
    async def scenario(batches, model):
        asked = [await ask(batches, model, text) for text in "abcd"]
        model.may.set()
        assert [(await task)[0]["label"] for task in asked] == list("abcd")

    assert run(scenario).batches == [["a"], ["b", "c", "d"]]


def test_no_more_texts_go_together_than_pay_for_the_model():
    async def scenario(batches, model):
        model.batch = 2
        waiting = [await ask(batches, model, text) for text in "abcde"]
        model.may.set()
        await asyncio.gather(*waiting)

    assert run(scenario).batches == [["a"], ["b", "c"], ["d", "e"]]


def test_a_full_batch_is_ready_before_the_thread_is():
    async def scenario(batches, model):
        waiting = [await ask(batches, model, text) for text in "abcdef"]
        assert len(batches) == 2  # "a" is computed, three are handed over, the others can still be joined
        model.may.set()
        await asyncio.gather(*waiting)

    assert run(scenario, max_batch=3).batches == [["a"], ["b", "c", "d"], ["e", "f"]]


def test_a_long_text_is_computed_apart():
    long = "x" * 2000

    async def scenario(batches, model):
        asked = [await ask(batches, model, text) for text in ("a", "b", long, "c")]
        model.may.set()
        await asyncio.gather(*asked)

    assert run(scenario).batches == [["a"], ["b", "c"], [long]]


def test_a_request_larger_than_a_batch_is_answered_in_order():
    texts = [f"text {n}" for n in range(50)]

    async def scenario(batches, model):
        model.may.set()
        assert [answer["label"] for answer in await batches.answer(model, rows(*texts))] == texts

    assert max(map(len, run(scenario, threads=2).batches)) == 8


def test_models_are_never_mixed():
    other = Recorder()
    other.may.set()

    async def scenario(batches, model):
        asked = [await ask(batches, which, "a") for which in (model, model, other, model)]
        model.may.set()
        await asyncio.gather(*asked)
        assert other.batches == [["a"]]
        model.batches.insert(2, ["a"])  # where the other model's batch was seen

    assert [len(batch) for batch in run(scenario).batches] == [1, 2, 1]


def test_a_full_queue_refuses_and_what_was_given_up_is_not_computed():
    async def scenario(batches, model):
        first = await ask(batches, model, "first")
        given_up = await ask(batches, model, "given up", "too")
        with pytest.raises(Refused, match="2 texts wait already") as refused:
            await batches.answer(model, rows("one", "more"))
        assert refused.value.status == 503
        given_up.cancel()
        last = await ask(batches, model, "last")
        model.may.set()
        await asyncio.gather(first, last)

    assert run(scenario, max_queue=3).batches == [["first"], ["last"]]


def test_what_was_given_up_takes_no_place_in_the_queue():
    async def scenario(batches, model):
        first = await ask(batches, model, "first")
        for _ in range(1000):
            given_up = batches.answer(model, rows("given up", "too"))
            given_up.cancel()
            await asyncio.sleep(0)
        assert len(batches) == 0
        assert len(batches._queue) < 1000
        last = await ask(batches, model, "1", "2", "3")
        assert len(batches) == 3
        with pytest.raises(Refused, match="3 texts wait already"):
            batches.answer(model, rows("4"))
        model.may.set()
        await asyncio.gather(first, last)
        assert len(batches) == 0

    assert run(scenario, max_queue=3).batches == [["first"], ["1", "2", "3"]]


def test_when_one_text_fails_the_rest_of_its_request_is_not_computed():
    class Broken:
        batch = 1000

        calls = 0

        def answer(self, rows):
            self.calls += 1
            raise ValueError("no")

    async def scenario(batches, model):
        model.may.set()
        broken = Broken()
        with pytest.raises(ValueError, match="no"):
            await batches.answer(broken, rows("a") * 100)
        assert broken.calls <= 2  # one was handed over ahead
        assert len(batches) == 0
        model.batches[:0] = [["a"] * 8] * 2

    run(scenario)


def test_a_model_that_fails_fails_its_own_requests_only():
    class Broken:
        batch = 1000

        def answer(self, rows):
            raise ValueError("no")

    async def scenario(batches, model):
        model.may.set()
        with pytest.raises(ValueError, match="no"):
            await batches.answer(Broken(), rows("a"))
        assert (await batches.answer(model, rows("b")))[0]["label"] == "b"
        model.batches.insert(0, ["a"])

    run(scenario)


class Fussy(Recorder):
    """Fails a batch that has a text it cannot read."""

    def answer(self, rows):
        super().answer(rows)
        if any("<USER>" in row["text"] for row in rows):
            raise IndexError("index out of range")
        return [{"label": row["text"]} for row in rows]


def test_a_text_that_cannot_be_answered_costs_no_neighbour_an_answer():
    async def scenario(batches, _):
        model = Fussy()
        waiting = await ask(batches, model, "warm up")
        asked = [
            await ask(batches, model, *texts)
            for texts in (["one"], ["<USER> hi"], ["two", "three"], ["four", "<USER>", "five"], ["six"])
        ]
        model.may.set()
        await waiting
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [one if isinstance(one, IndexError) else [row["label"] for row in one] for one in found] == [
            ["one"], found[1], ["two", "three"], found[3], ["six"]
        ]  # fmt: skip
        assert isinstance(found[1], IndexError)
        assert isinstance(found[3], IndexError)
        alone = [["one"], ["<USER> hi"], ["two"], ["three"], ["four"], ["<USER>"], ["six"]]
        assert model.batches[2:] == alone  # "five" belongs to a request that fails anyway
        assert len(batches) == 0
        again = await batches.answer(model, rows("seven"))
        assert again == [{"label": "seven"}]

    model = Recorder()

    async def main():
        await scenario(Batches(1, max_batch=8, max_queue=100, seen=lambda _: None), model)

    asyncio.run(main())


def test_a_batch_of_one_request_is_not_computed_again():
    async def scenario(batches, model):
        fussy = Fussy()
        fussy.may.set()
        with pytest.raises(IndexError):
            await batches.answer(fussy, rows("a", "<USER>", "b"))
        assert len(fussy.batches) == 1
        model.batches.append(["", "", ""])

    run(scenario)


def test_a_panic_is_an_error_like_any_other_and_the_queue_goes_on():
    class Panic(BaseException):
        pass

    class Rust:
        batch = 1000

        def answer(self, rows):
            if any(row["text"] == "x" for row in rows):
                raise Panic("index out of bounds")
            return [{"label": row["text"]} for row in rows]

    async def scenario(batches, model):
        rust = Rust()
        asked = [batches.answer(rust, rows(text)) for text in ("a", "x", "b")]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert str(found[1]) == "Panic: index out of bounds"
        assert isinstance(found[1], RuntimeError)
        assert [found[0], found[2]] == [[{"label": "a"}], [{"label": "b"}]]
        model.batches += [["a"], ["x", "b"]]

    run(scenario)
