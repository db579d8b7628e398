"""`slmworks rollback` and `slmworks deploy`: the log first, then what serves, both told in one breath."""

import json

import pytest
from click.testing import CliRunner

from releases import approve
from slmworks.cli.decide import rollback
from slmworks.cli.deploy import deploy
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.registry.log import Registry


@pytest.fixture
def engine(tmp_path, store):
    def write(**target):
        said = {"store": str(store.root), "tracking": "none", "deploy": {"reviews": target}}
        (tmp_path / "engine.yaml").write_text(json.dumps(said))
        return tmp_path / "engine.yaml"

    write(uses="kubernetes", **{"with": {"timeout": 5}})
    return write


@pytest.fixture
def run(tmp_path, engine):
    def said(command, *words):
        more = ["--engine-file", str(tmp_path / "engine.yaml")]
        ended = CliRunner().invoke(command, ["reviews", *words, *more])
        if ended.exception is not None:
            raise ended.exception
        return ended.output

    return said


def champion(store):
    return Registry(store).state("reviews").champion.number


def test_a_rollback_rolls_the_cluster_back(store, cluster, deployment, run, digests):
    approve(store, 2)
    assert "2 of 2 pods serve it" in run(deploy)
    assert cluster.live["reviews"] == digests[1]
    out = run(rollback, "--because", "slow")
    assert "champion: v1" in out
    assert f"{digests[1][:19]} → {digests[0][:19]}" in out
    assert cluster.live["reviews"] == digests[0]
    assert "already" in run(deploy)


def test_a_rollback_stands_although_the_cluster_is_away(store, cluster, deployment, run, digests):
    approve(store, 2)
    run(deploy)
    cluster.stop()
    with pytest.raises(TaskFailed, match=r"does not answer.* written down; to try again:  slmworks deploy"):
        run(rollback, "--because", "slow")
    assert champion(store) == 1
    cluster.start()
    run(deploy)
    assert cluster.live["reviews"] == digests[0]


def test_a_wrong_target_is_said_before_anything_is_decided(store, deployment, run, engine):
    approve(store, 2)
    engine(uses="kubernets")
    with pytest.raises(BadRequest, match="engine.yaml:1 deploy.reviews.uses: .*Did you mean 'kubernetes'"):
        run(rollback, "--because", "slow")
    engine(uses="kubernetes", **{"with": {"name": "x"}})
    with pytest.raises(BadRequest, match="engine.yaml:1 deploy.reviews.with.name: no such option"):
        run(rollback, "--because", "slow")
    assert champion(store) == 2


def test_where_nothing_is_said_nothing_is_deployed(store, cluster, deployment, run, tmp_path):
    approve(store, 2)
    (tmp_path / "engine.yaml").write_text(json.dumps({"store": str(store.root), "tracking": "none"}))
    run(rollback, "--because", "slow")
    assert cluster.requests == []
    with pytest.raises(BadRequest, match="does not say where reviews is served; add  deploy: {reviews"):
        run(deploy)
