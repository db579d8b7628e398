"""What a training computes on, and in which precision: weights are float32 in any case."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from slmworks.machine.process import cpu_flags

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""What matrices are multiplied in."""
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of processors that compute bfloat16; others only imitate it, some ten times slower than float32."""
TENSOR_CORES = 7
"""Compute capability from which a GPU multiplies float16 faster than float32 (Volta)."""


def device() -> "torch.device":
    """The accelerator where there is one, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bfloat16(device: "torch.device") -> bool:
    """True if the device computes bfloat16 rather than imitates it."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(BFLOAT16 & cpu_flags())


def resolved(precision: Precision, device: "torch.device", *, processors: bool = True) -> Precision:
    """What `auto` is on a device; other words stay. `processors`: bfloat16 on those that have it, too.

    A GPU computes in bfloat16, else in float16 where it has tensor cores, else in float32.
    """
    import torch

    if precision != "auto":
        return precision
    if device.type == "cuda":
        if has_bfloat16(device):
            return "bfloat16"
        return "float16" if torch.cuda.get_device_capability(device)[0] >= TENSOR_CORES else "float32"
    return "bfloat16" if processors and has_bfloat16(device) else "float32"


def mixed(
    device: "torch.device", precision: Precision, *, processors: bool = True
) -> "AbstractContextManager[Any]":
    """A context that multiplies matrices in the `resolved` precision."""
    import torch

    word = resolved(precision, device, processors=processors)
    if word == "float32":
        return nullcontext()
    found: AbstractContextManager[Any] = torch.autocast(device.type, dtype=getattr(torch, word))
    return found


def scaler(device: "torch.device", precision: Precision) -> Any:
    """Scales losses so that float16 holds their gradients, and leaves out steps that it can't hold.

    For every other `resolved` precision it changes nothing.
    """
    import torch

    return torch.amp.GradScaler(device.type, enabled=precision == "float16")
