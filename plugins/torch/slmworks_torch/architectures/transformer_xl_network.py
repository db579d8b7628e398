"""Transformer-XL: a decoder that remembers the states of the text before (Dai et al., 2019).

Text of any length is computed segment by segment; each layer also attends to what it was given for the last
`memory_length` tokens. Every token sees itself and as many tokens before it (`same_length` in the authors'
code), so that results don't depend on where a text is divided; over n layers a token is reached by some
n · `memory_length` before it. Not in here: the adaptive softmax of large vocabularies.
"""

from dataclasses import dataclass
from typing import Any

from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel, initialization
from transformers.utils import ModelOutput

import torch
from torch import nn


class TransformerXLConfig(PreTrainedConfig):
    """Sizes of the network, of its memory, and of the segments that gradients stay in."""

    model_type = "transformer-xl"

    vocab_size: int = 32000
    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    memory_length: int = 128
    """Tokens before it that a token sees in each layer."""
    segment_length: int = 128
    """Tokens that are computed together; gradients don't reach the segment before."""
    dropout: float = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    tie_word_embeddings: bool = True


@dataclass
class TransformerXLOutput(ModelOutput):
    """What the network says of a text, and what it remembers of it."""

    loss: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    """float32 [rows, tokens, vocabulary]."""
    memory: torch.Tensor | None = None
    """Input of each layer for the last tokens, without gradients: [layers, rows, memory, width]."""


@dataclass
class Sight:
    """Who sees whom in a segment, the same for all layers."""

    positions: torch.Tensor
    """Encodings of the distances 0 to `memory_length`, [distances, width]."""
    distances: torch.Tensor
    """int64 [tokens, memory + tokens]: how far each token stands behind each, cut to what there is."""
    hidden: torch.Tensor
    """Added to scores, [rows, 1, tokens, memory + tokens]: 0, or as little as there is."""


class RelativeAttention(nn.Module):
    """Attention whose scores depend on contents and on distances, each with a bias of its own."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        width, self.heads = config.hidden_size, config.num_attention_heads
        self.query, self.key, self.value, self.distance, self.output = (
            nn.Linear(width, width, bias=False) for _ in range(5)
        )
        self.content_bias = nn.Parameter(torch.zeros(self.heads, 1, width // self.heads))
        self.distance_bias = nn.Parameter(torch.zeros(self.heads, 1, width // self.heads))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: torch.Tensor, seen: torch.Tensor, sight: Sight) -> torch.Tensor:
        """Attend from `states` [rows, tokens, width] to `seen` [rows, memory + tokens, width]."""
        query, key, value = (
            self._split(part(given))
            for part, given in ((self.query, states), (self.key, seen), (self.value, seen))
        )
        scale = query.shape[3] ** -0.5
        far = self._split(self.distance(sight.positions)[None])
        by_distance = torch.matmul(query + self.distance_bias, far.transpose(2, 3))
        chosen = sight.distances.expand(*by_distance.shape[:2], *sight.distances.shape)
        found = nn.functional.scaled_dot_product_attention(
            query + self.content_bias,
            key,
            value,
            attn_mask=by_distance.gather(3, chosen) * scale + sight.hidden,
            dropout_p=self.dropout.p if self.training else 0.0,
            scale=scale,
        )
        # copied in any case: kernels of torch lay their output out in different ways, which exports trip over
        return self.output(found.transpose(1, 2).clone(memory_format=torch.contiguous_format).flatten(2))

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        """[rows, tokens, width] to [rows, heads, tokens, width of a head]."""
        return states.unflatten(2, (self.heads, -1)).transpose(1, 2)


class TransformerXLLayer(nn.Module):
    """Attention and feed-forward network, each behind a norm of its own."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.attention_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.attention = RelativeAttention(config)
        self.feed_forward_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.feed_forward = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: torch.Tensor, seen: torch.Tensor, sight: Sight) -> torch.Tensor:
        """States [rows, tokens, width] of the next layer; `seen`: memory and these states."""
        normal = self.attention_norm(seen)
        found = self.attention(normal[:, seen.shape[1] - states.shape[1] :], normal, sight)
        states = states + self.dropout(found)
        return states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))


class TransformerXLPreTrainedModel(PreTrainedModel):
    """What both networks say of themselves to transformers."""

    config_class = TransformerXLConfig
    base_model_prefix = "transformer"

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, RelativeAttention):
            for bias in (module.content_bias, module.distance_bias):
                initialization.normal_(bias, std=self.config.initializer_range)


