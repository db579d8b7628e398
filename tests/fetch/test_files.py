"""Fetching for real: local files, archives, a web server, a package folder and index, a small hub."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from archives import digest, tar_of, written, zip_of
from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.fetch import Source
from slmworks.fetch.files import FetchFiles
from slmworks.machine.process import OFFLINE, adopt_environment, environment
from slmworks.testing import Bench

Fetched = Callable[..., Files]


def test_local_file_folder_and_archive(fetch: Fetched, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.txt").write_text("a")
    (tmp_path / "deep" / "b.txt").write_text("b")
    (tmp_path / "x.tar.gz").write_bytes(tar_of({"top/one.txt": b"1", "top/two.md": b"2", "other.txt": b"3"}))
    files = fetch(file="deep/b.txt", folder="deep", inside="tar://top/*.txt::x.tar.gz")
    assert written(files) == ["file/b.txt", "folder/b.txt", "folder/er/a.txt", "inside/one.txt"]
    assert files.names == ("file", "folder", "inside")
    assert files.summary["files"] == 4


def test_local_file_that_changed_after_planning(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    source = Source.parse("a.csv", folder=tmp_path).pin()
    (tmp_path / "a.csv").write_text("2")
    with pytest.raises(BadRequest, match=r"a\.csv has changed since this run was planned"):
        FetchFiles().run(sources={"x": source}, task=bench.task("t"))


def test_url_with_digest(fetch: Fetched, serve: Callable, bench: Bench) -> None:
    address, _ = serve({"/a.csv": b"text,label\n"})
    files = fetch(train=f"{address}/a.csv#sha256={digest(b'text,label' + bytes([10]))}")
    assert (files.folder("train") / "a.csv").read_bytes() == b"text,label\n"
    with pytest.raises(
        BadRequest, match=f"expected sha256 {'0' * 64} but got {digest(b'text,label' + bytes([10]))}"
    ):
        fetch(train=f"{address}/a.csv#sha256={'0' * 64}")
    with pytest.raises(BadRequest, match="no such file"):
        fetch(train=f"{address}/missing.csv")
    assert any(event["event"] == "progress" and event["unit"] == "bytes" for event in bench.events)


def test_one_download_serves_all_members(fetch: Fetched, serve: Callable) -> None:
    inner = zip_of({"d/a.txt": b"A", "d/b.txt": b"B"})
    address, seen = serve({"/x.tar": tar_of({"in.zip": inner}, "w")})
    files = fetch(
        a=f"zip://d/a.txt::tar://in.zip::{address}/x.tar",
        b=f"zip://d/b.txt::tar://in.zip::{address}/x.tar",
    )
    assert written(files) == ["a/a.txt", "b/b.txt"]
    assert seen.count("GET /x.tar") == 1


def test_server_that_is_gone_is_a_failed_task_without_the_query(fetch: Fetched) -> None:
    with pytest.raises(TaskFailed, match="could not be read") as caught:
        fetch(train="http://127.0.0.1:9/a.csv?page=1")
    assert "page=1" not in str(caught.value)


def test_fsspec_folder_and_glob(fetch: Fetched) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("a.csv", "sub/b.csv", "c.txt"):
        memory.pipe(f"/fetch-test/{name}", name.encode())
    files = fetch(
        folder="memory://fetch-test", glob="memory://fetch-test/*.csv", one="memory://fetch-test/c.txt"
    )
    assert written(files) == ["folder/a.csv", "folder/c.txt", "folder/sub/b.csv", "glob/a.csv", "one/c.txt"]


def test_missing_file_system_package_gives_the_install_line(fetch: Fetched) -> None:
    with pytest.raises(BadRequest, match="pip install") as caught:
        fetch(x="gs://bucket/x.csv")
    assert "pip install gcsfs" in str(caught.value)


def test_pickled_model_inside_an_archive(fetch: Fetched, tmp_path: Path) -> None:
    (tmp_path / "m.tar").write_bytes(tar_of({"m/config.json": b"{}", "m/pytorch_model.bin": b"\x80"}))
    with pytest.raises(BadRequest, match="is a pickle"):
        fetch(model="tar://m::m.tar")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A find-links folder with a wheel and an sdist of one version; no index."""
    links = tmp_path / "links"
    links.mkdir()
    wheel = {
        "toydata/model/config.json": b"wheel",
        "toydata-1.0.dist-info/METADATA": b"Name: toydata\nVersion: 1.0\n",
    }
    # An sdist whose setup.py would be noticed if it ran.
    marker = tmp_path / "ran"
    sdist = {
        "toydata-1.0/setup.py": f"open({str(marker)!r}, 'w')".encode(),
        "toydata-1.0/extra/inner.tar.gz": tar_of({"in/a.txt": b"A", "in/b.txt": b"B"}),
    }
    (links / "toydata-1.0-py3-none-any.whl").write_bytes(zip_of(wheel))
    (links / "toydata-1.0.tar.gz").write_bytes(tar_of(sdist))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    return links


