"""A classifier in a Hugging Face folder, computed by torch: the reference that others are compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.machine.quiet import quiet
from slmworks.model_tasks.text_classification.onnx import encode, open_tokenizer

if TYPE_CHECKING:
    import numpy as np


class HfClassifier:
    """Loads the folder once. Torch counts its threads per process, so the last one loaded decides."""

    def __init__(self, folder: Path, labels: Sequence[str], max_length: int, threads: int) -> None:
        """Load config.json, model.safetensors and tokenizer.json; never runs code from the folder."""
        import torch

        torch.set_num_threads(threads)
        self.labels = list(labels)
        self.max_length = max_length
        self.tokenizer = open_tokenizer(folder, max_length)
        """Cuts and pads as the model was trained."""
        self.module = load_torch(folder)
        """The transformers model, for those who transform it."""

    def logits(self, texts: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Compute all texts as one batch; returns float32 [texts, labels]."""
        import numpy as np

        import torch

        if not len(texts):
            return np.zeros((0, len(self.labels)), np.float32)
        batch = encode(self.tokenizer, texts)
        with torch.inference_mode():
            found = self.module(
                input_ids=torch.from_numpy(batch["input_ids"]),
                attention_mask=torch.from_numpy(batch["attention_mask"]),
            )
        return np.asarray(found.logits.float().numpy())


def load_torch(folder: Path) -> Any:
    """Load the folder as a torch classifier in evaluation mode, float32, without a word on the terminal."""
    with quiet():
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging

        import torch

        logging.disable_progress_bar()
        return AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
        ).eval()
