"""What goes wrong with a bucket is one line, exit code 2 where the request is at fault, and no secret."""

import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from s3 import Server
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.manifest import scan
from slmworks.store import open_store


def refused(url: str, match: str) -> str:
    """The one line of a first write and a first read, which agree."""
    for ask in (lambda: open_store(url).write("runs/a", b"x"), lambda: open_store(url).list("runs")):
        with pytest.raises(BadRequest, match=match) as error:
            ask()
        assert "\n" not in str(error.value)
        assert os.environ.get("AWS_SECRET_ACCESS_KEY", "hush") not in str(error.value)
        assert len(str(error.value)) < 300
    return str(error.value)


def test_no_such_bucket(s3: str) -> None:
    said = refused("s3://nowhere-here/x", r"127.0.0.1:\d+ has no such bucket; create it, or correct --store")
    assert said.startswith("s3://nowhere-here/x: ")
    with pytest.raises(BadRequest, match="has no such bucket"):
        open_store("s3://nowhere-here/x").read("runs/a")


def put_with_another_tool(s3: str, server: Server, key: str) -> None:
    server.send(f"/{s3.removeprefix('s3://')}/{quote(key).replace('.', '%2E')}", b"hello")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("runs//t.json", "runs//t.json"),
        ("runs/./t.json", "runs/./t.json"),
        ("runs/a/../t.json", "runs/a/../t.json"),
        ("runs/a\\t.json", "runs/a\\t.json"),
        ("runs/\x1b[2J.json", r"runs/\x1b[2J.json"),
        ("runs/\u202egnp.json", r"runs/\u202egnp.json"),
    ],
    ids=["empty", "dot", "up", "backslash", "escape", "direction"],
)
def test_a_stray_key_is_named(s3: str, s3_server: Server, key: str, shown: str) -> None:
    put_with_another_tool(s3, s3_server, key)
    with pytest.raises(BadRequest) as error:
        open_store(s3).list("runs")
    assert f"{s3}: holds the key '{shown}', which no store writes" in str(error.value)
    assert str(error.value).isprintable()


def test_a_stray_key_of_an_object_is_named_before_it_is_copied(
    s3: str, s3_server: Server, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a").write_text("a")
    files = scan(tmp_path / "made")
    digest = open_store(s3).put(tmp_path / "made", files)
    put_with_another_tool(s3, s3_server, f"objects/{digest}/a\\b")
    monkeypatch.setenv("SLMWORKS_CACHE", str(tmp_path / "there"))
    for ask in (lambda: open_store(s3).damage(digest, files), lambda: open_store(s3).folder(digest)):
        with pytest.raises(BadRequest, match=r"holds the key 'objects/.*/a\\b', which no store writes"):
            ask()


def test_nobody_answers(s3: str, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://ada:hush@127.0.0.1:9")
    before = time.monotonic()
    said = refused(s3, "127.0.0.1:9 does not answer; check the network, AWS_ENDPOINT_URL and AWS_REGION")
    assert "hush" not in said
    assert time.monotonic() - before < 60


def test_no_credentials(s3: str, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # this is no machine of a cloud
    refused(s3, "no credentials; set AWS_ACCESS_KEY_ID")


def test_a_profile_with_keys_is_used_and_one_without_is_told(
    s3: str, secret: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    Path(tmp_path / "no-credentials").write_text(
        f"[team]\naws_access_key_id = AKIA1\naws_secret_access_key = {secret}\n[sso]\nregion = x\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "team")
    store = open_store(s3)
    store.write("runs/a", b"x")
    assert store.read("runs/a") == b"x"
    monkeypatch.setenv("AWS_PROFILE", "sso")
    with pytest.raises(BadRequest, match="AWS_PROFILE=sso: this profile holds no access keys"):
        open_store(s3)


@pytest.fixture
def people(server: Any, s3: str, monkeypatch):
    """Credentials count, and `people(actions)` makes somebody who may do just that."""
    boto3 = pytest.importorskip("boto3")

    def person(*actions: str) -> None:
        server.check_credentials(on=False)
        iam = boto3.client("iam", endpoint_url=server.endpoint, region_name="us-east-1")
        name = f"u{time.monotonic_ns()}"
        iam.create_user(UserName=name)
        statement = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        server.check_credentials(on=True)

    yield person
    server.check_credentials(on=False)


def test_an_unknown_key(s3: str, server: Any, people) -> None:
    server.check_credentials(on=True)
    refused(s3, r"does not accept these credentials \(InvalidAccessKeyId\); renew")


def test_a_wrong_secret(s3: str, people, monkeypatch) -> None:
    people("s3:*")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-it")
    refused(s3, r"does not accept these credentials \(SignatureDoesNotMatch\); renew")


def test_who_may_only_read(s3: str, people) -> None:
    people("s3:*")
    open_store(s3).write("runs/a", b"x")
    people("s3:GetObject", "s3:ListBucket")
    assert open_store(s3).read("runs/a") == b"x"
    assert open_store(s3).list("runs") == ["runs/a"]
    store = open_store(s3)
    store.bucket.proven = True  # type: ignore[attr-defined]
    for write in (lambda: store.write("runs/b", b"x"), lambda: store.create("runs/b", b"x")):
        with pytest.raises(
            BadRequest, match=r"may not do that there \(AccessDenied\); a run needs .*s3:PutObject"
        ):
            write()


@pytest.mark.parametrize(
    ("status", "code", "match"),
    [
        (301, "PermanentRedirect", "the bucket is in another region; set AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "the bucket is in another region; set AWS_REGION"),
        (400, "ExpiredToken", r"does not accept these credentials \(ExpiredToken\); renew"),
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
    ],
)
def test_what_aws_says_otherwise(s3: str, server: Any, status: int, code: str, match: str) -> None:
    server.fault(status=status, code=code)
    refused(s3, match)


def test_a_server_without_conditional_writes(s3: str, server: Any) -> None:
    server.fault(method="PUT", status=501, code="NotImplemented")
    with pytest.raises(BadRequest, match="cannot create a key only if it is absent"):
        open_store(s3).create("tasks/a", b"x")


def test_a_server_that_goes_away_in_the_middle(s3: str, server: Any, monkeypatch) -> None:
    monkeypatch.setattr("slmworks.store.bucket.TRIES", 1)
    store = open_store(s3)
    store.write("runs/a", b"x")
    server.fault(status=500, code="InternalError")
    with pytest.raises(
        TaskFailed, match=r"failed again and again \(InternalError\); .* what is done is kept"
    ):
        store.read("runs/a")