def test_package_wheel_is_preferred_and_the_digest_chooses(
    fetch: Fetched, package: Path, tmp_path: Path
) -> None:
    sdist = digest((package / "toydata-1.0.tar.gz").read_bytes())
    files = fetch(
        wheel="pypi://toydata==1.0/toydata/model",
        inner=f"tar://in/a.txt::pypi://toydata==1.0/extra/inner.tar.gz#sha256={sdist}",
    )
    assert written(files) == ["inner/a.txt", "wheel/config.json"]
    assert files.summary["sources"]["inner"] == f"pypi toydata==1.0 sha256:{sdist[:12]}"
    assert not (tmp_path / "ran").exists()


def test_package_mistakes(fetch: Fetched, package: Path) -> None:
    with pytest.raises(BadRequest, match="no such package and version"):
        fetch(x="pypi://toydata==2.0/a")
    with pytest.raises(BadRequest, match=f"expected sha256 {'1' * 64} but got"):
        fetch(x=f"pypi://toydata==1.0/a#sha256={'1' * 64}")
    with pytest.raises(BadRequest, match="no file 'toydata/modle'"):
        fetch(x="pypi://toydata==1.0/toydata/modle")


def test_package_index_that_does_not_answer_is_not_named(
    fetch: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:secret@127.0.0.1:9/simple")
    with pytest.raises(TaskFailed, match="the package index did not answer") as caught:
        fetch(x="pypi://six==1.17.0/six.py")
    assert "127.0.0.1" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("given", ["", "someone:secret@"], ids=["nobody", "somebody"])
def test_package_index_that_wants_credentials_says_so(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch, status: int, given: str
) -> None:
    address, _ = serve({}, {"/simple/six/": {"Status": str(status), "WWW-Authenticate": "Basic"}})
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", address.replace("//", f"//{given}") + "/simple")
    with pytest.raises(BadRequest, match=f"the package index says {status}: it wants credentials") as caught:
        fetch(x="pypi://six==1.17.0/six.py")
    assert "127.0.0.1" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 404])
