"""Memory of a network that is cut: its own, so that what is cut off is free at once."""

import ctypes
import mmap
from pathlib import Path
from typing import Any

MAPS = Path("/proc/self/maps")
DONT_NEED = 4
"""MADV_DONTNEED of Linux: pages of a file are read again if somebody asks for them."""


def own(net: Any) -> None:
    """Copy weights that lie in a mapped file, one after the other, and give the file's pages back.

    Such pages count as the process's from the first use of a weight until the last weight of its file is
    gone, however much was cut. Nothing happens where no file is mapped, and outside of Linux.
    """
    known = files()
    for weight in net.parameters():
        given = weight.data
        start, size = given.data_ptr(), given.numel() * given.element_size()
        if not any(first <= start and start + size <= last for first, last in known):
            continue
        weight.data = given.clone()
        page = mmap.PAGESIZE
        first, last = -(-start // page) * page, (start + size) // page * page
        if first < last:
            ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), DONT_NEED)


def files() -> list[tuple[int, int]]:
    """Addresses of mapped files of weights, from and to."""
    if not MAPS.exists():
        return []
    found = []
    for line in MAPS.read_text(encoding="utf-8").splitlines():
        if line.endswith(".safetensors"):
            first, last = line.split(maxsplit=1)[0].split("-")
            found.append((int(first, 16), int(last, 16)))
    return found
