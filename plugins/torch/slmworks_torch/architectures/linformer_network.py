"""Linformer: BERT whose keys and values are projected along the length (Wang et al., 2020).

A text of n tokens costs n·k instead of n² scores, with k = `projected_length`. Everything but the attention
is transformers' BERT, under the same names, so that weights of a BERT fit.
"""

from typing import Any

from transformers import BertConfig, BertForSequenceClassification, BertModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.bert.modeling_bert import BertSelfAttention

import torch
from torch import nn

SHARING = ("none", "headwise", "key-value", "layerwise")
"""What one projection serves, as the paper names it: one head; the keys, or the values, of a layer; both of
them; all layers."""
TINY = 1e-9
"""Share of a place's weights that counts as none: its logarithm hides the place from attention."""


class LinformerConfig(BertConfig):
    """BERT's configuration, and how its length is projected."""

    model_type = "linformer"

    projected_length: int = 128
    """k: places that keys and values are projected to."""
    projection_length: int | None = None
    """Columns of a projection: the longest text that it was made for; as many as positions when left out."""
    sharing: str = "headwise"
    """One of `SHARING`."""

    @property
    def columns(self) -> int:
        """Tokens that a projection reads."""
        return int(self.projection_length or self.max_position_embeddings)


class LengthProjection(nn.Module):
    """From the tokens of a text to `projected_length` places, by a learnt matrix.

    A text shorter than the matrix uses its first columns. Each place is then scaled by the share of its
    weights (absolute values) that fall on real tokens, and attention is told that share: for a text of full
    length this is the paper's projection, and a short one is no average over tokens that it does not have.
    """

    def __init__(self, config: LinformerConfig) -> None:
        """`weight`: float32 [heads or 1, places, columns]."""
        super().__init__()
        heads = config.num_attention_heads if config.sharing == "none" else 1
        self.weight = nn.Parameter(torch.empty(heads, config.projected_length, config.columns))
        self.average()

    def average(self, start: str = "strided") -> None:
        """Let a place average each k-th token (`strided`), or one of k segments of neighbours (`segments`).

        The paper draws the matrix at random. Strided it is plain attention for texts of up to k tokens.
        """
        _, places, columns = self.weight.shape
        tokens = torch.arange(columns)
        place = tokens % places if start == "strided" else tokens * places // columns
        chosen = nn.functional.one_hot(place, places).t().to(self.weight.dtype)
        with torch.no_grad():
            self.weight.copy_(chosen / chosen.sum(dim=1, keepdim=True))

    def share(self, real: torch.Tensor) -> torch.Tensor:
        """Share of a place's weights on real tokens, [rows, heads or 1, places]; `real` [rows, tokens]."""
        sizes = self.weight.abs()
        found = torch.matmul(sizes[:, :, : real.shape[1]], real.t()) / sizes.sum(dim=2, keepdim=True)
        return found.permute(2, 0, 1).clamp(min=TINY)

    def forward(self, states: torch.Tensor, real: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """Project states [rows, heads or 1, tokens, width] to [rows, heads or 1, places, width].

        Padding is zeroed before.
        """
        columns = self.weight[:, :, : states.shape[2]]
        return torch.matmul(columns, states * real[:, None, :, None]) / share[:, :, :, None]


class LinformerSelfAttention(BertSelfAttention):
    """BERT's attention, to `projected_length` places instead of to every token."""

    def __init__(self, config: LinformerConfig, layer_idx: int) -> None:
        """ValueError for lengths that do not fit, or a sharing that there is not."""
        super().__init__(config, layer_idx=layer_idx)
        own = config.sharing in ("none", "headwise", "key-value")
        self.key_projection: Any = LengthProjection(config) if own else None
        self.value_projection: Any = (
            LengthProjection(config) if config.sharing in ("none", "headwise") else None
        )

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor,
        past_key_values: None = None,
        *,
        shared: LengthProjection | None = None,
        **_ignored: Any,
    ) -> tuple[torch.Tensor, None]:
        """Attend from states [rows, tokens, width]; returns the same shape.

        `attention_mask`: float32 [rows, tokens], 1 for real tokens.
        `shared`: the projection of all layers, where they share one.
        """
        of_keys = shared or self.key_projection
        of_values = self.value_projection or of_keys
        share = of_keys.share(attention_mask)
        other = share if of_values is of_keys else of_values.share(attention_mask)
        found = nn.functional.scaled_dot_product_attention(
            self._split(self.query(hidden_states)),
            self._projected(self.key, of_keys, hidden_states, attention_mask, share),
            self._projected(self.value, of_values, hidden_states, attention_mask, other),
            # expanded, which costs torch nothing: ONNX Runtime's Attention does not broadcast over queries
            attn_mask=share.log()[:, :, None].expand(-1, -1, hidden_states.shape[1], -1),
            dropout_p=self.dropout.p if self.training else 0.0,
            scale=self.scaling,
        )
        # copied in any case: kernels of torch lay their output out in different ways, which exports trip over
        return found.transpose(1, 2).clone(memory_format=torch.contiguous_format).flatten(2), None

    def _projected(
        self,
        part: nn.Module,
        projection: LengthProjection,
        states: torch.Tensor,
        real: torch.Tensor,
        share: torch.Tensor,
    ) -> torch.Tensor:
        """Keys or values, [rows, heads, places, width of a head].

        Where heads share a projection, states are projected before they become keys: k are computed, not n.
        """
        if len(projection.weight) == 1:
            return self._split(part(projection(states[:, None], real, share)[:, 0]))
        return projection(self._split(part(states)), real, share)

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        """[rows, tokens, width] to [rows, heads, tokens, width of a head]."""
        return states.unflatten(2, (self.num_attention_heads, -1)).transpose(1, 2)


