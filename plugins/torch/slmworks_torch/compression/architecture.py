"""Factorized networks as an architecture of transformers: any family, some of its layers of low rank.

`config.json` is the family's with three entries more: `model_type: factorized`, `base_model_type`, and
`factorized_ranks`: the rank of each factorized module by its name in the base model. The configuration class
of a family, and its networks, are made when such a file is read.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from slmworks.contract.errors import BadRequest

MODEL_TYPE = "factorized"


def register() -> None:
    """Register the architecture with transformers' auto classes (entry point `slmworks.architecture`)."""
    from transformers import AutoConfig, PretrainedConfig

    class FactorizedConfig(PretrainedConfig):  # type: ignore[misc]
        model_type = MODEL_TYPE

        @classmethod
        def from_dict(cls, config_dict: dict[str, Any], **settings: Any) -> Any:
            family = str(config_dict.get("base_model_type"))
            return _config_class(family).from_dict(config_dict, **settings)

    AutoConfig.register(MODEL_TYPE, FactorizedConfig, exist_ok=True)


def config_of(config: Any, ranks: Mapping[str, int]) -> Any:
    """A family's configuration as that of a factorized network; `ranks` by name in the base model."""
    family = str(config.model_type)
    given = {**config.to_dict(), "base_model_type": family, "factorized_ranks": dict(ranks)}
    return _config_class(family).from_dict(given)


def built(net: Any, head: str, ranks: Mapping[str, int]) -> Any:
    """A network that is loaded like any other, with the weights of `net`, whose layers are of low rank.

    `head`: the class of transformers. Weights are taken over, not copied. BadRequest for a family that has
    several classes for one head.
    """
    import torch

    config = config_of(net.config, ranks)
    known = _mappings()[head].get(type(config), None)
    if known is None:
        raise BadRequest(
            f"model: transformers has not one class alone for a {net.config.model_type} model by {head}, and "
            "a factorized one needs that; take another family."
        )
    made = known.from_pretrained(None, config=config, state_dict=net.state_dict(), dtype=torch.float32)
    return made.eval()


def is_factorized(net: Any) -> bool:
    """True for a network whose layers have ranks of their own."""
    return bool(getattr(net.config, "factorized_ranks", None))


def refuse(net: Any, option: str, way_out: str) -> None:
    """BadRequest for a factorized network where `option` asks for what only whole layers can do."""
    if is_factorized(net):
        raise BadRequest(
            f"{option}: this model is factorized, and each layer has a rank of its own; {way_out}."
        )


def refuse_table(net: Any, option: str) -> None:
    """BadRequest for a network whose table of tokens is factorized, where `option` asks for its rows."""
    from slmworks_torch.compression.low_rank import LowRankEmbedding

    if is_factorized(net) and isinstance(net.get_input_embeddings(), LowRankEmbedding):
        raise BadRequest(
            f"{option}: this model's table of tokens is factorized; keep its vocabulary, or cut it before "
            "the table is factorized."
        )


@cache
def _config_class(family: str) -> Any:
    """The configuration class of a family's factorized networks, known to every auto class of the family."""
    from transformers import CONFIG_MAPPING

    if family not in CONFIG_MAPPING:
        raise ValueError(f"base_model_type: transformers knows no '{family}'")
    whole = CONFIG_MAPPING[family]
    entries = {"model_type": MODEL_TYPE, "__module__": __name__}
    made = type(f"Factorized{whole.__name__}", (whole,), entries)
    for mapping in _mappings().values():
        network = mapping.get(whole, None)
        if isinstance(network, type):  # Funnel has two, by an entry of its configuration
            mapping.register(made, _network_class(made, network), exist_ok=True)
    return made


def _mappings() -> dict[str, Any]:
    """Head -> transformers' mapping of configuration classes to networks."""
    from transformers.models.auto import modeling_auto as auto

    return {
        "AutoModel": auto.MODEL_MAPPING,
        "AutoModelForCausalLM": auto.MODEL_FOR_CAUSAL_LM_MAPPING,
        "AutoModelForSequenceClassification": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    }


def _network_class(config_class: type, whole: Any) -> type:
    """The family's network, whose layers are given their ranks before weights are loaded."""
    from slmworks_torch.compression import low_rank

    def build(self: Any, config: Any, *args: Any, **settings: Any) -> None:
        whole.__init__(self, config, *args, **settings)
        low_rank.shape(self, config.factorized_ranks)

    entries = {"config_class": config_class, "__init__": build, "__module__": __name__}
    return type(f"Factorized{whole.__name__}", (whole,), entries)
