"""`slmworks gc` at the command line."""

import pytest
from click.testing import CliRunner

from retrains import year
from slmworks.cli.main import cli
from slmworks.contract.errors import BadRequest
from slmworks.contract.ledger import Cost, Entry
from slmworks.ledger.in_store import About, open_ledger
from slmworks.store import open_store


@pytest.fixture
def gc(tmp_path):
    store = open_store(str(tmp_path / "store"))
    year(store, tmp_path, 8)

    def call(*words):
        done = CliRunner().invoke(cli, ["gc", *words, "--store", str(store)])
        if isinstance(done.exception, BadRequest):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return call


STRICT = ("--keep-days", "0", "--keep-runs", "1", "--grace-days", "0")


def test_a_plan_then_the_same_done(gc):
    said = gc("--dry-run")
    assert "nothing to let go of" in said
    said = gc(*STRICT, "--dry-run")
    assert "would wait" in said
    assert "objects that nothing needs" in said
    words = [line.split() for line in said.splitlines()[2:-1]]
    assert words == [line.split() for line in gc(*STRICT).splitlines()[2:-1]]
    said = gc(*STRICT)
    assert "objects that nothing needs" in said
    assert "0 B aside" in said
    assert "copies of what was rejected: reviews v7" in said
    assert "nothing to let go of" in gc(*STRICT)


def test_what_is_pinned_stays_until_it_is_unpinned(gc):
    assert gc("--pin", "reviews@2") == gc("--pin", "reviews@2")
    assert gc("--pin", "reviews-0003") == "pinned reviews-0003\n"
    before = gc(*STRICT, "--dry-run").splitlines()[0]
    assert gc("--unpin", "reviews-0003") == "no longer pinned: reviews-0003\n"
    assert gc(*STRICT, "--dry-run").splitlines()[0] != before


@pytest.mark.parametrize("what", ["nobody", "reviews@99", "abcdef123"])
def test_what_cannot_be_pinned_is_one_line(gc, what):
    with pytest.raises(BadRequest):
        gc("--pin", what)
    assert "nothing to let go of" in gc()


def test_ledgers_stay_and_are_told(gc, tmp_path):
    assert "ledgers" not in gc(*STRICT)
    store = open_store(str(tmp_path / "store"))
    user = {"run": "gone", "task": "student"}
    with open_ledger(store, About("answers", "d" * 64, {}, 1), user, say=print, waiting=print) as held:
        held.add("e" * 64, Entry({"text": b"paid"}, 1), Cost(tokens=1))
    before = store.sizes("ledgers/")
    assert before
    for _ in range(2):
        assert f"kept: 1 ledger of teachers, {sum(before.values())} B" in gc(*STRICT)
    assert store.sizes("ledgers/") == before
