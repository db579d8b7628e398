"""Plugins that train with PyTorch."""
