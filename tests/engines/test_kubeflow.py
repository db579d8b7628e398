"""A recipe as a Kubeflow pipeline: the compiled file, run by `kfp.local`."""

from local_kfp import compiled, run_pipeline


def test_the_same_digests_as_on_this_machine_and_one_cache(works, tmp_path) -> None:
    local = works.run()
    first = compiled(works.write(), works.store).first
    ended = run_pipeline(first, works.store, tmp_path / "root")
    print(ended.log)
    assert ended.succeeded
    assert ended.digests == works.digests(local)
    assert set(ended.states.values()) == {"cached"}
