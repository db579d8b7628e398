"""`python -m slmworks.tracking`: the one process that carries a run's records to MLflow."""

import argparse
import os
import sys

from slmworks.contract.errors import SlmworksError, exit_of
from slmworks.store import open_store
from slmworks.tracking.sync import POLL, sync, watch


def main() -> int:
    """Upload one run, or follow it until it has ended; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m slmworks.tracking", description=__doc__)
    parser.add_argument("--store", required=True, help="the store that holds the records")
    parser.add_argument(
        "--tracking",
        default=os.environ.get("SLMWORKS_TRACKING"),
        help="MLflow's tracking URI; default: the variable's",
    )
    parser.add_argument("--run", help="only this run; default: all")
    parser.add_argument("--every", type=float, default=POLL, help="seconds between two looks")
    parser.add_argument("--follow", action="store_true", help="go on until the run has ended")
    given = parser.parse_args()
    if not given.tracking:
        parser.error("--tracking, or SLMWORKS_TRACKING, is needed")
    if given.follow and not given.run:
        parser.error("--follow needs --run")
    try:
        if given.follow:
            print(watch(given.store, given.tracking, given.run, given.every))
        else:
            print(sync(open_store(given.store), given.tracking, run=given.run))
    except SlmworksError as error:
        line, code = exit_of(error)
        print(line, file=sys.stderr)
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
