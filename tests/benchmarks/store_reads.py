"""What commands ask of a store that has seen a thousand runs: requests, CPU seconds and peak memory.

    python tests/benchmarks/store_reads.py --at /tmp/store
    PYTHONPATH=OTHER/components python tests/benchmarks/store_reads.py --at /tmp/store

The first makes the store, if there is none, and prints the table; the second prints that of another checkout on
the same store. A request is what a bucket would be asked: one a key, one a
thousand names of a listing.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

RECIPE = Path(__file__).parents[2] / "pipelines/first-run.yaml"
COMMANDS = {
    "runs": ["runs"],
    "models": ["models"],
    "plan": ["plan", str(RECIPE)],
    "lineage": ["lineage", "reviews@champion"],
    "page of a gate": ["page"],
    "approve": ["approve", "LAST", "--because", "better", "--uncompared", "--tracking", "none"],
}


def one(name: str, store: str) -> None:
    """Run one command in this process, and print what it took."""
    import slmworks.store
    from counted import Counted
    from slmworks.registry.log import Registry

    plain = slmworks.store.open_store(store)
    states = [Registry(plain).state(one) for one in ("reviews", "intents", "search")]
    waiting = next(state for state in states if state.candidate)
    counted = Counted(plain)
    slmworks.store.open_store = lambda _url: counted  # type: ignore[assignment]
    before = resource.getrusage(resource.RUSAGE_SELF)
    words = [waiting.name if word == "LAST" else word for word in COMMANDS[name]]
    if words == ["page"]:
        from slmworks.packet.gather import packet

        assert packet(counted, waiting.candidate.registered.verdict)[1]  # type: ignore[union-attr]
    else:
        from click.testing import CliRunner

        from slmworks.cli.main import cli

        done = CliRunner().invoke(cli, [*words, "--store", store])
        assert done.exit_code == 0, done.output
    used = resource.getrusage(resource.RUSAGE_SELF)
    took = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([counted.reads, round(took, 2), used.ru_maxrss // 1024]))


def main() -> None:
    """Fill the store, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=Path, required=True, help="the store; made if it is not there")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=300)
    parser.add_argument("--only", choices=COMMANDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        one(given.only, str(given.at))
        return
    if not given.at.exists():
        from slmworks.store import open_store
        from synthetic import fill

        fill(open_store(str(given.at)), given.runs, given.entries)
    print(f"| command | requests | at 20 ms each, one after the other | CPU s | peak MB |\n|{'---|' * 5}")
    for name in COMMANDS:
        command = [sys.executable, __file__, "--at", str(given.at), "--only", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        reads, seconds, peak = json.loads(done.stdout.splitlines()[-1])
        print(f"| {name} | {reads:,} | {reads * 0.02:.1f} s | {seconds} | {peak} |")


if __name__ == "__main__":
    main()
