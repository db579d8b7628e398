"""A collector that is killed at any moment loses nothing that is needed, and the next one ends its work."""

import random
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from retrains import year
from slmworks.execution.cache import find
from slmworks.execution.origins import Origins
from slmworks.retention.collect import collect
from slmworks.retention.roots import Rule, kept
from slmworks.store import Store, open_store

STRICT = Rule(days=0, runs=1)
GC = """
import sys
from datetime import timedelta
from slmworks.retention.collect import collect
from slmworks.retention.roots import Rule
from slmworks.store import open_store

print("begins", flush=True)
collect(open_store(sys.argv[1]), Rule(days=0, runs=1), grace=timedelta(0), copies=0)
print("ended", flush=True)
"""


def whole(store: Store) -> int:
    """Every object that is needed is there to the last byte, under its name; returns how many."""
    origins = Origins(store)
    found = origins.of(kept(store, STRICT, origins).bytes)
    for origin in found.values():
        store.verify(origin.manifest)
        if origin.manifest.kind != "Release":
            assert find(store, origin.manifest.fingerprint) == origin.manifest
    return len(found)


def kill_and_look(root: Path, kills: int, seed: int) -> int:
    """Kill collectors of one store, each after another while; returns how many were killed at work."""
    chance, store = random.Random(seed), open_store(str(root))
    needed, killed = whole(store), 0
    longest = 0.15  # seconds; follows how long a whole one takes
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", GC, str(root)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            time.sleep(chance.uniform(0, longest))
            process.kill()
            ended = "ended" in process.stdout.read()
        killed += not ended
        longest *= 0.8 if ended else 1.25
        assert whole(store) == needed
    return killed


@pytest.mark.parametrize(
    ("retrains", "kills"), [(12, 5), pytest.param(40, 50, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path, retrains: int, kills: int) -> None:
    root, kept_as = tmp_path / "store", tmp_path / "whole"
    year(open_store(str(root)), tmp_path, retrains)
    shutil.copytree(root, kept_as, copy_function=shutil.copy2)
    rounds, killed = 0, 0
    while rounds < kills:
        shutil.rmtree(root)
        shutil.copytree(kept_as, root, copy_function=shutil.copy2)
        some = min(5, kills - rounds)
        killed += kill_and_look(root, some, seed=rounds)
        rounds += some
        store = open_store(str(root))
        for _ in range(2):
            collect(store, STRICT, grace=timedelta(0), copies=0)
        assert whole(store)
        assert store.children("aside/objects") == store.children("removing") == []
        origins = Origins(store)
        assert set(store.children("objects/")) == kept(store, STRICT, origins).bytes & set(
            store.children("objects/")
        )
    assert killed
