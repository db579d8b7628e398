"""A recipe with a hosted model: what can't be done with one is said when the recipe is read."""

import json
from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

HEAD = """\
name: tiny
steps:
  raw: {stage: fetch, from: {train: rows.jsonl}}
  curate: {uses: chat, from: {data: raw}, with: {test: 0.2, validation: 0.15}}
"""
SOUND = {"address": "https://api.example.com/v1", "model": "big"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    (tmp_path / "big.hosted.json").write_text(json.dumps(SOUND))
    return tmp_path


def read(folder: Path, steps: str):
    return plan(Recipe.parse(HEAD + steps, file="r.yaml", folder=folder))


def problem(folder: Path, steps: str) -> str:
    with pytest.raises(BadRequest) as caught:
        read(folder, steps)
    return str(caught.value)


QUALITY = "  big: {stage: evaluate, uses: quality, from: {model: ./big.hosted.json, data: curate}}\n"
OWN = "  own: {stage: evaluate, uses: quality, from: {model: ./own.gguf, baseline: big, data: curate}}\n"
BOTH = "  both: {stage: evaluate, uses: quality, from: {model: ./big.hosted.json, baseline: big, data: curate}}\n"


def test_its_quality_is_measured_and_compared_with(folder: Path) -> None:
    (folder / "own.gguf").write_bytes(b"GGUF")
    gate = "  gate: {stage: gate, from: {reports: [own, big], references: [both]}}\n"
    assert read(folder, QUALITY + OWN + BOTH + gate)


def test_a_file_that_is_wrong_is_said_with_its_place(folder: Path) -> None:
    (folder / "big.hosted.json").write_text(json.dumps(SOUND | {"keys": "env:A"}))
    assert problem(folder, QUALITY) == (
        "r.yaml:5 steps.big: big.hosted.json: keys: no such key. Did you mean 'key'?"
    )


def test_data_of_that_name_are_none_of_its_business(folder: Path) -> None:
    (folder / "big.hosted.json").write_text("[]")
    assert read(folder, "  other: {stage: fetch, from: {train: big.hosted.json}}\n")


def test_it_cannot_be_trained_quantized_chosen_or_timed(folder: Path) -> None:
    small = "  small: {stage: quantize, uses: gguf, from: {model: ./big.hosted.json}, with: {type: q8_0}}\n"
    assert problem(folder, small) == (
        "r.yaml:5 steps.small: model: takes hf or gguf models, and nobody here has a hosted one's weights."
    )
    timed = "  pace: {stage: evaluate, uses: speed, from: {model: ./big.hosted.json, data: curate}}\n"
    assert problem(folder, timed).startswith("r.yaml:5 steps.pace: model: the speed of a hosted model")
    gate = "  gate: {stage: gate, from: {reports: [both]}}\n"
    assert problem(folder, QUALITY + BOTH + gate) == (
        "r.yaml:7 steps.gate: a hosted model can't be chosen, since it can't be released; give its report as "
        "`references`, or as the `baseline` of the others."
    )
