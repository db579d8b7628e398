"""A language model packed by Neural Compressor: smaller, loaded from what was written, near what it was."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from toys import toy

import torch
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench, sealed
from slmworks_inc import packed_folder
from slmworks_inc.rtn import IncRtn

ROW = {"messages": [{"role": "user", "content": "What is 7 of 21?"}]}
LAYERS = 7 * 2
TASK = {"task": "text-generation", "max_new_tokens": 12}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("rtn"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """Toys: tied, untied, and one with biases."""
    folder = tmp_path_factory.mktemp("models")

    def of(name: str, kind: str) -> Model:
        made = toy(folder / name, kind)
        return sealed(Model(path=made.path, format="hf", meta=TASK))

    return {
        "tied": of("tied", "llama"),
        "untied": of("untied", "llama-untied"),
        "biased": of("biased", "qwen2"),
    }


@pytest.fixture(scope="module")
def tied(models: dict[str, Model], shop: Bench) -> Model:
    return packed(models["tied"], shop, "tied")


def packed(model: Model, shop: Bench, name: str, **options: object) -> Model:
    return sealed(IncRtn(**options).run(model=model, calibration=None, task=shop.task(name)))


def logits(module: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return module(input_ids=torch.arange(40)[None]).logits[0]


@pytest.mark.parametrize("name", ["tied", "untied", "biased"])
def test_8_bits_compute_nearly_what_the_original_does(
    name: str, models: dict[str, Model], shop: Bench
) -> None:
    made = packed(models[name], shop, f"8-{name}", bits=8)
    assert made.format == "inc"
    assert 0 < made.summary["divergence"] < 0.01
    whole, small = (open_runtime(one, threads=1) for one in (models[name], made))
    (answer,) = small.answer([ROW])
    assert answer["tokens"] == 12
    assert small.encode(ROW) == whole.encode(ROW)
    assert small.ends == whole.ends
    ours, theirs = logits(small.module), logits(whole.module)
    # Weights this large make much of a rounding; wrong unpacking is off by the logits themselves.
    assert 0 < (ours - theirs).std() < 0.1 * theirs.std()


@pytest.mark.parametrize("options", [{}, {"sym": False}, {"group_size": 128}], ids=str)
def test_4_bits_are_what_the_file_says(options: dict, models: dict[str, Model], shop: Bench) -> None:
    """A weight is its integer, less the zero point, times the scale of its group."""
    model = models["biased"]
    made = packed(model, shop, f"4-{len(str(options))}", **options)
    group = options.get("group_size", 32)
    file, whole = load_file(made.path / "model.safetensors"), load_file(model.path / "model.safetensors")
    name = "model.layers.1.mlp.down_proj"
    integers = unpacked(file[f"{name}.qweight"].T)  # [out, in]
    zeros = unpacked(file[f"{name}.qzeros"]).T + 1  # [out, groups]
    columns = torch.arange(96) // group
    scales = file[f"{name}.scales"].T.float()
    expected = (integers - zeros[:, columns]) * scales[:, columns]
    layer = packed_folder.read(made.path).get_submodule(name)
    layer(torch.zeros(1, 96))
    torch.testing.assert_close(layer.weight, expected, rtol=1e-3, atol=1e-4)
    step = scales[:, columns]
    assert ((whole[f"{name}.weight"] - expected).abs() <= 0.51 * step + 1e-3).float().mean() > 0.98
    biases = [key for key in whole if key.endswith("bias")]
    assert biases
    assert all(torch.equal(file[key], whole[key]) for key in biases)


def unpacked(rows: torch.Tensor) -> torch.Tensor:
    """Four bits after the other, the lowest first."""
    return torch.stack([(rows >> shift) & 15 for shift in range(0, 32, 4)], -1).flatten(1)


def test_nothing_is_written_that_says_nothing(models: dict[str, Model], tied: Model) -> None:
    made = tied
    names = load_file(made.path / "model.safetensors").keys()
    assert not [name for name in names if name.endswith("bias") or "fp8" in name or name == "lm_head.weight"]
    assert sum(name.endswith("qweight") for name in names) == LAYERS
    whole = (models["tied"].path / "model.safetensors").stat().st_size
    size = (made.path / "model.safetensors").stat().st_size
    assert made.summary["bytes"] == size
    parameters = made.meta["parameters"]
    matrices = sum(one * other for one, other in packed_folder.settings(made.path).layers.values())
    assert parameters == matrices + 400 * 64 + 5 * 64  # the table, the norms
    assert made.meta["quantized"]["weights_quantized_share"] == pytest.approx(matrices / parameters)
    # A nibble a weight, and for each 32 of them 16 bits of scale and a nibble of zero point.
    assert size < 4 * (parameters - matrices) + 0.65 * matrices + 12_000
    assert size < 0.6 * whole


def test_it_is_the_same_again_and_leaves_its_input_alone(
    models: dict[str, Model], tied: Model, shop: Bench
) -> None:
    before = (models["tied"].path / "model.safetensors").read_bytes()
    assert packed(models["tied"], shop, "again").digest == tied.digest
    assert (models["tied"].path / "model.safetensors").read_bytes() == before


def test_the_answer_comes_from_the_file_that_ships(tied: Model, tmp_path: Path) -> None:
    made = tied
    folder = tmp_path / "changed"
    shutil.copytree(tied.path, folder)
    file = load_file(folder / "model.safetensors")
    file["model.layers.0.mlp.up_proj.scales"] *= 0
    save_file(file, folder / "model.safetensors")
    changed = Model(path=folder, format="inc", meta=made.meta)
    assert open_runtime(changed, threads=1).answer([ROW]) != open_runtime(made, threads=1).answer([ROW])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda folder: (folder / "inc.json").unlink(),
            "inc.json: it does not say how the layers are packed",
        ),
        (lambda folder: (folder / "inc.json").write_text("[]"), "inc.json: it does not say how"),
        (
            lambda folder: edit(folder, lambda said: said["layers"].update({"model.up": [1, 1]})),
            "inc.json: the network of config.json has no layer model.up",
        ),
        (lambda folder: edit(folder, lambda said: said.update(bits=8)), "model.safetensors: it does not fit"),
        (
            lambda folder: edit(folder, lambda said: said["layers"].popitem()),
            "model.safetensors: it does not fit inc.json",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 9),
            "model.safetensors: it does not",
        ),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(change, line: str, tied: Model, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tied.path, folder)
    change(folder)
    with pytest.raises(BadRequest) as refused:
        open_runtime(Model(path=folder, format="inc", meta=tied.meta), threads=1)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def edit(folder: Path, change) -> None:
    said = json.loads((folder / "inc.json").read_text())
    change(said)
    (folder / "inc.json").write_text(json.dumps(said))


def test_8_bits_without_symmetry_are_refused() -> None:
    """Neural Compressor's own unpacking is what is wrong: this fails when it is mended."""
    from neural_compressor.torch.quantization import RTNConfig, convert, prepare

    with pytest.raises(ValueError, match="sym: Neural Compressor unpacks 8 bits without symmetry wrongly"):
        IncRtn(bits=8, sym=False)
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(64, 16))
    weight = layer[0].weight.detach().clone()
    made = convert(prepare(layer, RTNConfig(bits=8, group_size=32, use_sym=False)))
    assert (made[0].recover().float() - weight).abs().max() > weight.abs().max()


def test_a_classifier_is_refused(tiny_classifier: Model, bench: Bench) -> None:
    task = bench.task("classifier")
    with pytest.raises(BadRequest, match="which is no causal language model; inc-rtn packs those"):
        IncRtn().run(model=tiny_classifier, calibration=None, task=task)
    assert list(task.output.iterdir()) == []


def test_what_is_quantized_already_is_refused(models: dict[str, Model], bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(models["tied"].path, tmp_path / "gptq")
    said = json.loads((tmp_path / "gptq/config.json").read_text())
    said["quantization_config"] = {"quant_method": "gptq"}
    (tmp_path / "gptq/config.json").write_text(json.dumps(said))
    with pytest.raises(BadRequest, match="its weights are quantized already"):
        IncRtn().run(model=Model(path=tmp_path / "gptq"), calibration=None, task=bench.task("again"))


def test_a_model_without_layers_fails(bench: Bench, tmp_path: Path) -> None:
    model = toy(tmp_path / "empty", num_hidden_layers=0)
    task = bench.task("empty")
    with pytest.raises(TaskFailed, match="found no linear layer in this model"):
        IncRtn().run(model=model, calibration=None, task=task)
    assert list(task.output.iterdir()) == []
