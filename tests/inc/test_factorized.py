"""Factorized models are quantized factor by factor, or refused with the reason."""

from typing import Any

import numpy as np
import pytest

import onnx
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime, outputs_all
from slmworks.testing import Bench, sealed
from slmworks_inc import packed_folder
from slmworks_inc.autoround import IncAutoround
from slmworks_inc.autotune import IncAutotune
from slmworks_inc.awq import IncAwq
from slmworks_inc.gptq import IncGptq
from slmworks_inc.rtn import IncRtn
from slmworks_inc.static import IncStatic
from slmworks_torch.compression import compressible
from slmworks_torch.compression.low_rank import LowRank, LowRankEmbedding
from slmworks_torch.compression.prune_layers import PruneLayers
from slmworks_torch.compression.svd import SvdFactorize

ASKED = [{"messages": [{"role": "user", "content": "Question 3: what is 3 of 21?"}]}]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("factorized"))


def factorized(model: Model, bench: Bench, name: str, **options: Any) -> Model:
    return sealed(SvdFactorize(**options).run(model=model, data=None, task=bench.task(name)))


@pytest.fixture(scope="module")
def classifier(shop: Bench, tiny_classifier: Model) -> Model:
    """Of one layer: each that is exported costs a second."""
    one = PruneLayers(layers=(0,)).run(model=tiny_classifier, data=None, task=shop.task("one"))
    return factorized(sealed(one), shop, "classifier", budget=0.8, multiple=4, embeddings=True)


@pytest.fixture(scope="module")
def generator(shop: Bench, llama: Model) -> Model:
    return factorized(llama, shop, "generator", budget=0.8)


def factors(model: Model) -> dict[str, int]:
    """Number of weights of each factor, by its path."""
    return {
        f"{name}.{which}": getattr(part, which).weight.numel()
        for name, part in compressible.load(model).net.named_modules()
        if isinstance(part, LowRank | LowRankEmbedding)
        for which in ("first", "second")
    }


@pytest.mark.parametrize(
    "plugin", [IncStatic(rows=33), pytest.param(IncAutotune(rows=33, drop=0.2), marks=pytest.mark.slow)]
)
def test_a_classifiers_factors_are_int8(
    plugin: Any, shop: Bench, classifier: Model, tiny_reviews: Dataset
) -> None:
    made = sealed(
        plugin.run(model=classifier, calibration=tiny_reviews, task=shop.task(type(plugin).__name__))
    )
    counts = factors(classifier)
    int8 = [
        tensor
        for tensor in onnx.load(made.path / "model.onnx").graph.initializer
        if tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8) and len(tensor.dims) > 1
    ]
    assert len(counts) == 16
    stored = [int(np.prod(tensor.dims)) for tensor in int8]
    assert {*counts.values()} <= {*stored}
    assert len(stored) >= len(counts)
    assert (
        made.summary["weights_quantized_share"] >= sum(counts.values()) / classifier.meta["parameters"] - 1e-3
    )
    rows = tiny_reviews.rows("test", "text")
    found, wanted = (
        outputs_all(open_runtime(model, threads=1), rows).argmax(axis=1) for model in (made, classifier)
    )
    assert (found == wanted).mean() >= 0.8


@pytest.mark.parametrize("plugin", [IncRtn(), IncGptq(group_size=8), IncAwq(group_size=8)])
def test_a_generators_factors_are_packed(plugin: Any, shop: Bench, generator: Model, data: Dataset) -> None:
    made = sealed(plugin.run(model=generator, calibration=data, task=shop.task(plugin.plugin)))
    counts = factors(generator)
    assert {*packed_folder.settings(made.path).layers} == {*counts}
    share = made.summary["weights_quantized_share"]
    assert share == pytest.approx(sum(counts.values()) / generator.meta["parameters"])
    assert made.summary["divergence"] < 0.5
    (answer,) = answer_all(open_runtime(made, threads=1), ASKED)
    assert answer["tokens"] == 12


def test_groups_that_ranks_are_no_multiple_of(shop: Bench, generator: Model, data: Dataset) -> None:
    with pytest.raises(
        BadRequest, match=r"group_size: 32 does not divide .*second; take a divisor of 8, or fact"
    ):
        IncGptq().run(model=generator, calibration=data, task=shop.task("groups"))


def test_autoround_refuses_what_llama_cpp_has_no_layers_for(
    shop: Bench, generator: Model, data: Dataset
) -> None:
    task = shop.task("autoround")
    with pytest.raises(
        BadRequest, match=r"the model is factorized, and llama\.cpp has no layers of low rank"
    ):
        IncAutoround().run(model=generator, calibration=data, task=task)
    assert list(task.output.iterdir()) == []
