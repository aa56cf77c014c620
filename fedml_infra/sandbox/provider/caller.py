"""Whose keys these are, asked of STS without a boto client: making one takes 0.15 s, and a preview needs no other.

botocore signs the request. Only a plain answer counts: for anything else boto asks again, which knows when to retry and
tells an error in AWS's words.
"""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Mapping

from fedml_infra.sandbox.provider.credentials import Keys
from fedml_infra.sandbox.provider.loopback import connect

REQUEST = "Action=GetCallerIdentity&Version=2011-06-15"
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
FORM = "application/x-www-form-urlencoded; charset=utf-8"
ANSWER = ("Account", "Arn", "UserId")


def caller(url: str, region: str, keys: Keys, ca_bundle: str | None) -> Mapping[str, str] | None:
    """Account, Arn and UserId, as STS at a loopback URL tells them; None where it did not plainly do so."""
    connection = connect(url, ca_bundle)
    try:
        connection.request("POST", "/", REQUEST, _signed_headers(url, region, keys))
        answer = connection.getresponse()
        return _parsed(answer.read().decode()) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, UnicodeDecodeError):
        return None
    finally:
        connection.close()


def _signed_headers(url: str, region: str, keys: Keys) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import ReadOnlyCredentials

    headers = {"Content-Type": FORM, **({"X-Forwarded-Proto": "https"} if url.startswith("http:") else {})}
    request = AWSRequest("POST", url, headers, REQUEST)
    credentials = ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)
    SigV4Auth(credentials, "sts", region).add_auth(request)
    return dict(request.headers.items())


def _parsed(text: str) -> Mapping[str, str] | None:
    found = {name: re.search(rf"<{name}>([^<]+)</{name}>", text) for name in ANSWER}
    told = {name: html.unescape(match[1]) for name, match in found.items() if match}
    return told if len(told) == len(ANSWER) else None
