"""A hosted model that is measured: each answer is paid once, and a report has all of them."""

import json

import pytest
from faulty import Faulty, reply, said

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.evaluate.quality import Quality

PRICES = {"prompt": 1000.0, "answer": 8000.0, "currency": "USD"}
"""An answer costs 0.05: ten tokens read and five written."""


@pytest.fixture
def data(tmp_path):
    """Makes a data set of so many questions a split, whose answers are right where the server echoes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def make(count: int) -> Dataset:
        folder = tmp_path / f"data-{count}"
        folder.mkdir(exist_ok=True)
        for split in ("train", "validation", "test"):
            rows = [
                {
                    "id": f"{split}-{number}",
                    "messages": [{"role": "user", "content": f"{split} {number}"}],
                    "completion": f"to {split} {number}",
                    "source": "here",
                }
                for number in range(count)
            ]
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
        return Dataset(path=folder, meta={"task": "text-generation"}, digest=f"{count:064x}")

    return make


def measured(bench, model, data, name, **options):
    made = Quality(trivial=False, **options).run(model=model, baseline=None, data=data, task=bench.task(name))
    return made.read()["splits"]["test"]


def test_answers_are_paid_once_however_often_they_are_measured(bench, model, data):
    with Faulty() as server:
        first = measured(bench, model(server.address, prices=PRICES), data(3), "one")
        assert first["measures"]["exact_match"]["value"] == 1
        assert first["details"]["money"] == pytest.approx(0.15)
        taken = first["details"]["request_ms"]
        assert 0 < taken["p50"] <= taken["p95"] < 5000
        shown = catalog.model_task("text-generation").sections(first, None)[0]
        assert 'price of 1,000 requests</td><td class="n">50.00</td>' in shown
        assert "time of a request, p50 / p95 ms" in shown
        assert len(server.asked) == 6
        keyless = model(server.address, prices=PRICES, key="env:NOT_THERE")
        assert measured(bench, keyless, data(3), "two", slices=False)["details"] == first["details"]
        assert len(server.asked) == 6, "who has all answers asks nobody, and needs no key"
        more = measured(bench, model(server.address, prices=PRICES), data(4), "three")
        assert more["details"]["money"] == pytest.approx(0.2)
        assert len(server.asked) == 8


def test_a_row_that_is_refused_ends_it_and_the_others_are_kept(bench, model, data):
    def answer(handler, body):
        if said(body) == "to validation 1":
            handler.error(400, "filtered")
        else:
            handler.send(200, reply(said(body)))

    with Faulty(answer) as server:
        with pytest.raises(BadRequest, match=r"the model cannot answer 1 of 3 rows; the first: .*filtered"):
            measured(bench, model(server.address), data(3), "one")
        server.answer = lambda handler, body: handler.send(200, reply(said(body)))
        before = len(server.asked)
        measured(bench, model(server.address), data(3), "two")
        assert len(server.asked) - before == 1 + 3


def test_nonsense_and_too_many_requests_are_a_line_and_what_was_paid_is_kept(bench, model, data):
    def answer(handler, body):
        if "2" not in said(body):
            handler.send(200, reply("" if "1" in said(body) else said(body)))
        elif len(server.asked) % 2:
            handler.send(200, b"I am afraid I can't do that", kind="application/json")
        else:
            handler.error(429, "slow down", Retry_After="0")

    with Faulty(answer) as server:
        hosted = model(server.address, prices=PRICES, patience_s=0.3, at_once=1)
        with pytest.raises(TaskFailed, match=r"does not answer \(.*what was paid for is kept") as failed:
            measured(bench, hosted, data(3), "one")
        assert "\n" not in str(failed.value)
        assert sum(ledger.spent.money for ledger in bench.ledgers.values()) == pytest.approx(0.10)
        server.answer = lambda handler, body: handler.send(200, reply(said(body)))
        before = len(server.asked)
        found = measured(bench, hosted, data(3), "two")
        assert len(server.asked) - before == 1 + 3  # what an empty answer cost isn't paid again
        assert found["measures"]["exact_match"]["value"] == 1


def test_it_is_measured_for_what_it_can_be_asked(bench, model, tiny_reviews):
    with pytest.raises(BadRequest) as caught:
        measured(bench, model("http://127.0.0.1:9/v1"), tiny_reviews, "one")
    assert "a hosted model can only be asked for text-generation." in str(caught.value)
    assert json.dumps(bench.ledgers) == "{}"
