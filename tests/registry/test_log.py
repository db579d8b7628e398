"""The log of decisions: what it allows, what it says, and what it is like in a crowd."""

import itertools
import json
import multiprocessing

import pytest

from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.registry.log import Registry
from slmworks.store import open_store

BY = {"who": "ada", "how": "claimed: user name of the command line"}


@pytest.fixture
def registry(tmp_path):
    return Registry(open_store(str(tmp_path / "store")))


def register(registry, model, name="reviews"):
    return registry.register(
        name,
        model_digest=model * 8,
        wrapper_digest="w" * 8,
        verdict="v" * 8,
        seal=lambda version: f"release-{model}-{version}",
    )


def test_versions_count_up_and_the_same_bytes_keep_theirs(registry):
    first, second = register(registry, "a"), register(registry, "b")
    assert (first.version, second.version) == (1, 2)
    assert register(registry, "a") == first
    assert second.release == "release-b-2"
    assert registry.names() == ["reviews"]
    assert registry.state("reviews").aliases == {"candidate": 2}


def test_the_same_model_under_another_name_is_another_model(registry):
    register(registry, "a")
    assert register(registry, "a", name="intents").version == 1
    assert registry.names() == ["intents", "reviews"]


def test_approval_makes_a_champion_and_the_next_one_a_previous(registry):
    for model in "abc":
        register(registry, model)
    registry.approve("reviews", 1, **BY, why="first")
    registry.approve("reviews", 2, **BY, why="better")
    state = registry.state("reviews")
    assert state.aliases == {"candidate": 3, "champion": 2, "previous": 1}
    assert [version.status for version in state.versions] == ["approved", "approved", "candidate"]
    assert state.champion.decided.who == "ada"
    assert state.champion.decided.model_digest == "b" * 8
    assert state.champion.decided.when.endswith("+00:00")


