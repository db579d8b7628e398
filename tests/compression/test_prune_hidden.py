"""Channels that are left out could as well be 0 wherever a norm gives them, and be unknown to its statistics."""

from pathlib import Path
from typing import Any

import pytest
from cut_students import EXPORTED
from pruning import encoder, generator, opened, outputs, pruned, same, view
from toys import exported

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_onnx.export import ExportOnnx
from slmworks_torch.causal.token_kd import TokenKD
from slmworks_torch.compression import units
from slmworks_torch.compression.prune_width import PruneWidth
from slmworks_torch.embedding_kd import EmbeddingKD
from slmworks_torch.hidden.hidden_kd import HiddenKD
from slmworks_torch.logit_kd import LogitKD

ROWS = 8
FILLED = ("phi3", "qwen2")
"""Families that llama.cpp knows with heads that fill the hidden width only."""


class Kept(torch.nn.Module):  # type: ignore[misc]
    """A norm of the whole network that knows some channels only, and gives 0 for the others."""

    def __init__(self, norm: Any, kept: torch.Tensor) -> None:
        super().__init__()
        self.norm, self.kept = norm, kept
        for name, weight in [*norm.named_parameters()]:
            setattr(norm, name, torch.nn.Parameter(weight[kept]))
        if isinstance(norm, torch.nn.LayerNorm):
            norm.normalized_shape = (len(kept),)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        made = torch.zeros_like(states)
        made[..., self.kept] = self.norm(states[..., self.kept])
        return made


def norms(net: Any) -> dict[str, Any]:
    """Norms of the whole width."""
    width = net.config.hidden_size
    return {
        name: part
        for name, part in net.named_modules()
        if "Norm" in type(part).__name__ and tuple(part.weight.shape) == (width,)
    }


def ranked(model: Model, data: Dataset, bench: Bench) -> torch.Tensor:
    """Channels by the sum over norms of the mean of |what they give|, the largest first."""
    whole, task = view(model), bench.task("rank")
    batches = whole.calibration(data, "train", ROWS, task)
    inside = [name for name in norms(whole.net) if not name.startswith(("head.", "classifier."))]
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in inside}
    for name in inside:
        whole.net.get_submodule(name).register_forward_hook(
            lambda _module, _args, made, rows=seen[name]: rows.append(made.detach())
        )
    counted = []
    for batch in batches:
        whole.net(**batch.inputs)
        counted.append(batch.counted)
    means = [_mean(rows, counted) for rows in seen.values()]
    return torch.stack(means).sum(0).argsort(descending=True)


def _mean(rows: list[torch.Tensor], counted: list[torch.Tensor]) -> torch.Tensor:
    """Mean of |row| at the counted places; ALBERT's layers are one, which gives several times a pass."""
    calls = len(rows) // len(counted)
    places = [one for one in counted for _ in range(calls)]
    found = [made.reshape(*one.shape, -1)[one] for made, one in zip(rows, places, strict=True)]
    return torch.cat(found).abs().double().mean(0)


def restricted(model: Model, data: Dataset, bench: Bench, head: str, hidden: int) -> tuple[Any, torch.Tensor]:
    """The whole network with norms that know the most active channels only, heads that go giving nothing; those channels."""
    net = opened(model, head)
    whole, task = view(model), bench.task("heads")
    batches = whole.calibration(data, "train", ROWS, task)
    kept = ranked(model, data, bench)[:hidden].sort().values
    if net.config.model_type in units.COMPUTED:
        found = units.heads(whole.net)
        for name, active in units.activity(whole, found, batches, task).items():
            stay = hidden // found[name].size
            place = name if head != "AutoModel" else name.removeprefix(f"{whole.net.base_model_prefix}.")
            module = net.get_submodule(place)
            weight = module.weight if isinstance(module, torch.nn.Linear) else module.weight.T
            for unit in active.argsort()[: found[name].count - stay].tolist():
                with torch.no_grad():
                    weight[:, unit * found[name].size : (unit + 1) * found[name].size] = 0
    for name, norm in norms(net).items():
        net.set_submodule(name, Kept(norm, kept))
    return net, kept


