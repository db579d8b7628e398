"""Does the ONNX file compute what torch computes? Asked at shapes that exporters get wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model

if TYPE_CHECKING:
    import numpy as np


def largest_difference(model: Model, folder: Path, *, threads: int, seed: int) -> float:
    """Compare random token ids through `folder/model.onnx` and through the Hugging Face `model`.

    Returns the largest absolute difference of any logit; NaN if either side computes one.
    """
    import numpy as np

    import torch
    from slmworks.model_tasks.text_classification.hf import load_torch
    from slmworks.model_tasks.text_classification.onnx import open_session

    torch.set_num_threads(threads)
    reference = load_torch(model.path)
    session = open_session(folder / "model.onnx", threads)
    worst = 0.0
    for ids, mask in _batches(int(model.meta["max_length"]), reference.config.vocab_size, seed):
        with torch.inference_mode():
            wanted = reference(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits
        (found,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
        worst = float(np.maximum(worst, np.abs(found - wanted.numpy()).max()))
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
