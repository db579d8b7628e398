"""A network that is cut has memory of its own, and what it answered before is kept."""

import pytest
from pruning import generator, outputs, view

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench
from slmworks_torch.compression import memory


def mapped(net: torch.nn.Module) -> list[str]:
    """Weights that lie in a mapped file."""
    known = memory.files()
    return [
        name
        for name, weight in net.named_parameters()
        if any(first <= weight.data_ptr() < last for first, last in known)
    ]


def test_weights_leave_the_mapped_file_as_they_were(llama: Model) -> None:
    net, other = view(llama).net, view(llama).net
    if not mapped(net):
        pytest.skip("weights are not mapped here")
    before = outputs(net)
    memory.own(net)
    assert mapped(net) == []
    assert len(mapped(other)) > 20
    for one in (net, other):  # the other one's file is the same: its pages are read again
        torch.testing.assert_close(outputs(one), before, rtol=0, atol=0)
    assert net.lm_head.weight is net.model.embed_tokens.weight


@pytest.mark.parametrize("family", ["gemma2", "llama-untied", "phi"])
def test_answers_are_kept_while_weights_change(
    family: str, conversations: Dataset, bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Gemma 2 caps its logits, Phi's head has a bias, and tied heads are the table of tokens."""
    whole = view(generator(tmp_path_factory.mktemp("kept") / "whole", family))
    batches = whole.calibration(conversations, "train", 8, bench.task("rows"))
    with torch.inference_mode():
        before = [whole.answers(batch) for batch in batches]
    kept = whole.remembered(batches)
    for weight in whole.net.parameters():
        weight.data = torch.zeros_like(weight)
    with torch.inference_mode():
        for wanted, one in zip(before, kept, strict=True):
            torch.testing.assert_close(one.answers(whole.net), wanted, rtol=1e-5, atol=1e-5)
            assert not torch.allclose(whole.answers(one.batch), wanted, atol=1e-2)