@pytest.mark.parametrize("family", [*EXPORTED, "gemma", "gemma3", "mixtral", "smollm3", "phi"])
def test_generators(family: str, conversations: Dataset, bench: Bench, tmp_path: Path) -> None:
    whole = generator(tmp_path / "whole", family)
    made = pruned(PruneWidth(hidden=0.5, rows=ROWS), whole, conversations, bench)
    net = opened(made)
    assert (net.config.hidden_size, net.config.head_dim, net.config.num_attention_heads) == (32, 16, 4)
    same(net, restricted(whole, conversations, bench, "AutoModelForCausalLM", 32)[0])
    assert made.summary["removed_share"] == pytest.approx(0.5, abs=0.01)
    assert made.summary["distance"] > 0
    if family in FILLED:
        with pytest.raises(
            BadRequest, match=r"4 heads of 16 and hidden_size: 32, and llama\.cpp loads .*`heads: 2`"
        ):
            exported(made, bench, "refused")
        made = pruned(PruneWidth(hidden=32, heads=2, rows=ROWS), whole, conversations, bench, "filled")
    if family in EXPORTED:
        file = exported(made, bench)
        assert file.summary["proof_greedy_equal"] == file.summary["proof_greedy_tokens"] > 0


WIDER = {
    "distilbert": {"dim": 64, "n_heads": 4},
    "gpt2": {"n_embd": 64, "n_head": 4},
    "mobilebert": {"hidden_size": 64},
    "opt": {"hidden_size": 64, "num_attention_heads": 4, "word_embed_proj_dim": 64},
}
PROJECTED = {"albert": "encoder.embedding_hidden_mapping_in", "electra": "embeddings_project"}
WIDE = {"hidden_size": 64, "num_attention_heads": 4}


@pytest.mark.parametrize(
    "family",
    [
        "bert",
        "roberta",
        "xlm-roberta",
        "electra",
        "electra-64",
        "distilbert",
        "albert",
        "albert-2",
        "mobilebert",
        "modernbert",
        "gpt2",
        "opt",
    ],
)
def test_encoders(family: str, tiny_reviews: Dataset, bench: Bench, tmp_path: Path) -> None:
    name, _, width = family.partition("-6")
    changes = WIDER.get(name, WIDE) | ({"embedding_size": 64} if width else {})
    whole = encoder(tmp_path / "whole", name, **changes)
    made = pruned(PruneWidth(hidden=48, rows=ROWS), whole, tiny_reviews, bench)
    net = opened(made, "AutoModel")
    assert net.config.hidden_size == made.summary["hidden"] == 48
    assert made.summary["heads"] == (2 if family == "mobilebert" else 3)  # its bottleneck's
    other, kept = restricted(whole, tiny_reviews, bench, "AutoModel", 48)
    if (
        place := PROJECTED.get(name.removesuffix("-2")) if not width else ""
    ):  # vectors of tokens come in by no norm
        for weight in other.get_submodule(place).parameters():
            weight.data[torch.isin(torch.arange(64), kept, invert=True)] = 0
    torch.testing.assert_close(outputs(net), outputs(other)[:, kept], rtol=1e-4, atol=1e-4)
    assert 0 < made.summary["distance"] < 1