class TransformerXLModel(TransformerXLPreTrainedModel):
    """The decoder without a head."""

    def __init__(self, config: TransformerXLConfig) -> None:
        """ValueError for sizes that do not fit."""
        require_fit(config)
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(TransformerXLLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The table of token vectors."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace it."""
        self.embeddings = value

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
        **_ignored: Any,
    ) -> TransformerXLOutput:
        """Read int64 [rows, tokens] behind `memory`, as an earlier call gave it.

        `attention_mask` [rows, memory + tokens] or longer: its last columns count; where it is shorter, all
        of the memory is seen. Padding may stand before or behind a row, not inside.
        """
        rows, tokens = input_ids.shape
        known = 0 if memory is None else memory.shape[2]
        real = input_ids.new_ones(rows, known + tokens)
        if attention_mask is not None:
            columns = min(attention_mask.shape[1], known + tokens)
            real[:, known + tokens - columns :] = attention_mask[:, attention_mask.shape[1] - columns :]
        states = self.dropout(self.embeddings(input_ids))
        found = []
        for piece in states.split(self.config.segment_length, dim=1):
            end = known + piece.shape[1]
            piece, memory = self._segment(piece, memory, real[:, :end])  # noqa: PLW2901 - the next layer's
            real = real[:, end - memory.shape[2] :]
            known = memory.shape[2]
            found.append(piece)
        return TransformerXLOutput(last_hidden_state=self.norm(torch.cat(found, dim=1)), memory=memory)

    def _segment(
        self, states: torch.Tensor, memory: torch.Tensor | None, real: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """States of the last layer, and what each layer is to remember; `real` [rows, memory + tokens]."""
        sight = self._sight(states, real)
        kept = []
        for number, layer in enumerate(self.layers):
            seen = states if memory is None else torch.cat([memory[number], states], dim=1)
            kept.append(seen[:, max(0, seen.shape[1] - self.config.memory_length) :].detach())
            states = layer(states, seen, sight)
        return states, torch.stack(kept)

    def _sight(self, states: torch.Tensor, real: torch.Tensor) -> Sight:
        most, seen, tokens = self.config.memory_length, real.shape[1], states.shape[1]
        place = torch.arange(seen, device=states.device)
        apart = place[seen - tokens :, None] - place
        sees = (apart >= 0) & (apart <= most) & real[:, None, None].bool()
        lowest = torch.finfo(states.dtype).min
        hidden = torch.zeros_like(sees, dtype=states.dtype).masked_fill(~sees, lowest)
        return Sight(encodings(most, states), apart.clamp(0, most), hidden)


class TransformerXLForCausalLM(TransformerXLPreTrainedModel, GenerationMixin):
    """The decoder with a head over its vocabulary; generates with its memory instead of a cache."""

    _tied_weights_keys = {"lm_head.weight": "transformer.embeddings.weight"}  # noqa: RUF012

    def __init__(self, config: TransformerXLConfig) -> None:
        """As `TransformerXLModel`."""
        super().__init__(config)
        self.transformer = TransformerXLModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int = 0,
        **_ignored: Any,
    ) -> TransformerXLOutput:
        """As `TransformerXLModel.forward`; logits of the last `logits_to_keep` tokens, 0 for all."""
        found = self.transformer(input_ids, attention_mask=attention_mask, memory=memory)
        logits = self.lm_head(found.last_hidden_state[:, -logits_to_keep:])
        loss = None if labels is None else self.loss_function(logits, labels, self.config.vocab_size)
        return TransformerXLOutput(loss=loss, logits=logits, memory=found.memory)

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
        **_ignored: Any,
    ) -> dict[str, Any]:
        """Inputs of the next call: behind the first one, the last token alone."""
        new = input_ids if memory is None else input_ids[:, -1:]
        return {"input_ids": new, "attention_mask": attention_mask, "memory": memory}

    def _update_model_kwargs_for_generation(
        self, outputs: Any, model_kwargs: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        found = super()._update_model_kwargs_for_generation(outputs, model_kwargs, **more)
        return {**found, "memory": outputs.memory}

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False


def encodings(most: int, like: torch.Tensor) -> torch.Tensor:
    """Sines and cosines of the distances 0 to `most` (Vaswani et al., 2017), [distances, width]."""
    width = like.shape[2]
    steps = torch.arange(0, width, 2, device=like.device, dtype=torch.float32) / width
    angles = torch.arange(most + 1, device=like.device, dtype=torch.float32)[:, None] / 10000**steps
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(like.dtype)


def require_fit(config: TransformerXLConfig) -> None:
    """ValueError for sizes that do not fit."""
    for name in ("memory_length", "segment_length"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name}: {getattr(config, name)} must be at least 1")
    if config.hidden_size % 2 or config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"hidden_size: {config.hidden_size} must be even, and a multiple of the "
            f"{config.num_attention_heads} heads"
        )
