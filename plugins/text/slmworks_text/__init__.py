"""Plugins that curate text. Heavy libraries are imported only when a step runs."""
