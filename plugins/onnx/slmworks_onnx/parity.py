"""Difference between an ONNX file and its torch network, at shapes that exporters get wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.runtime import Network

if TYPE_CHECKING:
    import numpy as np


def largest_difference(network: Network, path: Path, *, threads: int, seed: int) -> float:
    """Compute texts of random tokens by the ONNX file at `path` and by the network it was made of.

    Returns the largest absolute difference of any output; NaN if either side computes one.
    """
    import numpy as np

    import torch
    from slmworks.model_tasks.onnx_text import open_session

    reference, session = network.graph(), open_session(path, threads)
    worst = 0.0
    for ids, mask in _batches(network, seed):
        with torch.inference_mode():
            wanted = reference(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        (found,) = session.run([network.output], {"input_ids": ids, "attention_mask": mask})
        worst = float(np.maximum(worst, np.abs(found - wanted).max()))
    return worst


def _batches(network: Network, seed: int) -> Iterator[tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]]:
    """Token ids and masks; each row has its special tokens, which some networks look for (BART)."""
    import numpy as np

    chance, longest = np.random.default_rng(seed), network.max_length
    added = set(network.tokenizer.get_added_tokens_decoder())
    words = sorted(set(network.tokenizer.get_vocab().values()) - added)
    around = network.tokenizer.encode("").ids
    first, last = around[: (len(around) + 1) // 2], around[(len(around) + 1) // 2 :]
    least = max(1, len(around))
    for rows, tokens in ((1, 2), (1, 3), (2, 7), (3, longest // 2), (1, longest), (5, longest)):
        width = max(2, least, min(tokens, longest))
        ids = chance.choice(words, (rows, width))
        lengths = chance.integers(least, width + 1, rows)
        lengths[0] = width
        for row, length in enumerate(lengths):
            ids[row, : len(first)], ids[row, length - len(last) : length] = first, last
        yield ids, (np.arange(width) < lengths[:, None]).astype(np.int64)
