"""Linformers of BERT-like models: the length of attention is factorized."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.factorize import Factorize
from slmworks_torch.training_options import SHORTEST

ROWS = 64
"""Rows that the distance from the model is measured on."""


class LinformerOf(Factorize):
    """Make a Linformer of a BERT-like model: attention to k places, not to every token (Wang et al., 2020).

    Embeddings, layers, positions and head are the model's; positions beyond its own are its own again
    (Beltagy et al., 2020). It computes long texts faster, short ones not, and has some more weights than the
    model. Heal it by giving it to distill/logit-kd or distill/embedding-kd as `student`. With `data`, the
    summary says how far its answers are from the model's.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train",)}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    produces: ClassVar[str] = "hf"
    model_tasks: ClassVar[tuple[str, ...]] = ("text-classification", "feature-extraction")

    projected_length: PositiveInt = 128
    """k: places that keys and values are projected to."""
    max_length: Annotated[int, Field(ge=SHORTEST)] | None = None
    """Tokens of a text that it reads; as many as the model when left out."""
    sharing: Literal["none", "headwise", "key-value", "layerwise"] = "headwise"
    """What one projection serves: a single head; the keys, or the values, of a layer; both; all layers."""
    start: Literal["strided", "segments"] = "strided"
    """Tokens that a place averages at first: each k-th one, which is the model itself for texts of up to k
    tokens, or one of k segments of neighbours."""

    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Build the Linformer with the model's weights; nothing is trained."""
        import torch
        from slmworks_torch import training
        from slmworks_torch.architectures.linformer_weights import linformer_of
        from slmworks_torch.compression import compressible
        from slmworks_torch.compression.encoder import Encoder

        require_no_scope(model)
        training.prepare(task)
        whole = compressible.load(model)
        if not isinstance(whole, Encoder):
            raise BadRequest(
                f"model: a {whole.net.config.model_type} network writes text, and a Linformer reads it as a "
                "whole; give a classifier or an encoder."
            )
        length = self.max_length or whole.network.max_length
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(task.seed)
            net = linformer_of(whole.net, whole.head, length, self)
        headed = replace(whole.model, meta={**whole.model.meta, "max_length": length})
        made = replace(whole, model=headed, network=replace(whole.network, net=net, max_length=length))
        summary = {"projected_length": self.projected_length, "parameters": made.parameters}
        if data is None:
            return made.made(task, summary)
        read = min((whole, made), key=lambda one: one.network.max_length)
        batches = read.calibration(data, "train", ROWS, task)
        return made.made(task, {**summary, "distance": round(made.distance(whole, batches), 6)})