class LinformerModel(BertModel):
    """An encoder that reads at most `max_position_embeddings` tokens."""

    config_class = LinformerConfig

    def __init__(self, config: LinformerConfig, add_pooling_layer: bool = True) -> None:  # noqa: FBT001, FBT002
        """ValueError for lengths that do not fit, or a sharing that there is not."""
        require_fit(config)
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        for number, layer in enumerate(self.encoder.layer):
            layer.attention.self = LinformerSelfAttention(config, number)
        self.length_projection = LengthProjection(config) if config.sharing == "layerwise" else None
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        draw_weights(super()._init_weights, module)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,  # noqa: FBT001 - as transformers calls it
        **_ignored: Any,
    ) -> BaseModelOutputWithPooling:
        """Encode int64 [rows, tokens]; ValueError for a text longer than there are positions."""
        given = input_ids if inputs_embeds is None else inputs_embeds
        if given is None:
            raise ValueError("give input_ids or inputs_embeds")
        if given.shape[1] > self.config.max_position_embeddings:
            raise ValueError(
                f"a text of {given.shape[1]} tokens is longer than the {self.config.max_position_embeddings} "
                "that this Linformer has positions for; cut it"
            )
        states = self.embeddings(
            input_ids=input_ids,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        real = torch.ones_like(states[:, :, 0]) if attention_mask is None else attention_mask.to(states.dtype)
        every = [states]
        for layer in self.encoder.layer:
            states = layer(states, real, shared=self.length_projection)
            every.append(states)
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return BaseModelOutputWithPooling(
            last_hidden_state=states,
            pooler_output=None if self.pooler is None else self.pooler(states),
            hidden_states=tuple(every) if wanted else None,
        )


class LinformerForSequenceClassification(BertForSequenceClassification):
    """The encoder with BERT's pooler and classifier."""

    config_class = LinformerConfig

    def __init__(self, config: LinformerConfig) -> None:
        """As `LinformerModel`."""
        super().__init__(config)
        self.bert = LinformerModel(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        draw_weights(super()._init_weights, module)


def draw_weights(bert: Any, module: nn.Module) -> None:
    """Set the weights of one new module: projections average, everything else is drawn by `bert`."""
    bert(module)
    if isinstance(module, LengthProjection):
        module.average()


def require_fit(config: LinformerConfig) -> None:
    """ValueError for lengths that do not fit, or a sharing that there is not."""
    if config.sharing not in SHARING:
        raise ValueError(f"sharing: '{config.sharing}' is none of {', '.join(SHARING)}")
    if not 0 < config.projected_length <= config.columns:
        raise ValueError(
            f"projected_length: {config.projected_length} must be at least 1, and at most the "
            f"{config.columns} tokens that are projected"
        )
    if config.columns < config.max_position_embeddings:
        raise ValueError(
            f"projection_length: {config.columns} is less than the {config.max_position_embeddings} positions"
        )
