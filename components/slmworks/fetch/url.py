"""What a URL in a recipe may hold: a known scheme and no credentials."""

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.fetch.secrets import has_token, is_secret_query

CONTAINER_SCHEMES = frozenset({"az", "abfs", "abfss"})
"""Azure writes `abfs://container@account…`: a name before the @ is not a user there."""
WRAPPERS = frozenset(
    {"blockcache", "cached", "dask", "data", "dir", "filecache", "generic", "libarchive", "pyscript"}
    | {"reference", "simplecache"}
)
"""fsspec protocols that are no place of their own."""


def refuse_credentials(link: str) -> None:
    """BadRequest when a URL carries a user, a password, a token or a signature; they are not repeated."""
    if "://" not in link:
        return
    try:
        parts = urlsplit(link)
    except ValueError:  # its text repeats the link
        raise BadRequest("not a URL: its host cannot be read; write scheme://host/path.") from None
    if parts.scheme in ("hf", "pypi", "tar", "zip", "file", "local"):
        user = ""
    else:
        user, _, _ = parts.netloc.rpartition("@")
    plain_container = parts.scheme in CONTAINER_SCHEMES and ":" not in user
    if (user and not plain_container) or _hides_secret(parts) or _broken_port(parts.netloc, parts.path):
        raise BadRequest(
            f"{redacted(link)}: credentials don't belong in a recipe's URL; "
            "give them to the process through its environment or configuration files."
        )


def redacted(link: str) -> str:
    """The URL without user, query, parameters and fragment, and without a token in its path."""
    parts = urlsplit(link)
    host = parts.netloc.rpartition("@")[2]
    if _broken_port(parts.netloc, parts.path):
        return f"{parts.scheme}://…"
    path = "/".join(part.partition(";")[0] for part in parts.path.split("/"))
    return f"{parts.scheme}://…" if has_token(unquote(host + path)) else f"{parts.scheme}://{host}{path}"


def refuse_unknown_scheme(scheme: str, address: str) -> None:
    """BadRequest for a scheme that neither slmworks nor fsspec (with its plugins) knows."""
    import fsspec

    known = (set(fsspec.available_protocols()) - WRAPPERS) | {"hf", "pypi"}
    if scheme not in known:
        common = {"s3", "gs", "az", "abfs", "https", "http", "file", "hf", "pypi", "tar", "zip", "memory"}
        hint = did_you_mean(scheme, common)
        raise BadRequest(f"{redacted(address)}: no such kind of source '{scheme}://'. {hint}")


def _hides_secret(parts: SplitResult) -> bool:
    """Whether a parameter of the query or the path (`;token=…`) is named a secret, or a part is shaped so."""
    matrix = "&".join(part for step in parts.path.split("/") for part in step.split(";")[1:])
    pairs = parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)
    pairs += parse_qsl(matrix, keep_blank_values=True)
    named = any(is_secret_query(name) for name, _ in pairs)
    return (
        named or has_token(unquote(parts.netloc + parts.path)) or any(has_token(value) for _, value in pairs)
    )


def _broken_port(netloc: str, path: str) -> bool:
    """A password with a slash in it ends the netloc early and leaves its @ in the path."""
    _, mark, port = netloc.rpartition(":")
    return bool(mark) and "@" in path and not port.rstrip("]").isdigit()
