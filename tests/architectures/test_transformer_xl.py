"""Transformer-XL: what is divided into segments says the same, and what it remembers helps."""

import json
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, orders, row
from transformers import AutoConfig, AutoModelForCausalLM

import torch
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.contract.runtime import Scoring, answer_all, open_runtime
from slmworks.model_tasks.hf_text import register_architectures
from slmworks.model_tasks.onnx_text import open_session
from slmworks.testing import Bench, sealed
from slmworks_gguf.export import ExportGguf
from slmworks_onnx.segments import ExportSegments
from slmworks_torch.causal.pretrain import Pretrain
from slmworks_torch.networks import new_network

SMALL = {
    "vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "memory_length": 8, "segment_length": 6, "initializer_range": 0.15, "dropout": 0.0,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


def drawn(**changes: Any) -> Any:
    register_architectures()
    torch.manual_seed(0)
    return new_network(
        AutoConfig.for_model("transformer-xl", **{**SMALL, **changes}), "AutoModelForCausalLM"
    ).eval()


def in_pieces(net: Any, ids: torch.Tensor, size: int) -> torch.Tensor:
    """Logits of a text that is given piece by piece with the memory of the last call."""
    memory, found = None, []
    for piece in ids.split(size, dim=1):
        said = net(input_ids=piece, memory=memory)
        memory = said.memory
        found.append(said.logits)
    return torch.cat(found, dim=1)


@pytest.mark.parametrize("size", [1, 5, 20])
def test_a_text_says_the_same_however_it_is_divided(size: int) -> None:
    net, ids = drawn(), torch.randint(3, 40, (2, 33))
    with torch.inference_mode():
        whole = drawn(segment_length=64)(input_ids=ids)
        assert (in_pieces(net, ids, size) - whole.logits).abs().max() <= 1e-5
        assert whole.memory.shape == (2, 2, 8, 32)
        assert (net(input_ids=ids, logits_to_keep=3).logits - whole.logits[:, -3:]).abs().max() <= 1e-5


def test_memory_reaches_further_than_one_segment_and_no_further_than_its_layers() -> None:
    net, ids = drawn(), torch.randint(3, 40, (1, 30))
    other = ids.clone()
    with torch.inference_mode():
        before = net(input_ids=ids).logits
        other[0, 30 - 1 - 2 * 8] = (other[0, 30 - 1 - 2 * 8] + 1) % 40
        assert (net(input_ids=other).logits - before)[0, -1].abs().max() > 1e-5
        other = ids.clone()
        other[0, : 30 - 1 - 2 * 8] = 3
        assert (net(input_ids=other).logits - before)[0, -1].abs().max() <= 1e-6


def test_padding_on_either_side_is_not_read() -> None:
    net, ids = drawn(), torch.randint(3, 40, (1, 20))
    gap = torch.zeros(1, 7, dtype=torch.int64)
    seen, empty = torch.ones_like(ids), torch.zeros_like(gap)
    with torch.inference_mode():
        alone = net(input_ids=ids).logits
        left = net(input_ids=torch.cat([gap, ids], 1), attention_mask=torch.cat([empty, seen], 1)).logits
        right = net(input_ids=torch.cat([ids, gap], 1), attention_mask=torch.cat([seen, empty], 1)).logits
    assert (left[:, 7:] - alone).abs().max() <= 1e-5
    assert (right[:, :20] - alone).abs().max() <= 1e-5


def test_generation_goes_on_from_memory_alone_and_in_company() -> None:
    net = drawn()
    asked = [torch.randint(3, 40, (length,)).tolist() for length in (19, 4)]
    padded = torch.tensor([[0] * (19 - len(ids)) + ids for ids in asked])
    said = net.generate(
        input_ids=padded,
        attention_mask=(padded != 0).long(),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=None,
    )[:, 19:]
    for ids, tokens in zip(asked, said, strict=True):
        text = list(ids)
        with torch.inference_mode():
            for token in tokens.tolist():  # recomputed from the beginning for each
                assert net(input_ids=torch.tensor([text])).logits[0, -1].argmax() == token
                text.append(token)


def test_what_repeats_beyond_a_segment_is_learnt_from_memory() -> None:
    net = drawn(num_hidden_layers=1, memory_length=16, segment_length=18)
    net.train()
    chance = torch.Generator().manual_seed(1)

    def batch() -> torch.Tensor:
        return torch.randint(3, 40, (8, 12), generator=chance).repeat(1, 3)

    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-2)
    for _ in range(80):
        ids = batch()
        net(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    net.eval()
    ids = batch()
    with torch.inference_mode():
        with_memory = in_pieces(net, ids, 8)
        without = torch.cat([net(input_ids=piece).logits for piece in ids.split(8, dim=1)], dim=1)
    lost = [
        float(torch.nn.functional.cross_entropy(one[:, 12:-1].flatten(0, 1), ids[:, 13:].flatten()))
        for one in (with_memory, without)
    ]
    assert lost[0] < 0.5
    assert lost[1] > 2


def test_gradients_stay_in_their_segment() -> None:
    net = drawn()
    net.train()
    ids = torch.tensor([[3] * 6 + [4] * 6])
    found = net(input_ids=ids)
    assert not found.memory.requires_grad
    found.logits[:, 6:].sum().backward()
    table = net.transformer.embeddings.weight.grad
    # token 3 is read from memory only, so all that reaches it is the head's part, whose weights are the same table
    head = net.transformer(input_ids=ids).last_hidden_state[0, 6:].sum(dim=0)
    assert (table[3] - head).abs().max() <= 1e-4
    assert (table[4] - head).abs().max() > 1e-2


def test_it_is_saved_and_loaded_with_its_tied_head(tmp_path: Path) -> None:
    net, ids = drawn(), torch.randint(3, 40, (1, 9))
    net.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert loaded.lm_head.weight is loaded.transformer.embeddings.weight
    with torch.inference_mode():
        assert loaded(input_ids=ids).logits.equal(net(input_ids=ids).logits)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A Transformer-XL that learnt orders in seconds."""
    bench = Bench(tmp_path_factory.mktemp("xl"))
    data = orders(tmp_path_factory.mktemp("orders"), train=120, validation=12)
    plugin = Pretrain(
        architecture="transformer-xl", hidden=64, layers=2, ffn=128, vocabulary=400, context=128, memory_length=48,
        epochs=8, batch_size=8, learning_rate=5e-3,
    )  # fmt: skip
    return sealed(plugin.run(model=None, data=data, task=bench.task("pretrain")))


def test_it_learns_a_toy_domain_and_answers(pretrained: Model) -> None:
    said = json.loads((pretrained.path / "config.json").read_text())
    assert (said["model_type"], said["memory_length"], said["segment_length"]) == ("transformer-xl", 48, 48)
    assert pretrained.summary["token_accuracy"] > 0.8
    opened = open_runtime(pretrained, threads=1)
    rows = [row([("user", f"Book a table for {n} at 18:00.")], None) for n in (2, 5, 6)]
    answers = answer_all(opened, rows)
    assert all(json.loads(one["text"]).keys() == {"people", "time"} for one in answers)
    assert [opened.answer([one])[0] for one in rows] == answers


def test_a_text_of_any_length_is_scored(pretrained: Model) -> None:
    opened = open_runtime(pretrained, threads=1)
    assert isinstance(opened, Scoring)
    long = row([("prompt", "Book")], " a table for 4 at 19:30." * 40)
    (found,) = opened.scored([long])
    assert found.tokens > 256


def test_plain_text_longer_than_the_context_is_learnt_in_pieces(bench: Bench, tmp_path: Path) -> None:
    text = [row([("prompt", "")], f"The {word} is blue. " * 30) for word in ("sky", "sea")]
    data = dataset(tmp_path / "data", train=text, validation=text[:1])
    plugin = Pretrain(
        architecture="transformer-xl",
        hidden=32,
        layers=1,
        heads=2,
        ffn=32,
        vocabulary=300,
        context=64,
        epochs=1,
    )
    made = plugin.run(model=None, data=data, task=bench.task("plain"))
    assert made.summary["rows_left_out"] == 0
    assert json.loads((made.path / "config.json").read_text())["memory_length"] == 16


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"memory_length": 8}, "memory_length: a llama has no memory; take `architecture: transformer-xl`"),
        ({"architecture": "transformer-xl", "memory_length": -1}, "memory_length.*greater than 0"),
        ({"architecture": "transformer-xl", "memory_length": 0}, "memory_length.*greater than 0"),
        (
            {"architecture": "transformer-xl", "heads": 3},
            "hidden .128. must be a multiple of twice the heads",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        configure(Pretrain, "pretrain", options)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"segment_length": 0}, "segment_length: 0 must be at least 1"),
        ({"memory_length": -2}, "memory_length: -2 must be at least 1"),
        ({"num_attention_heads": 3}, "hidden_size: 32 must be even, and a multiple of the 3 heads"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        drawn(**changes)


def test_it_is_exported_segment_by_segment(pretrained: Model, bench: Bench) -> None:
    made = ExportSegments(segment_length=16).run(model=pretrained, task=bench.task("onnx"))
    assert made.summary["difference"] <= 1e-4
    assert (made.meta["segment_length"], made.meta["memory_length"]) == (16, 48)
    session = open_session(made.path / "model.onnx", 1)
    assert [port.name for port in session.get_inputs()] == ["input_ids", "attention_mask", "memory"]
    assert session.get_inputs()[2].shape[2:] == [48, 64]


def test_a_network_without_memory_has_no_segments_to_export(bench: Bench, tmp_path: Path) -> None:
    data = orders(tmp_path / "data", train=8, validation=2)
    plugin = Pretrain(hidden=32, layers=1, heads=2, ffn=32, vocabulary=260, context=128, epochs=1)
    llama = sealed(plugin.run(model=None, data=data, task=bench.task("llama")))
    with pytest.raises(BadRequest, match="model: a llama network hands on no memory; give a Transformer-XL"):
        ExportSegments().run(model=llama, task=bench.task("onnx"))


def test_gguf_is_refused(pretrained: Model, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="TransformerXL|transformer-xl"):
        ExportGguf().run(model=pretrained, task=bench.task("gguf"))
