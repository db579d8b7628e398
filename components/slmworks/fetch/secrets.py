"""What looks like a secret, in a recipe's URL or an engine file's `env`: by its name, or by its shape.

Shapes are the prefixes that issuers publish so that scanners find them. Nothing here repeats what it found.
"""

import re

WORDS = frozenset(
    {
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "pass",
        "pwd",
        "credential",
        "credentials",
        "cookie",
    }
    | {"signature", "sig", "sas", "auth", "authorization", "bearer", "jwt", "pat", "otp"}
    | {"apikey", "accesskey", "secretkey", "pgpass", "pgpassword"}
)
"""Words of a name that mark its value as a secret."""
WITHIN = (
    "signature", "token", "secret", "password", "passwd", "credential", "accesskey", "accessid", "apikey",
    "sessionid",
)  # fmt: skip
"""What marks a query's name wherever in it it stands: `X-Amz-Signature`, `AWSAccessKeyId`."""
QUERIES = frozenset({"key", "user", "code", "session", "sid"})
"""Whole names in a query that mark a secret, and are harmless as parts of other names."""

_SHAPES = (
    # GitHub, GitLab
    r"gh[opsur]_[A-Za-z0-9]{36}", r"github_pat_[A-Za-z0-9_]{22}", r"gl(?:pat|ptt|dt|rt)-[\w-]{20}",
    # AWS, Google
    r"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])", r"AIza[\w-]{35}", r"ya29\.[\w-]{20}", r"GOCSPX-[\w-]{20}",
    # Hugging Face, OpenAI, Anthropic, OpenRouter
    r"hf_[A-Za-z]{30}", r"api_org_[A-Za-z]{30}",
    r"sk-(?:proj|svcacct|admin|ant|or)-[\w-]{20}", r"sk-[A-Za-z0-9]{32}",
    # Slack
    r"xox[abeoprs](?:\.xox[a-z])?-[\w-]{10}", r"xapp-\d-[\w-]{10}", r"hooks\.slack\.com/services/T\w",
    # Stripe, Databricks, DigitalOcean, PyPI, npm
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16}", r"dapi[0-9a-f]{32}", r"dop_v1_[0-9a-f]{64}",
    r"pypi-AgE[\w-]{50}", r"npm_[A-Za-z0-9]{36}",
    # JSON Web Tokens, private keys
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.", r"-----BEGIN [A-Z ]*PRIVATE KEY",
)  # fmt: skip
_SHAPED = re.compile(f"(?<![A-Za-z0-9])(?:{'|'.join(_SHAPES)})")
_PAIRED = re.compile(r"\S+:\S+@\S|(?i:key|secret|token|password|passwd|pwd|sig|signature)=\S")
"""A user with a password, or a pair that names its value a secret, anywhere in a text."""


def has_token(text: str) -> bool:
    """True if a text holds what is shaped like a token of a known issuer, a JWT or a private key."""
    return bool(_SHAPED.search(text))


def is_secret_query(name: str) -> bool:
    """True if a value of this name in a URL is a secret."""
    bare = "".join(_words(name))
    return (
        bare in QUERIES | WORDS
        or bool(WORDS.intersection(_words(name)))
        or any(word in bare for word in WITHIN)
    )


def is_secret_variable(name: str, value: str) -> bool:
    """True if a variable seems to hold a secret. A path to one (a mounted file) is none."""
    if has_token(value) or _PAIRED.search(value):
        return True
    if value.startswith("/") or name.upper().endswith(("_FILE", "_PATH", "_URL", "_URI")):
        return False
    return bool((WORDS | {"key"}).intersection(_words(name))) or "connection_string" in name.lower()


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