def test_rollback_goes_back_one_and_the_version_can_be_approved_again(registry):
    register(registry, "a"), register(registry, "b")
    registry.approve("reviews", 1, **BY, why="first")
    registry.approve("reviews", 2, **BY, why="better")
    entry = registry.rollback("reviews", **BY, why="it answers in French")
    assert entry.version == 1
    state = registry.state("reviews")
    assert state.aliases == {"champion": 1}
    assert state.versions[1].status == "rolled-back"
    with pytest.raises(BadRequest, match=r"v2 was rolled back by ada on .* \(it answers in French\)"):
        registry.approved("reviews", 2, "b" * 8, "w" * 8)
    registry.approve("reviews", 2, **BY, why="it was the test that was wrong")
    assert registry.state("reviews").aliases == {"champion": 2, "previous": 1}


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (lambda r: r.approve("reviews", 7, **BY, why="x"), r"has no version 7; it has versions 1 to 2"),
        (lambda r: r.approve("review", 1, **BY, why="x"), r"no model .* 'review'.*Did you mean 'reviews'"),
        (lambda r: r.approve("reviews", 2, **BY, why="  "), r"say why: slmworks approve"),
        (lambda r: r.approve("reviews", 1, **BY, why="x"), r"v1 was already approved by ada .*\(first\)"),
        (
            lambda r: r.rollback("reviews", **BY, why="x"),
            r"v1 is the first champion.*slmworks reject reviews 1",
        ),
        (lambda r: r.rollback("intents", **BY, why="x"), r"intents has no champion"),
        (lambda r: register(r, "a", name="../up"), r"'\.\./up' cannot be a model's name"),
        (lambda r: r.state("a/b"), r"cannot be a model's name"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(registry, wrong, line):
    register(registry, "a"), register(registry, "b"), register(registry, "a", name="intents")
    registry.approve("reviews", 1, **BY, why="first")
    before = registry.store.list("registry/")
    with pytest.raises(BadRequest, match=line) as error:
        wrong(registry)
    assert "\n" not in str(error.value)
    assert registry.store.list("registry/") == before


def test_the_only_champion_can_be_taken_out_of_service(registry):
    register(registry, "a"), register(registry, "b")
    registry.approve("reviews", 1, **BY, why="first")
    registry.reject("reviews", 1, **BY, why="it insults people")
    state = registry.state("reviews")
    assert (state.aliases, state.versions[0].status) == ({"candidate": 2}, "rejected")
    with pytest.raises(BadRequest, match=r"v1 was rejected by ada .* \(it insults people\)"):
        registry.approved("reviews", 1, "a" * 8, "w" * 8)
    registry.approve("reviews", 2, **BY, why="a better one")
    assert registry.state("reviews").aliases == {"champion": 2}


def test_a_rejected_predecessor_is_nothing_to_go_back_to(registry):
    for number, model in enumerate("abc", start=1):
        register(registry, model)
        registry.approve("reviews", number, **BY, why="better")
    with pytest.raises(
        BadRequest, match=r"v3 is the champion. Go back to v2 first: slmworks rollback reviews"
    ):
        registry.reject("reviews", 3, **BY, why="x")
    registry.reject("reviews", 2, **BY, why="it was never any good")
    assert registry.state("reviews").aliases == {"champion": 3, "previous": 1}
    registry.rollback("reviews", **BY, why="back")
    assert registry.state("reviews").aliases == {"champion": 1}


def test_who_approves_while_another_version_becomes_champion_is_told(registry, monkeypatch):
    for model in "abc":
        register(registry, model)
    registry.approve("reviews", 1, **BY, why="first")
    append = registry._append

    def after_bob(entry):
        monkeypatch.setattr(registry, "_append", append)
        registry.approve("reviews", 2, who="bob", how="test", why="faster")
        return append(entry)

    monkeypatch.setattr(registry, "_append", after_bob)
    with pytest.raises(BadRequest, match=r"bob just made v2 the champion \(faster\); nothing was approved"):
        registry.approve("reviews", 3, **BY, why="mine")
    assert registry.state("reviews").aliases == {"candidate": 3, "champion": 2, "previous": 1}


def test_what_was_decided_on_an_older_state_is_told_too(registry):
    for model in "abc":
        register(registry, model)
    registry.approve("reviews", 1, **BY, why="first")
    seen = registry.state("reviews")
    registry.approve("reviews", 2, who="bob", how="test", why="faster")
    with pytest.raises(BadRequest, match=r"bob just made v2 the champion \(faster\); nothing was approved"):
        registry.approve("reviews", 3, **BY, why="mine", seen=seen)


def test_rejected_bytes_stay_rejected(registry):
    register(registry, "a")
    registry.reject("reviews", 1, **BY, why="rude")
    assert register(registry, "a").version == 1
    assert registry.state("reviews").candidate is None
    with pytest.raises(BadRequest, match=r"already rejected by ada .*\(rude\)"):
        registry.approve("reviews", 1, **BY, why="please")


def test_only_the_approved_digests_are_approved(registry):
    register(registry, "a")
    with pytest.raises(BadRequest, match="not approved yet"):
        registry.approved("reviews", 1, "a" * 8, "w" * 8)
    registry.approve("reviews", 1, **BY, why="first")
    registry.approved("reviews", 1, "a" * 8, "w" * 8)
    with pytest.raises(BadRequest, match="model is bbbbbbbb, the approval names aaaaaaaa"):
        registry.approved("reviews", 1, "b" * 8, "w" * 8)
    with pytest.raises(BadRequest, match="wrapper is x, the approval names wwwwwwww"):
        registry.approved("reviews", 1, "a" * 8, "x")


def test_an_edited_log_is_found_out(registry, tmp_path):
    register(registry, "a"), register(registry, "b")
    log = tmp_path / "store" / "registry" / "reviews"
    text = (log / "000001.json").read_text()
    (log / "000001.json").unlink()
    with pytest.raises(CorruptObject, match="000001 before it is missing"):
        registry.state("reviews")
    (log / "000001.json").write_text("{}")
    with pytest.raises(CorruptObject, match="not an entry of the log"):
        registry.state("reviews")
    (log / "000001.json").write_text(text.replace('"seq": 1', '"seq": 2'))
    with pytest.raises(CorruptObject, match="speaks of reviews 000002"):
        registry.state("reviews")


def race(url, worker, start, results):
    registry = Registry(open_store(url))
    attempts = [
        lambda: register(registry, "shared"),
        lambda: register(registry, f"own{worker}"),
        lambda: registry.approve("reviews", 3, who=f"w{worker}", how="test", why="a race"),
        lambda: registry.reject("reviews", 3, who=f"w{worker}", how="test", why="a race"),
        lambda: registry.rollback("reviews", who=f"w{worker}", how="test", why="a race"),
    ]
    order = attempts[:2] + (attempts[2:] if worker % 2 else attempts[3:1:-1] + attempts[4:])
    start.wait()
    for attempt in order:
        try:
            results.put(attempt().action)
        except BadRequest:
            results.put("refused")


def test_eight_processes_leave_one_winner_each_and_a_log_without_gaps(tmp_path):
    url = str(tmp_path / "store")
    registry = Registry(open_store(url))
    for model in "abc":
        register(registry, model)
    registry.approve("reviews", 1, **BY, why="first")
    registry.approve("reviews", 2, **BY, why="second")
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(8), context.Queue()
    workers = [context.Process(target=race, args=(url, n, start, results)) for n in range(8)]
    for worker in workers:
        worker.start()
    said = [results.get(timeout=60) for _ in range(8 * 5)]
    for worker in workers:
        worker.join()
    state = registry.state("reviews")
    actions = [entry.action for entry in state.entries]
    assert [entry.seq for entry in state.entries] == list(range(1, len(actions) + 1))
    decisions = [e.seq for e in state.entries if e.version == 3 and e.action in ("approve", "reject")]
    rollbacks = [e.seq for e in state.entries if e.action == "rollback"]
    # one winner; only what was rolled back can be decided again
    assert all(any(a < r < b for r in rollbacks) for a, b in itertools.pairwise(decisions))
    assert actions.count("register") == 3 + 1 + 8
    assert [e.version for e in state.entries if e.action == "register"] == list(range(1, 13))
    assert said.count("register") == 16
    assert said.count("rollback") == actions.count("rollback") >= 1
    keys = registry.store.list("registry/reviews")
    assert all(json.loads(registry.store.read(key))["name"] == "reviews" for key in keys)
