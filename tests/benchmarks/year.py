"""A year in one store: retrains of three models, and what `slmworks gc` makes of them.

    python tests/benchmarks/year.py --at /tmp/year

Every retrain leaves what one of the first recipe does, with bytes of its own, a thousandth of the size; the
releases are real. Prints bytes before and after, and sees that champions and their predecessors are whole and every
version's lineage is what it was.
"""

import argparse
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from retrains import occupied, year
from slmworks.lineage import lineage_of, render
from slmworks.numbers.figures import size
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.retention.collect import collect
from slmworks.retention.roots import Rule
from slmworks.store import Store, open_store
from synthetic import no_waiting_for_the_disk

NAMES = ("reviews", "intents", "search")


def main() -> None:
    """Fill, collect, and look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=Path, required=True, help="a folder that is new")
    parser.add_argument("--retrains", type=int, default=250, help="of each model")
    parser.add_argument("--keep-days", type=float, default=90)
    given = parser.parse_args()
    store = open_store(str(given.at / "store"))
    with no_waiting_for_the_disk():
        for name in NAMES:
            year(store, given.at / "work", given.retrains, name)
        ways = {what: _way(store, what) for what in _versions(store)}
        print(f"{len(ways)} versions; the store has {size(occupied(store.root))}")
        for days in (given.keep_days, 14):
            for _ in range(2):
                begun = time.process_time()
                found = collect(store, Rule(days, 20), grace=timedelta(0), copies=0)
                took = time.process_time() - begun
            print(
                f"--keep-days {days:g}: {size(found.freed)} freed, the store has {size(occupied(store.root))}; "
                f"{found.stays.count} objects stay; {took:.1f} s CPU"
            )
    for name in NAMES:
        state = Registry(store).state(name)
        for version in (state.champion, state.previous):
            assert version is not None
            print(f"{name} v{approved_release(Registry(store), name, version.number).entry.version} is whole")
    assert {what: _way(store, what) for what in ways} == ways
    print(f"the lineage of all {len(ways)} versions is what it was")


def _versions(store: Store) -> list[str]:
    registry = Registry(store)
    return [f"{name}@{one.number}" for name in NAMES for one in registry.state(name).versions]


def _way(store: Store, what: str) -> str:
    return render(lineage_of(store, what)).partition("\n")[2]


if __name__ == "__main__":
    main()