def test_package_index_without_the_package_is_no_refusal(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    pages = {"/simple/six/": b"<html></html>"} if status == 200 else {}
    address, _ = serve(pages, {"/simple/six/": {"Content-Type": "text/html"}})
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
    with pytest.raises(BadRequest, match="pip's indexes have no such package and version"):
        fetch(x="pypi://six==1.17.0/six.py")


def test_package_whose_file_is_refused_or_too_large(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = zip_of({"six.py": bytes(3000)})
    page = b'<a href="/files/six-1.17.0-py3-none-any.whl">six</a>'
    status: dict[str, dict[str, str]] = {"/simple/six/": {"Content-Type": "text/html"}}
    address, _ = serve({"/simple/six/": page, "/files/six-1.17.0-py3-none-any.whl": wheel}, status)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
    assert written(fetch(x="pypi://six==1.17.0/six.py")) == ["x/six.py"]
    with pytest.raises(BadRequest, match=r"pypi six==1\.17\.0: is more than 1e-06 GB"):
        fetch({"max_gb": 1e-6}, x="pypi://six==1.17.0/six.py")
    status["/files/six-1.17.0-py3-none-any.whl"] = {"Status": "403"}
    with pytest.raises(BadRequest, match="the package index says 403: it wants credentials"):
        fetch(x="pypi://six==1.17.0/six.py")


def test_package_from_the_real_index(fetch: Fetched) -> None:
    try:
        files = fetch(x="pypi://six==1.17.0/six.py")
    except (TaskFailed, BadRequest) as error:
        pytest.skip(f"the package index cannot be reached: {error}")
    assert '__version__ = "1.17.0"' in (files.folder("x") / "six.py").read_text()


def test_a_digest_is_of_one_file_not_of_a_folder(bench: Bench) -> None:
    import fsspec

    disk = fsspec.filesystem("memory")
    for name in ("a.csv", "b.csv"):
        disk.pipe(f"/pinned/{name}", name.encode())
    first = hashlib.sha256(b"a.csv").hexdigest()
    source = Source.parse(f"memory://pinned#sha256={first}", folder=bench.folder)
    with pytest.raises(BadRequest, match="sha256 is of one file, and this is 2; name one file"):
        FetchFiles().run(sources={"x": source}, task=bench.task("t"))


COMMIT = "0123456789abcdef0123456789abcdef01234567"
FROM_THE_HUB = ["model/config.json", "model/model.safetensors", "model/sub/vocab.txt", "part/vocab.txt"]


def hub_pages(files: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
    """The endpoints of a hub that a snapshot needs, for one repository `org/tiny` at `main`."""
    siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
    info = json.dumps({"id": "org/tiny", "modelId": "org/tiny", "sha": COMMIT, "siblings": siblings}).encode()
    tree = json.dumps(
        [
            {"type": "file", "path": name, "size": len(data), "oid": digest(data)[:40]}
            for name, data in files.items()
        ]
    ).encode()
    pages = {f"/api/models/org/tiny/revision/{revision}": info for revision in ("main", COMMIT)}
    pages[f"/api/models/org/tiny/tree/{COMMIT}"] = tree
    headers = {path: {"Content-Type": "application/json"} for path in pages}
    headers["/api/models/org/other/revision/main"] = {"X-Error-Code": "RepoNotFound"}
    for name, data in files.items():
        path = f"/org/tiny/resolve/{COMMIT}/{name}"
        pages[path] = data
        headers[path] = {"ETag": f'"{digest(data)[:40]}"', "X-Repo-Commit": COMMIT}
    return pages, headers


def test_hub_works_though_steps_run_offline(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    content = {
        "config.json": b"{}", "model.safetensors": b"weights", "pytorch_model.bin": b"\x80",
        ".gitattributes": b"", "sub/vocab.txt": b"a",
    }  # fmt: skip
    address, _ = serve(*hub_pages(content))
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv(OFFLINE, "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    files = fetch(model="hf://org/tiny@main", part=f"hf://org/tiny@{COMMIT}/sub")
    assert written(files) == FROM_THE_HUB
    assert constants.HF_HUB_OFFLINE
    with pytest.raises(BadRequest, match="the hub has no such repository"):
        fetch(model="hf://org/other@main")


@pytest.mark.parametrize("end", ["/", "/mirror/hf", "/mirror/hf/"])
def test_a_hub_below_a_path(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    pages, headers = hub_pages({"config.json": b"{}", "model.safetensors": b"weights"})
    path = end.rstrip("/")
    address, _ = serve(
        {f"{path}{name}": data for name, data in pages.items()},
        {f"{path}{name}": said for name, said in headers.items()},
    )
    online(monkeypatch, address + end)
    files = fetch(model="hf://org/tiny@main")
    assert written(files) == ["model/config.json", "model/model.safetensors"]
    assert (files.path / "model" / "model.safetensors").read_bytes() == b"weights"


def test_hub_model_of_pickles_is_refused_without_downloading(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = serve(*hub_pages({"config.json": b"{}", "pytorch_model.bin": b"\x80"}))
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv(OFFLINE, "0")
    with pytest.raises(BadRequest, match="is a pickle"):
        fetch(model="hf://org/tiny@main")
    assert not any("/resolve/" in request for request in seen)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"max_gb": 1e-6}, "is more than 1e-06 GB"), ({"max_files": 1}, "holds more than 1 files")],
    ids=["bytes", "files"],
)
def test_hub_repository_above_the_limits_is_not_downloaded(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch, options: dict[str, float], said: str
) -> None:
    address, seen = serve(*hub_pages({"config.json": b"{}", "model.safetensors": bytes(5000)}))
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv(OFFLINE, "0")
    with pytest.raises(BadRequest, match=said):
        fetch(options, model="hf://org/tiny@main")
    assert not any("/resolve/" in request for request in seen)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache of a user who is offline, with `org/tiny` at `main`; the hub's address leads nowhere."""
    from huggingface_hub import constants

    cache = tmp_path / "cache"
    repository = cache / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    snapshot = repository / "snapshots" / COMMIT
    (snapshot / "sub").mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "blobs" / "weights").write_bytes(b"weights")
    (snapshot / "model.safetensors").symlink_to("../../blobs/weights")
    for name in ("config.json", "pytorch_model.bin", ".gitattributes", "sub/vocab.txt"):
        (snapshot / name).write_bytes(b"{}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv(OFFLINE, raising=False)
    return snapshot


def test_offline_the_cache_is_read_and_left_as_it_is(fetch: Fetched, offline: Path) -> None:
    files = fetch(model="hf://org/tiny@main", part=f"hf://org/tiny@{COMMIT}/sub")
    assert written(files) == FROM_THE_HUB
    copied = files.path / "model" / "model.safetensors"
    assert copied.read_bytes() == b"weights"
    assert not copied.is_symlink()
    assert (offline / "model.safetensors").is_symlink()


@pytest.mark.parametrize(
    "source", ["hf://org/other@main", f"hf://org/tiny@{'f' * 40}", "hf://datasets/org/tiny@main"]
)
def test_offline_what_the_cache_lacks_is_refused(fetch: Fetched, offline: Path, source: str) -> None:
    with pytest.raises(BadRequest, match=r"cache \(HF_HOME\) does not hold it; fill the cache"):
        fetch(model=source)


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize("value", ["1", "yes", "On", "true"])
def test_offline_a_cache_without_refs_has_its_commits(
    fetch: Fetched, offline: Path, monkeypatch: pytest.MonkeyPatch, switch: str, value: str
) -> None:
    (offline.parents[1] / "refs" / "main").unlink()
    (offline.parents[1] / "refs").rmdir()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv(switch, value)
    assert written(fetch(model=f"hf://org/tiny@{COMMIT}")) == FROM_THE_HUB[:3]
    with pytest.raises(BadRequest, match=r"cache \(HF_HOME\) does not hold it"):
        fetch(again="hf://org/tiny@main")


def test_offline_a_branch_is_what_the_cache_says(fetch: Fetched, offline: Path) -> None:
    (offline.parents[1] / "refs" / "v1.2").write_text(COMMIT)
    assert written(fetch(model="hf://org/tiny@v1.2")) == FROM_THE_HUB[:3]
    (offline.parents[1] / "refs" / "gone").write_text("f" * 40)
    with pytest.raises(BadRequest, match=r"cache \(HF_HOME\) does not hold it"):
        fetch(other="hf://org/tiny@gone")


def test_offline_a_cache_of_a_part_is_no_model(fetch: Fetched, offline: Path) -> None:
    from huggingface_hub._snapshot_download import TreeCacheEntry, write_tree_cache

    listed = {
        name: TreeCacheEntry(size=2, blob_id="b", lfs_sha256=None, lfs_size=None, xet_hash=None)
        for name in ("config.json", "model-00002.safetensors")
    }
    write_tree_cache(str(offline.parents[1]), COMMIT, listed)
    with pytest.raises(BadRequest, match=r"holds only a part of it"):
        fetch(model="hf://org/tiny@main")


@pytest.mark.parametrize(("switch", "kept"), [("1", "1"), ("TRUE", "1"), ("0", "0"), (None, "0")])
def test_a_step_knows_whether_the_switch_is_the_users(
    switch: str | None, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (OFFLINE, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    if switch is not None:
        monkeypatch.setenv("HF_HUB_OFFLINE", switch)
    for name, value in environment(1).items():  # as the engine gives it to a step's process
        monkeypatch.setenv(name, value)
    adopt_environment(1)
    assert environment(1)[OFFLINE] == kept
    assert environment(1)["HF_HUB_OFFLINE"] == "1"


def online(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv(OFFLINE, "0")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://user:secret@no-such-host.invalid"])
def test_a_hub_that_cannot_be_reached_may_be_asked_again(
    fetch: Fetched, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    online(monkeypatch, address)
    with pytest.raises(TaskFailed, match=r"did not answer \(ConnectError\); check HF_ENDPOINT") as said:
        fetch(model="hf://org/tiny@main")
    assert address.rpartition("/")[2].rpartition("@")[2] in str(said.value)
    assert "secret" not in str(said.value)
    assert "\n" not in str(said.value)


def test_a_hub_that_is_no_address_is_refused(fetch: Fetched, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    online(monkeypatch, "hub.example.org")
    with pytest.raises(BadRequest, match=r"HF_ENDPOINT \(hub.example.org\) is no address"):
        fetch(model="hf://org/tiny@main")
    huggingface_hub.close_session()  # it read the proxy's address before
    online(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "bogus://user:secret@127.0.0.1:9")
    with pytest.raises(BadRequest, match="the proxy in the environment") as said:
        fetch(again="hf://org/tiny@main")
    assert "secret" not in str(said.value)


@pytest.mark.parametrize(
    ("headers", "error", "says"),
    [
        (
            {"Status": "401", "X-Error-Message": "Invalid credentials in Authorization header"},
            BadRequest,
            "says 401: HF_TOKEN is missing, expired",
        ),
        ({"Status": "403"}, BadRequest, "says 403: HF_TOKEN"),
        ({"Status": "401"}, BadRequest, "says 401: HF_TOKEN"),
        ({"Status": "401", "X-Error-Code": "RepoNotFound"}, BadRequest, "no such repository"),
        ({"Status": "403", "X-Error-Code": "GatedRepo"}, BadRequest, "the repository is gated"),
        ({"Status": "404", "X-Error-Code": "RevisionNotFound"}, BadRequest, "no such revision"),
        ({"Status": "500"}, TaskFailed, r"did not answer \(HfHubHTTPError 500\)"),
    ],
)
def test_what_a_hub_answers_is_said(
    fetch: Fetched, serve: Callable, monkeypatch: pytest.MonkeyPatch, headers: dict, error: type, says: str
) -> None:
    path = "/api/models/org/tiny/revision/main"
    address, _ = serve({path: b"{}"}, {path: headers})
    online(monkeypatch, address)
    with pytest.raises(error, match=says):
        fetch(model="hf://org/tiny@main")


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        ("401", BadRequest, r"a.csv: refused \(401\); check the credentials"),
        ("403", BadRequest, r"refused \(403\)"),
        ("503", TaskFailed, r"could not be read \(ClientResponseError 503\)"),
    ],
)
def test_what_a_web_server_answers_is_said(
    fetch: Fetched, serve: Callable, status: str, error: type, says: str
) -> None:
    address, _ = serve({"/a.csv": b""}, {"/a.csv": {"Status": status}})
    with pytest.raises(error, match=says):
        fetch(data=f"{address}/a.csv")


def test_a_web_server_that_cannot_be_reached_may_be_asked_again(fetch: Fetched) -> None:
    with pytest.raises(TaskFailed, match=r"127.0.0.1:9/a.csv: could not be read \(ClientConnectorError\)"):
        fetch(data="http://127.0.0.1:9/a.csv")
    with pytest.raises(TaskFailed, match=r"no-such-host.invalid/a.csv: could not be read"):
        fetch(other="http://no-such-host.invalid/a.csv")
    with pytest.raises(BadRequest, match="not an address"):
        fetch(bad="http:///a.csv")


def test_a_folder_that_may_not_be_read_is_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmworks.fetch import local

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")

    def scandir(path: object) -> None:  # whoever runs the tests may be root, who may read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(BadRequest, match=r"model: cannot be read \(Permission denied\)"):
        local.listing(str(tmp_path / "model"))
