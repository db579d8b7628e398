"""What a recipe may name as a source, and what of it is identity."""

import json
from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.fetch import Source

DIGEST = "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "train.csv").write_text("text,label\nhi,a\n")
    (tmp_path / "data" / "test.csv").write_text("text,label\nho,b\n")
    (tmp_path / "data" / "deep" / "more.csv").write_text("text,label\nhu,b\n")
    (tmp_path / "data" / ".hidden").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("data/train.csv", ["train.csv"]),
        ("data/*.csv", ["test.csv", "train.csv"]),
        ("data/**/*.csv", ["deep/more.csv", "test.csv", "train.csv"]),
        ("data", ["deep/more.csv", "test.csv", "train.csv"]),
    ],
)
def test_local_sources_are_relative_to_the_recipe(folder: Path, text: str, names: list[str]) -> None:
    assert list(Source.parse(text, folder=folder).files()) == names


def test_local_identity_is_content_and_not_place(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "train.csv").write_bytes((folder / "data/train.csv").read_bytes())
    here = Source.parse("data/train.csv", folder=folder).pin()
    there = Source.parse(f"file://{other}/train.csv", folder=folder).pin()
    assert here.digests
    assert here.identity() == there.identity()
    assert str(folder) not in json.dumps(here.identity())
    (other / "train.csv").write_text("changed")
    assert Source.parse("train.csv", folder=other).identity() != here.identity()


@pytest.mark.parametrize(
    "text",
    [
        "data/train.csv",
        "https://example.org/a.csv",
        f"https://example.org/a.csv#sha256={DIGEST}",
        "hf://owner/name@main/sub",
        f"tar://top/*.txt::pypi://vaderSentiment==2.5/extra/x.tar.gz#sha256={DIGEST}",
        "zip://a.csv::data/train.csv",
        "abfs://container@account.dfs.core.windows.net/a.csv",
    ],
)
def test_round_trip(folder: Path, text: str) -> None:
    source = Source.parse(text, folder=folder).pin()
    assert Source.load(json.loads(json.dumps(source.dump()))) == source


def test_chained_package(folder: Path) -> None:
    text = f"tar://top/a.txt::pypi://vaderSentiment==2.5/extra/x.tar.gz#sha256={DIGEST}"
    source = Source.parse(text, folder=folder)
    assert (source.kind, source.location, source.version) == ("pypi", "vaderSentiment", "2.5")
    assert source.inside == "extra/x.tar.gz"
    assert source.members == (("tar", "top/a.txt"),)
    assert source.label == "pypi vaderSentiment==2.5"
    assert source.sha256 == DIGEST


def test_pin_checks_a_given_digest(folder: Path) -> None:
    source = Source.parse(f"data/train.csv#sha256={DIGEST}", folder=folder)
    with pytest.raises(BadRequest, match=f"expected sha256 {DIGEST} but got"):
        source.pin()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty source"),
        ("data/none.csv", "no such file: data/none.csv; paths are relative to the recipe's folder"),
        ("data/*.parquet", r"no such file: data/\*.parquet"),
        ("http5://example.org/x", "no such kind of source 'http5://'. Did you mean 'http'"),
        ("simplecache::s3://bucket/x", "before '::' comes an archive's member"),
        ("tar://member.txt", "where the archive is"),
        ("https://example.org/x#sha256=abc", "must be 64 hex digits, not 3 characters"),
        ("https://example.org/x#md5=abc", "must be sha256="),
        ("pypi://six/six.py", "one exact version"),
        ("pypi://six==1.*/six.py", "one exact version"),
        ("pypi://six>=1/six.py", "one exact version"),
        ("hf://owner/name", "hf://owner/name@revision"),
        (f"data/*.csv#sha256={DIGEST}", "sha256 is of one file"),
        ("zip://x::data/*.csv", "only one file can be opened as an archive"),
    ],
)
def test_mistakes(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        Source.parse(text, folder=folder)


QUERIES = (
    "pass",
    "bearer",
    "jwt",
    "session",
    "pat",
    "session_token",
    "Sig",
    "sas",
    "my-pat",
    "AWSAccessKeyId",
)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@example.org/x.csv",
        "https://user:hun/ter2@example.org/x.csv",
        "s3://KEYID:hunter2@bucket/x.csv",
        "https://example.org/x.csv?X-Amz-Signature=hunter2",
        "https://example.org/x.csv?sv=1&sig=hunter2",
        "https://example.org/x.csv?api_key=hunter2",
        "tar://a::https://example.org/x.tar?token=hunter2",
        "abfs://container:hunter2@account/x",
        *(f"https://example.org/x.csv?{word}=hunter2" for word in QUERIES),
        "https://example.org/x.csv?page=1;token=hunter2",
        "https://example.org/a;token=hunter2/x.csv",
        "https://example.org/a;jsessionid=hunter2",
    ],
)
def test_credentials_are_refused_and_not_repeated(folder: Path, url: str) -> None:
    with pytest.raises(BadRequest, match="credentials don't belong") as caught:
        Source.parse(url, folder=folder)
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_pickled_model_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(BadRequest, match=r"pytorch_model\.bin is a pickle"):
        Source.parse("model", folder=tmp_path)


@pytest.mark.parametrize(
    "text", ["models:/reviews", "models://reviews@champion", "models:/reviews@best", "models:/reviews/0"]
)
def test_a_registered_model_is_named_as_mlflow_names_it(text: str, tmp_path) -> None:
    with pytest.raises(BadRequest, match=r"write models:/NAME@champion .* or models:/NAME/VERSION"):
        Source.parse(text, folder=tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/x.csv?partition=key&page=2",
        "https://example.org/passages/tokens/x.csv?compass=n",
        "https://example.org/a;v=1.0/risk-assessment-of-something-that-is-long.csv",
        "hf://owner/hf_models@main/sk-learn",
    ],
)
def test_what_only_sounds_like_a_secret_is_none(folder: Path, url: str) -> None:
    assert Source.parse(url, folder=folder).text == url


def test_names_that_not_every_disk_can_hold(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a\nb.csv").write_text("")
    with pytest.raises(
        BadRequest, match=r"data: the name of its file 'a\\x0ab\.csv' holds a control character"
    ):
        Source.parse("data", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "unprotected"),
    [
        ("http://example.org/a.csv", True),
        (f"http://example.org/a.csv#sha256={DIGEST}", False),
        ("https://example.org/a.csv", False),
        ("http://localhost:8000/a.csv", False),
        ("http://127.0.0.1/a.csv", False),
        ("s3://http/a.csv", False),
    ],
)
def test_plain_http_without_a_digest_is_unprotected(tmp_path: Path, text: str, unprotected: bool) -> None:
    assert Source.parse(text, folder=tmp_path).unprotected is unprotected
