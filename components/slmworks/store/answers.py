"""Errors of an object store in one line: the problem, and the way out.

Servers' own texts can hold key names and signatures, so nothing of them is repeated but their code.
"""

import re
from urllib.parse import urlsplit

from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
from slmworks.contract.file_names import written_out

_ANSWERS: tuple[tuple[set[str], str], ...] = (
    (
        {"NoSuchBucket", "ContainerNotFound"},
        "{server} has no such bucket; create it, or correct --store.",
    ),
    (
        {
            "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken",
            "TokenRefreshRequired", "InvalidSecurity", "InvalidClientTokenId", "AuthenticationFailed",
        },
        ("{server} does not accept these credentials ({code}); renew AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, if they are temporary)."),
    ),
    (
        {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"},
        "the bucket is in another region; set AWS_REGION to the bucket's.",
    ),
    (
        {"RequestTimeTooSkewed"},
        "this machine's clock is wrong, so {server} refuses it; set the clock.",
    ),
    (
        {"AccessDenied", "AllAccessDisabled", "AuthorizationPermissionMismatch", "401", "403"},
        ("these credentials may not do that there ({code}); a run needs s3:ListBucket, s3:GetObject, "
        "s3:PutObject and s3:DeleteObject below the prefix."),
    ),
    (
        {"NotImplemented", "501"},
        ("{server} cannot create a key only if it is absent (If-None-Match), so two runs could both win; "
        "use a server that can (AWS S3, MinIO, …) or a folder."),
    ),
)  # fmt: skip
"""Server's error codes -> line for people; all of them are bad requests."""
_NOBODY = re.compile(r"https?://[^/ ]+/latest/(api/token|meta-data)")
"""No keys: the client fell back to the instance-metadata service, which isn't there."""
_BAD_KEY = re.compile(r'Path "(.*?)"(?: contained|: Encountered)', re.DOTALL)
"""Of the client, which lists nothing beside a key that is no path."""
_NO_REPLY = ("error sending request", "timed out", "connection")


def code_of(error: Exception) -> str:
    """The server's own error code (`NoSuchBucket`), or the HTTP status, or ''."""
    text = str(error)
    found = re.search(r"<Code>(\w+)</Code>", text) or re.search(r"status code: (\d{3})", text)
    return found.group(1) if found else ""


def told(error: Exception, *, url: str, endpoint: str, reached: bool) -> SlmworksError:
    """The error a person reads. `reached`: the server answered this process before."""
    code, text = code_of(error), str(error)
    if found := _BAD_KEY.search(text):
        return stray_key(url, found[1].removeprefix(f"{urlsplit(url).path.lstrip('/')}/"))
    if _NOBODY.search(text) or (not code and "redentials" in re.sub(r"https?://\S+", "", text)):
        return BadRequest(
            f"{url}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE)."
        )
    if "incorrectly configured region" in text:
        code = "PermanentRedirect"
    server = _server(endpoint)
    for codes, sentence in _ANSWERS:
        if code in codes:
            return BadRequest(f"{url}: {sentence.format(server=server, code=code)}")
    if code or not any(sign in text for sign in _NO_REPLY):
        problem = f"failed again and again ({code or type(error).__name__})"
        return TaskFailed(f"{url}: {server} {problem}; run it again later: what is done is kept.")
    if reached:
        return TaskFailed(
            f"{url}: {server} does not answer any more; run it again when it does: what is done is kept."
        )
    return BadRequest(f"{url}: {server} does not answer; check the network, AWS_ENDPOINT_URL and AWS_REGION.")


def stray_key(url: str, key: str) -> BadRequest:
    """What a key that is none of a store's is told as: somebody put it there with another tool."""
    return BadRequest(
        f"{url}: holds the key '{written_out(key)}', which no store writes and not every disk can hold; "
        "delete it there."
    )


def no_exclusive_create(url: str, endpoint: str) -> BadRequest:
    """Why a server that overwrites where it was asked to create is refused."""
    return BadRequest(f"{url}: {_ANSWERS[-1][1].format(server=_server(endpoint))}")


def _server(endpoint: str) -> str:
    """The server without any user and password that its address may hold."""
    parts = urlsplit(endpoint)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or endpoint
