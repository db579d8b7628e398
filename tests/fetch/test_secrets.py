"""Tokens that are known by their shape, in URLs and in an engine file's `env`, and never repeated."""

from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_file import EngineFile
from slmworks.fetch import Source
from slmworks.fetch.secrets import has_token, is_secret_query, is_secret_variable

TOKENS = {
    "github": "ghp_" + "a1B2" * 9,
    "github-fine": "github_pat_" + "a1B2" * 10,
    "gitlab": "glpat-" + "a1B2" * 5,
    "aws": "AKIA" + "A2B3" * 4,
    "aws-temporary": "ASIA" + "A2B3" * 4,
    "google": "AIza" + "a1B2c" * 7,
    "hf": "hf_" + "abCD" * 9,
    "openai": "sk-proj-" + "a1B2" * 12,
    "openai-old": "sk-" + "a1B2" * 12,
    "anthropic": "sk-ant-api03-" + "a1B2" * 12,
    "slack": "xoxb-" + "1234" * 3 + "-abcd",
    "stripe": "sk_live_" + "a1B2" * 6,
    "databricks": "dapi" + "0a1b" * 8,
    "pypi": "pypi-AgEIcHlwaS5vcmc" + "a1B2" * 12,
    "npm": "npm_" + "a1B2" * 9,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
}


@pytest.mark.parametrize("issuer", TOKENS)
def test_a_token_is_refused_wherever_it_stands_in_a_url(tmp_path: Path, issuer: str) -> None:
    token = TOKENS[issuer]
    for url in (
        f"https://example.org/{token}/a.csv",
        f"https://example.org/a.csv?page={token}",
        f"https://example.org/a%2F{token}.csv",
        f"https://example.org/a;v={token}/b.csv",
        f"zip://a.csv::https://example.org/a.zip?x={token}",
        f"s3://bucket/{token}/a.csv",
    ):
        with pytest.raises(BadRequest, match="credentials don't belong in a recipe's URL") as caught:
            Source.parse(url, folder=tmp_path)
        assert token not in str(caught.value)


@pytest.mark.parametrize("issuer", TOKENS)
def test_a_token_is_refused_in_env_under_any_name(issuer: str) -> None:
    for name in ("X", "SOME_URL", "SOME_PATH"):
        with pytest.raises(BadRequest, match=f"env.{name}: ") as caught:
            EngineFile.parse(f"env: {{{name}: 'see {TOKENS[issuer]}'}}")
        assert TOKENS[issuer] not in str(caught.value)
    with pytest.raises(BadRequest, match="env.X: ") as caught:
        EngineFile.parse(f"env: {{X: 'https://example.org/{TOKENS[issuer]}/a'}}")
    assert TOKENS[issuer] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "0123456789abcdef0123456789abcdef01234567",  # a commit
        "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84",  # a digest
        "risk-assessment-of-something-long", "sk-learn-contrib-data-sets-of-twenty-years", "hf_hub_cache",
        "ghp_short", "MAKIAWELIA", "models/eyJ.onnx", "550e8400-e29b-41d4-a716-446655440000",
    ],
)  # fmt: skip
def test_digests_and_words_are_no_tokens(text: str) -> None:
    assert not has_token(text)


@pytest.mark.parametrize(
    "name", ["MY_PAT", "SERVICE_JWT", "BEARER", "DB_PASS", "SIGNING_KEY", "SESSION_COOKIE"]
)
def test_names_that_mark_a_secret(name: str) -> None:
    assert is_secret_variable(name, "hunter2")
    assert not is_secret_variable(f"{name}_FILE", "/run/secrets/it")


@pytest.mark.parametrize(
    "name", ["SESSION_TIMEOUT", "TOKENIZERS_PARALLELISM", "PATIENCE", "KEYBOARD", "USER"]
)
def test_names_that_mark_none(name: str) -> None:
    assert not is_secret_variable(name, "1")


@pytest.mark.parametrize("name", ["key", "X-Amz-Credential", "access_token", "code", "sessionid"])
def test_queries_that_mark_a_secret(name: str) -> None:
    assert is_secret_query(name)


@pytest.mark.parametrize("name", ["keys", "page", "country_code", "sort_key", "username", "download"])
def test_queries_that_mark_none(name: str) -> None:
    assert not is_secret_query(name)
