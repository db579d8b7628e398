"""A causal student has its teacher's layers and neurons, and is opened by plain transformers and llama.cpp."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cut_students import DEPTH, EXPORTED, FAMILIES, loaded, logits, opened, saved, student, teacher
from orders import orders
from pydantic import ValidationError
from toys import exported

import torch
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench
from slmworks_torch import students
from slmworks_torch.causal import sizes, width
from slmworks_torch.causal.student import StudentShape
from slmworks_torch.compression import units
from slmworks_torch.compression.decoder import Decoder

QUICK = ("llama", "phi3", "gemma2")
REST = [pytest.param(name, marks=pytest.mark.slow) for name in EXPORTED if name not in QUICK]
IDS = [1, 40, 300, 77, 12, 399, 5, 250, 90, 33, 8, 120, 200, 201, 60, 7]
IDS_OF_FEW = [number % 360 for number in IDS]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"), train=24, validation=6)


def without_layers(net: Any, layers: tuple[int, ...]) -> Any:
    """The network itself, with some of its layers; masks of each kind stay with their layers."""
    net.model.layers = torch.nn.ModuleList(net.model.layers[number] for number in layers)
    if kinds := getattr(net.config, "layer_types", None):
        net.config.layer_types = [kinds[number] for number in layers]
    net.config.num_hidden_layers = len(layers)
    for place, layer in enumerate(net.model.layers):
        layer.self_attn.layer_idx = place
    return net


@pytest.mark.parametrize(
    ("count", "depth", "expected"),
    [(30, 24, None), (5, 3, (0, 2, 4)), (6, 4, (0, 2, 3, 5)), (4, 4, (0, 1, 2, 3)), (9, 2, (0, 8))],
)
def test_depth_spreads_layers_evenly_from_the_first_to_the_last(
    count: int, depth: int, expected: tuple[int, ...] | None
) -> None:
    found = sizes.evenly(count, depth)
    assert expected in (None, found)
    assert (found[0], found[-1], len(set(found))) == (0, count - 1, depth)
    gaps = {after - before for before, after in pairwise(found)}
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_by_depth_computes_what_its_layers_computed(
    family: str, bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    windows = {"gemma2": {"sliding_window": 4}, "qwen2": {"use_sliding_window": True, "sliding_window": 4}}
    more = {"max_window_layers": 2} if family == "qwen2" else {}
    whole = teacher(tmp_path / "teacher", family, **windows.get(family, {}), **more)
    made = opened(saved(student(bench, whole, data, depth=3), tmp_path / "student"))
    expected = without_layers(opened(whole), (0, 2, 4))
    torch.testing.assert_close(logits(made, IDS), logits(expected, IDS))
    assert logits(made, IDS).sub(logits(opened(whole), IDS)).abs().max() > 0.01
    assert made.config.tie_word_embeddings == opened(whole).config.tie_word_embeddings


@pytest.mark.parametrize("family", [*QUICK, *REST])
def test_neurons_that_are_cut_could_as_well_give_nothing(
    family: str, bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = teacher(tmp_path / "teacher", family)
    made = opened(saved(student(bench, whole, data, ffn=0.7), tmp_path / "student"))
    assert made.config.intermediate_size == 64
    masked = loaded(whole)
    task, view = bench.task("again"), Decoder(whole, masked)
    found = units.neurons(masked.net)
    means = units.activity(view, found, view.calibration(data, "train", width.ROWS, task), task)
    assert len(means) == DEPTH
    for name, active in means.items():
        gone = active.argsort()[: 96 - 64]
        with torch.no_grad():
            masked.net.get_submodule(name).weight[:, gone] = 0
    torch.testing.assert_close(logits(made, IDS), logits(masked.net, IDS), rtol=1e-4, atol=1e-4)


def test_the_most_active_neurons_stay(bench: Bench, tmp_path: Path, data: Dataset) -> None:
    whole = loaded(teacher(tmp_path / "teacher", "llama"))
    loud = list(range(1, 96, 3))
    for layer in whole.net.model.layers:
        with torch.no_grad():
            layer.mlp.up_proj.weight[loud] *= 100
    made = student(bench, saved(whole, tmp_path / "loud"), data, ffn=1 / 3)
    for layer, before in zip(made.net.model.layers, whole.net.model.layers, strict=True):
        assert layer.mlp.down_proj.weight.equal(before.mlp.down_proj.weight[:, loud])
        assert layer.mlp.up_proj.weight.equal(before.mlp.up_proj.weight[loud])


@pytest.mark.parametrize(
    ("whole", "share", "kept"),
    [(96, 0.75, 64), (1536, 0.75, 1152), (4864, 0.75, 3584), (8192, 0.5, 4096), (8960, 0.25, 2304)],
)
def test_widths_are_multiples_of_a_block_of_quantized_files(whole: int, share: float, kept: int) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=8, intermediate_size=whole, num_hidden_layers=1, num_attention_heads=1, vocab_size=8
    )
    assert width.rounded(LlamaForCausalLM(config), share, port="teacher") == kept


@pytest.mark.parametrize(
    "family",
    [
        "llama",
        pytest.param("phi3", marks=pytest.mark.slow),
        pytest.param("gemma2", marks=pytest.mark.slow),
        *REST,
    ],
)
def test_a_student_cut_in_every_way_answers_in_llama_cpp_as_in_torch(
    family: str, bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = teacher(tmp_path / "teacher", family)
    made = student(bench, whole, data, layers=(0, 1, 4), ffn=0.7, vocabulary=360)
    model = saved(made, tmp_path / "student")
    assert made.shape.keys() == {"layers", "ffn", "vocabulary", "extra_tokens"}
    file = exported(model, bench)
    assert file.summary["proof_greedy_equal"] == file.summary["proof_greedy_tokens"] > 0
    assert file.summary["parameters"] == made.parameters < loaded(whole).parameters
    rows = [{"messages": one["messages"]} for one in data.rows("validation", "messages")]
    said = [list(answer_all(open_runtime(one, threads=1), rows)) for one in (model, file)]
    assert said[0] == said[1]


def test_llama_cpp_gets_no_gemma_2_whose_windows_it_would_misplace(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = teacher(tmp_path / "teacher", "gemma2", sliding_window=4)
    made = saved(student(bench, whole, data, depth=3), tmp_path / "student")
    with pytest.raises(BadRequest, match=r"layer_types \(sliding sliding sliding\) says otherwise; make a"):
        exported(made, bench)


def test_layers_are_dropped_in_rounds(bench: Bench, tmp_path: Path, data: Dataset) -> None:
    whole = teacher(tmp_path / "teacher", "llama")
    first = saved(student(bench, whole, data, depth=4, vocabulary=360), tmp_path / "first")
    second = student(bench, whole, data, given=first, name="again", depth=3, vocabulary=360)
    # layers 0, 2 and 3 of 0, 1, 3 and 4
    expected = without_layers(loaded(first).net, (0, 2, 3))
    torch.testing.assert_close(logits(second.net, IDS_OF_FEW), logits(expected, IDS_OF_FEW))
    assert second.net.model.layers[1].mlp.up_proj.weight.equal(
        loaded(whole).net.model.layers[3].mlp.up_proj.weight
    )
    assert (second.folder / "kept_tokens.json").exists()


def test_a_student_larger_than_its_teacher_is_refused(bench: Bench, tmp_path: Path, data: Dataset) -> None:
    small = teacher(tmp_path / "small", "llama", num_hidden_layers=1)
    large = teacher(tmp_path / "large", "llama")
    with pytest.raises(BadRequest, match=r"student: it has [\d,]+ weights, more than its teacher's [\d,]+;"):
        student(bench, small, data, given=large)
    student(bench, large, data, given=small, name="smaller")


def test_a_shape_that_cannot_be_is_refused_before_anything_is_measured(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    llama, mixtral = teacher(tmp_path / "llama", "llama"), teacher(tmp_path / "mixtral", "mixtral")
    refused = [
        (llama, {"layers": (0, 9)}, r"layers: the teacher has the layers 0 to 4, not 9\."),
        (llama, {"depth": 6}, r"depth: the teacher has 5 layers, and 6 are asked for; take fewer\."),
        (
            llama,
            {"ffn": 0.95},
            r"ffn: 0\.95 of the teacher's 96 neurons a layer is 96, rounded to a multiple",
        ),
        (llama, {"ffn": 0.1}, r"ffn: 0\.1 of the teacher's 96 neurons a layer is 0, rounded"),
        (mixtral, {"ffn": 0.5}, r"ffn: this teacher \(mixtral\) has no feed-forward part of one width"),
    ]
    for number, (model, shape, line) in enumerate(refused):
        with pytest.raises(BadRequest, match=line):
            student(bench, model, data, name=f"cut{number}", **shape)
    assert not [event for event in bench.events if event["event"] == "progress"]
    with pytest.raises(ValidationError, match="layers and depth say the same thing in two ways"):
        StudentShape(layers=(0, 1), depth=2)


def test_the_same_seed_gives_the_same_neurons(bench: Bench, tmp_path: Path, data: Dataset) -> None:
    whole = teacher(tmp_path / "teacher", "qwen2")
    made = [student(bench, whole, data, name=f"cut{number}", ffn=0.4) for number in range(2)]
    first, second = (one.net.state_dict() for one in made)
    assert all(first[name].equal(second[name]) for name in first)


def test_a_network_whose_layers_depend_on_their_place_gives_no_layers(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=3, n_embd=16, n_head=2, vocab_size=20, scale_attn_by_inverse_layer_idx=True)
    with pytest.raises(
        BadRequest, match="no gpt2 network can be made of the layers 0, 2 .*depends on its place"
    ):
        students.of_layers(GPT2LMHeadModel(config), (0, 2))