def test_a_classifier_heals(tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    made = pruned(PruneWidth(hidden=16, ffn=32, rows=ROWS), tiny_classifier, tiny_reviews, bench)
    said = [made.summary[name] for name in ("hidden", "heads", "ffn")]
    assert said == [16, 1, 32]
    onnx = sealed(ExportOnnx().run(model=made, task=bench.task("export")))
    assert onnx.summary["difference"] < 1e-4
    healed = LogitKD(epochs=1).run(
        teacher=tiny_classifier, student=made, data=tiny_reviews, task=bench.task("heal")
    )
    assert opened(healed, "AutoModelForSequenceClassification").config.hidden_size == 16


def test_a_generator_heals(llama: Model, conversations: Dataset, bench: Bench) -> None:
    made = pruned(PruneWidth(hidden=0.5, rows=ROWS), llama, conversations, bench)
    whole = view(llama)
    held_out = whole.calibration(conversations, "validation", 6, bench.task("held-out"))
    far = view(made).distance(whole, held_out)
    given = {"teacher": llama, "student": made, "data": conversations}
    for name, kind in {"tokens": TokenKD, "hidden": HiddenKD}.items():
        plugin = kind(epochs=1, learning_rate=3e-3, batch_size=8)
        healed = sealed(plugin.run(**given, task=bench.task(name)))
        assert opened(healed).config.hidden_size == 32
        assert view(healed).distance(whole, held_out) < far


def test_an_embedding_model_heals(
    tiny_embedder: Model, tiny_search: Dataset, bench: Bench, tmp_path: Path
) -> None:
    made = pruned(PruneWidth(hidden=16, rows=ROWS), tiny_embedder, tiny_search, bench)
    assert made.meta["dimensions"] == 16
    assert 0 < made.summary["distance"] < 1
    healed = EmbeddingKD(epochs=1).run(
        teacher=tiny_embedder, student=made, data=tiny_search, task=bench.task("heal")
    )
    assert healed.meta["dimensions"] == 16


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"hidden": 64}, r"hidden: the model has 64 channels, and 64 are to stay; take fewer\."),
        (
            {"hidden": 30},
            r"hidden: 30 channels are to stay, and .* what its 4 heads divide; take a multiple of 4",
        ),
        ({"hidden": 31, "heads": 2}, r"hidden: .* what its 2 heads divide; take a multiple of 2"),
        (
            {"hidden": 0.1},
            r"hidden: 0\.1 of the model's 64 channels is 0, rounded to a multiple of 32; give another share",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    options: dict[str, Any], line: str, llama: Model, conversations: Dataset, bench: Bench
) -> None:
    with pytest.raises(BadRequest, match=line):
        PruneWidth(**options).check_origin("model", llama)
    with pytest.raises(BadRequest, match=line):
        pruned(PruneWidth(**options), llama, conversations, bench)


def test_heads_that_are_as_wide_as_channels_allow(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    mixtral = generator(tmp_path / "mixtral", "mixtral")
    with pytest.raises(
        BadRequest, match=r"hidden: 30 channels .* experts of 8 numbers .*; take a multiple of 8"
    ):
        PruneWidth(hidden=30).check_origin("model", mixtral)
    gpt2 = encoder(tmp_path / "gpt2", "gpt2")
    distilbert = encoder(tmp_path / "distilbert", "distilbert")
    for model in (tiny_classifier, gpt2, distilbert):
        with pytest.raises(
            BadRequest, match=r"hidden: 24 channels .* heads are 16 wide and stay so; take a multip"
        ):
            PruneWidth(hidden=24).check_origin("model", model)
    with pytest.raises(
        BadRequest, match=r"heads: 8 channels \(`hidden`\) hold 1 heads of 8, and 2 are to stay"
    ):
        PruneWidth(hidden=8, heads=2).check_origin(
            "model", encoder(tmp_path / "four", "bert", num_attention_heads=4)
        )


@pytest.mark.parametrize("family", ["mpnet", "deberta-v3", "longformer", "fnet"])
def test_families_that_are_not_known_are_refused(
    family: str, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    whole = encoder(tmp_path / "whole", family)
    with pytest.raises(
        BadRequest, match="hidden: what reads and writes the channels of a .* model isn't known"
    ):
        pruned(PruneWidth(hidden=16, rows=ROWS), whole, tiny_reviews, bench)
