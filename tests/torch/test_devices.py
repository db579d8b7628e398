"""The precision of a training by what the device can compute, and a scaled loss where float16 needs it."""

import pytest

import torch
from slmworks_torch import devices
from slmworks_torch.devices import Precision, mixed, resolved

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(("flags", "has"), [({"avx2"}, False), ({"avx512_bf16"}, True), ({"amx_bf16"}, True)])
def test_auto_takes_bfloat16_where_a_processor_has_it_and_may_take_it(
    flags: set[str], has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "cpu_flags", lambda: frozenset(flags))
    assert devices.has_bfloat16(CPU) == has
    with mixed(CPU, "auto"):
        assert torch.is_autocast_enabled("cpu") == has
    with mixed(CPU, "auto", processors=False):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("processors", [True, False])
@pytest.mark.parametrize(
    ("capability", "bfloat16", "wanted"),
    [((9, 0), True, "bfloat16"), ((8, 0), True, "bfloat16"), ((7, 5), False, "float16"), ((6, 1), False, "float32")],
)  # fmt: skip
def test_auto_takes_what_a_gpu_is_fast_in(
    capability: tuple[int, int],
    bfloat16: bool,
    wanted: str,
    processors: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    assert resolved("auto", GPU, processors=processors) == wanted


@pytest.mark.parametrize(
    ("word", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)]
)
def test_a_named_precision_holds_on_every_device(word: Precision, dtype: torch.dtype) -> None:
    matrix = torch.eye(4)
    with mixed(CPU, word):
        assert (matrix @ matrix).dtype == dtype
    assert resolved(word, GPU) == word


def test_only_float16_scales_losses() -> None:
    loss = torch.tensor(1.0)
    assert float(devices.scaler(CPU, "bfloat16").scale(loss)) == 1.0
    assert float(devices.scaler(CPU, "float16").scale(loss)) > 1.0
