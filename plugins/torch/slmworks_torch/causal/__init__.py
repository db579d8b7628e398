"""Causal language models: training on answers to conversations, and on plain text."""
