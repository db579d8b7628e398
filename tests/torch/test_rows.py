"""Rows that can't be learnt from are refused with their place."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_torch.rows import labelled, training_rows, transfer_rows

SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "text", "label", "source")])


@pytest.fixture
def dataset(tmp_path):
    def make(**splits):
        for split, labels in splits.items():
            rows = [
                {"id": f"{split}-{n}", "text": f"text {n}", "label": label, "source": "x"}
                for n, label in enumerate(labels)
            ]
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / f"{split}.parquet")
        return Dataset(path=tmp_path, meta={"task": "classification", "labels": ["bad", "good"]})

    return make


def test_labels_become_places_in_the_list(dataset):
    assert labelled(dataset(train=["good", "bad"]), "train").classes == [1, 0]


def test_an_empty_split_is_refused(dataset):
    with pytest.raises(BadRequest, match="the split 'train' is empty"):
        training_rows(dataset(train=[]))


def test_a_row_without_a_label_is_named(dataset):
    with pytest.raises(BadRequest, match="row 'train-1' .* has no label"):
        training_rows(dataset(train=["good", None]))


def test_an_unlisted_label_is_named(dataset):
    with pytest.raises(BadRequest, match="'goood'.* Did you mean 'good'"):
        training_rows(dataset(train=["good", "goood"]))


def test_one_class_is_nothing_to_learn(dataset):
    with pytest.raises(BadRequest, match="'good'.* at least two labels"):
        training_rows(dataset(train=["good", "good"]))


def test_transfer_may_be_missing(dataset):
    assert len(transfer_rows(dataset(train=["good", "bad"]), None)) == 0


def test_fewer_transfer_rows_are_a_subset_whatever_the_order(dataset):
    data = dataset(transfer=[None] * 50)
    few, more = (set(transfer_rows(data, most).ids) for most in (10, 20))
    assert len(few) == 10
    assert few < more
    assert len(transfer_rows(data, None)) == len(transfer_rows(data, 99)) == 50
