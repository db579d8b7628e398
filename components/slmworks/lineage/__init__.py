"""Lineage: what happened, told to MLflow, and the way back from a model to its source files.

Tasks spool records into the store (`runs/<run>/<task>.json`); nothing here runs while they work but one
process in the background that uploads them. Only what stands behind `sync` and `check` imports MLflow.
"""

from slmworks.lineage.alive import alive, close_dead
from slmworks.lineage.ancestry import Edge, Lineage, Node, lineage_of, render
from slmworks.lineage.spool import SyncResult, sync, watch

__all__ = [
    "Edge",
    "Lineage",
    "Node",
    "SyncResult",
    "alive",
    "close_dead",
    "lineage_of",
    "render",
    "sync",
    "watch",
]
