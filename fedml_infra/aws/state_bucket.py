"""The state backend's own objects, where it is a bucket: only a dead run's lock is ever deleted here."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from fedml_infra.aws.failures import translating
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError

LOCKS = "/.pulumi/locks/"


def delete_state_object(url: str) -> None:
    """Deletes a lock by the URL that the engine tells: `s3://BUCKET/….pulumi/locks/….json?region=…&endpoint=…`.

    Query: https://gocloud.dev/howto/blob/#s3 (region, endpoint, profile). Raises ResourceError for anything else than
    a lock, and what `translate` tells.
    """
    parts = urlsplit(url)
    key = unquote(parts.path).lstrip("/")
    if LOCKS.lstrip("/") not in key or not key.endswith(".json"):
        raise ResourceError(f"{url} is no lock of a state backend, so it was not deleted.")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint = asked.get("endpoint")
    access = Access(profile=asked.get("profile"), endpoints=(("s3", endpoint),) if endpoint else ())
    with translating("take off the lock", key):
        client("s3", access, asked.get("region", "us-east-1")).delete_object(Bucket=parts.netloc, Key=key)
