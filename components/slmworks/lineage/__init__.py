"""Lineage: ancestry of models back to their source files, and liveness of runs. Never reads MLflow."""

from slmworks.lineage.ancestry import Edge, Lineage, Node, lineage_of, render
from slmworks.lineage.liveness import alive, close_dead

__all__ = ["Edge", "Lineage", "Node", "alive", "close_dead", "lineage_of", "render"]
