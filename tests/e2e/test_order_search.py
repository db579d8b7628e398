"""An order search at toy size with the real plugins: probed, selected, healed, quantized, recommended."""

import re

import pytest
from test_first_line import Line

from slmworks.contract.artifact import Dataset, Model

RECIPE = """\
name: tiny
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: text, from: {data: raw}, with: {test: 0.2, validation: 0.15}}
  teacher:
    {stage: finetune, uses: classifier, from: {model: ./encoder, data: curate},
     with: {epochs: 6, learning_rate: 3e-3, batch_size: 16, max_length: 24, dropout: 0.0}}
  baseline: {stage: evaluate, uses: quality, from: {model: teacher, data: curate}}
  small:
    from: {model: teacher, data: curate, baseline: baseline}
    orders:
      cut: {stage: prune, uses: layers, with: {keep: 1}}
      thin: {stage: factorize, uses: svd, with: {budget: 0.8, embeddings: true}}
    heal: {stage: distill, uses: logit-kd, with: {epochs: 2, learning_rate: 3e-3, batch_size: 16}}
    probe: {with: {epochs: 1}}
    select: {with: {keep: 2, margin: 0.5}}
    finish: {stage: quantize, uses: onnx-dynamic}
  quality: {stage: evaluate, uses: quality, from: {model: small, baseline: baseline, data: curate}}
  gate: {from: {reports: quality}, with: {retention: 0.1}}
"""


@pytest.mark.slow
def test_the_smaller_half_goes_on_and_one_is_recommended(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model, tiny_reviews: Dataset
) -> None:
    line = Line(tmp_path_factory.mktemp("orders"), tiny_encoder, tiny_reviews)
    (line.folder / "tiny.yaml").write_text(RECIPE)
    said = line("run", "tiny.yaml")
    on = line.record("small_select")["manifest"]["meta"]["goes_on"]
    models = {
        order: line.record(f"small_{order}_probe")["manifest"]["digest"]
        for order in ("cut", "thin", "cut_thin", "thin_cut")
    }
    both = {"cut_thin", "thin_cut"}  # within the margin all are as good, and these are smallest
    assert {order for order, digest in models.items() if digest in on} == both
    assert "small_cut: " in said
    assert "as good as the best and larger" in said
    rows = re.findall(r"^small_(\w+) ", said, re.MULTILINE)
    assert set(rows) == both
    assert re.search(
        r"^Recommended: small_(cut_thin|thin_cut), smallest that on validation surely keeps 10 % \(kept",
        said,
        re.MULTILINE,
    )
    assert "cached nothing had to be made again" in line("run", "tiny.yaml")
