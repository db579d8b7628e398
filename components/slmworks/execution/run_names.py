"""Names of runs as people type them: whole, by a unique beginning, or short where that is long."""

import hashlib
import re
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.execution.records import run_ids, run_record

if TYPE_CHECKING:
    from slmworks.store import Store

LONG = 24
"""Characters of a name above which it has a short one; those of this machine's runs have 20."""
SHOWN = 4
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def short_name(run: str) -> str:
    """The name itself; of a long one the beginning (Kubeflow's), or `r` and 8 digits of its hash (Airflow's).

    >>> short_name("20261128-162317-12ef"), short_name("0b7e4d62-3a57-4b1c-9b53-0f4f1d0c1a2b")
    ('20261128-162317-12ef', '0b7e4d62')
    """
    if len(run) <= LONG:
        return run
    return run[:8] if UUID.fullmatch(run) else f"r{hashlib.sha256(run.encode()).hexdigest()[:8]}"


def full_name(store: "Store", given: str) -> str:
    """The run that a name, a unique beginning or a short name means; BadRequest for none, and for several."""
    if given and run_record(store, given) is not None:  # one read, where a list may be long
        return given
    known = run_ids(store)
    if given in known:
        return given
    found = [run for run in known if given and run.startswith(given)]
    found = found or [run for run in known if short_name(run) == given]
    if not found:
        raise BadRequest(f"no run '{given}' in {store}. {did_you_mean(given, known)}")
    if len(found) > 1:
        shown = ", ".join(found[-SHOWN:]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
        raise BadRequest(f"'{given}' begins the names of {len(found)} runs: {shown}; give more of the name.")
    return found[0]
