"""Lineage: the way from a model back to its source files, read from the store and never from MLflow."""

from slmworks.lineage.ancestry import Edge, Lineage, Node, lineage_of, render
from slmworks.lineage.liveness import alive, close_dead

__all__ = ["Edge", "Lineage", "Node", "alive", "close_dead", "lineage_of", "render"]
