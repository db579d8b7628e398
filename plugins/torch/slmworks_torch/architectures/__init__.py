"""Architectures that transformers lacks, registered with its auto classes by entry point.

The entry points of `slmworks.architecture` are the functions here. Networks import torch, so they are
imported when one is called.
"""


def register_linformer() -> None:
    """Let AutoConfig, AutoModel and AutoModelForSequenceClassification know the Linformer."""
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

    from slmworks_torch.architectures import linformer_network as linformer

    config = linformer.LinformerConfig
    AutoConfig.register(config.model_type, config, exist_ok=True)
    AutoModel.register(config, linformer.LinformerModel, exist_ok=True)
    AutoModelForSequenceClassification.register(
        config, linformer.LinformerForSequenceClassification, exist_ok=True
    )


def register_transformer_xl() -> None:
    """Let AutoConfig, AutoModel and AutoModelForCausalLM know the Transformer-XL."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    from slmworks_torch.architectures import transformer_xl_network as xl

    config = xl.TransformerXLConfig
    AutoConfig.register(config.model_type, config, exist_ok=True)
    AutoModel.register(config, xl.TransformerXLModel, exist_ok=True)
    AutoModelForCausalLM.register(config, xl.TransformerXLForCausalLM, exist_ok=True)
