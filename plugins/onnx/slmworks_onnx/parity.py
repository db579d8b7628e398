"""Difference between an ONNX file and its torch network, at shapes that exporters get wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.runtime import Network

if TYPE_CHECKING:
    import numpy as np


def largest_difference(network: Network, path: Path, *, threads: int, seed: int) -> float:
    """Compute random token ids by the ONNX file at `path` and by the network it was made of.

    Returns the largest absolute difference of any output; NaN if either side computes one.
    """
    import numpy as np

    import torch
    from slmworks.model_tasks.onnx_text import open_session

    reference, session = network.graph(), open_session(path, threads)
    vocabulary = network.tokenizer.get_vocab_size()
    worst = 0.0
    for ids, mask in _batches(network.max_length, vocabulary, seed):
        with torch.inference_mode():
            wanted = reference(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        (found,) = session.run([network.output], {"input_ids": ids, "attention_mask": mask})
        worst = float(np.maximum(worst, np.abs(found - wanted).max()))
    return worst


def _batches(
    longest: int, vocabulary: int, seed: int
) -> Iterator[tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]]:
    import numpy as np

    chance = np.random.default_rng(seed)
    for rows, tokens in ((1, 2), (1, 3), (2, 7), (3, longest // 2), (1, longest), (5, longest)):
        width = max(2, min(tokens, longest))
        ids = chance.integers(0, vocabulary, (rows, width))
        lengths = chance.integers(1, width + 1, (rows, 1))
        lengths[0] = width
        yield ids, (np.arange(width) < lengths).astype(np.int64)
