"""`secrets`: keys and tokens in code, configuration and logs, replaced by a tag or dropped with their row.

Structured patterns only: what merely looks random (entropy) is flagged wrongly far too often.
"""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow

Kind = Literal[
    "private-key", "aws-key", "aws-secret", "github-token", "gitlab-token", "slack-token", "slack-webhook",
    "stripe-key", "google-key", "openai-key", "anthropic-key", "huggingface-token", "npm-token", "pypi-token",
    "sendgrid-key", "azure-key", "jwt", "url-password",
]  # fmt: skip

_BEFORE, _AFTER = r"(?<![A-Za-z0-9_-])", r"(?![A-Za-z0-9_-])"


def _token(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{_BEFORE}(?:{pattern}){_AFTER}")


SEARCHES: dict[Kind, tuple[str, re.Pattern[str]]] = {
    "private-key": (
        "PRIVATE KEY",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?!-----BEGIN)[\s\S])*?"
            r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|(?=-----BEGIN)|\Z)"
        ),
    ),
    "aws-key": ("A", _token(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}")),
    "aws-secret": (
        "secret",
        re.compile(
            r"(?i:aws.{0,20}secret.{0,20}?|secret_?access_?key)[\"']?\s*[:=]\s*[\"']?"
            r"(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
    ),
    "github-token": (
        "_",
        _token(r"gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ),
    "gitlab-token": ("glpat-", _token(r"glpat-[A-Za-z0-9_-]{20,}")),
    "slack-token": ("xox", _token(r"xox[abeprs]-[A-Za-z0-9-]{10,250}")),
    "slack-webhook": (
        "hooks.slack.com",
        re.compile(r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,80}"),
    ),
    "stripe-key": ("_", _token(r"[srp]k_(?:live|test)_[A-Za-z0-9]{16,247}")),
    "google-key": ("AIza", _token(r"AIza[A-Za-z0-9_-]{35}")),
    "anthropic-key": ("sk-ant-", _token(r"sk-ant-[A-Za-z0-9]+-[A-Za-z0-9_-]{32,}")),
    "openai-key": ("sk-", _token(r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{48})")),
    "huggingface-token": ("hf_", _token(r"hf_[A-Za-z0-9]{34}")),
    "npm-token": ("npm_", _token(r"npm_[A-Za-z0-9]{36}")),
    "pypi-token": ("pypi-", _token(r"pypi-AgE[A-Za-z0-9_-]{50,}")),
    "sendgrid-key": ("SG.", _token(r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}")),
    "azure-key": ("AccountKey", re.compile(r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)")),
    "jwt": ("eyJ", _token(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{10,}")),
    "url-password": (
        "://",
        re.compile(
            r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"]{0,100}:(?P<value>[^\s/:@'\"{}<>$*]{3,200})@[A-Za-z0-9\[]"
        ),
    ),
}
"""Kind -> what a text without it lacks, and its pattern; `value` is the part that is secret."""

ANY_CASE: frozenset[Kind] = frozenset({"aws-secret"})
"""Kinds whose patterns make no difference between upper and lower case."""


def _signed(token: str) -> bool:
    """True for a JSON Web Token: its head is JSON that names an algorithm (RFC 7519)."""
    head = token.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(found, dict) and "alg" in found


VALID: dict[Kind, Callable[[str], bool]] = {"jwt": _signed}


class Secrets(RowOperator):
    """Replace keys and tokens of services, private keys and passwords in URLs by tags, or drop their rows.

    By their published forms; a JSON Web Token must also decode. Not looked for: passwords in prose, and what
    has no form of its own.
    """

    hides: ClassVar[bool] = True

    kinds: tuple[Kind, ...] = ()
    """Those that are looked for; empty: all."""
    action: Literal["redact", "drop"] = "redact"
    """`redact` puts `<AWS_KEY>` and the like in their place; `drop` leaves out the row."""

    def apply(self, row: TextRow) -> Dropped | Kept | None:
        """Dropped or redacted, counted by kind."""
        found: Counter[str] = Counter()
        texts = tuple(redacted(text, self.kinds, found) for text in row.texts)
        if not found:
            return None
        if self.action == "drop":
            kinds = ", ".join(sorted(found))
            return Dropped("secret", kinds)
        return Kept(texts=texts, change="redacted", found=found)


def redacted(text: str, kinds: Sequence[Kind], found: Counter[str]) -> str:
    """The text with a tag for each secret; counts them in `found`."""
    for kind, (sign, pattern) in SEARCHES.items():
        if kinds and kind not in kinds:
            continue
        if sign in (text.lower() if kind in ANY_CASE else text):
            text = pattern.sub(lambda match, kind=kind: _tag(match, kind, found), text)  # type: ignore[misc]
    return text


def _tag(match: re.Match[str], kind: Kind, found: Counter[str]) -> str:
    whole = match[0]
    if kind in VALID and not VALID[kind](whole):
        return whole
    found[kind] += 1
    start, end = match.span("value") if "value" in match.re.groupindex else match.span()
    tag = f"<{kind.upper().replace('-', '_')}>"
    return whole[: start - match.start()] + tag + whole[end - match.start() :]
