"""Signatures of requests, Version 4 of AWS, in a header or in a presigned URL."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs.errors import SqsError

_ALGORITHM = "AWS4-HMAC-SHA256"
_PART = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_SPACES = re.compile(r" +")
# Seconds by which a client's clock may differ; a presigned URL says itself how long it holds.
_TOLERANCE = 900
_LONGEST = 604_800


class Signature(NamedTuple):
    """A signature, and what it says that it was made of."""

    user: str
    date: str
    region: str
    service: str
    time: str
    headers: tuple[str, ...]
    hash: str
    seconds: int
    is_in_url: bool


def check(request: HttpRequest, secrets: Mapping[str, str], now: datetime) -> str:
    """Return the user who signed a request; raises `SqsError` unless the signature is right."""
    signature = _read(request)
    secret = secrets.get(signature.user)
    if secret is None:
        raise _denied(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
    age = (now - _time(signature.time)).total_seconds()
    if not -_TOLERANCE <= age <= signature.seconds:
        raise _denied("SignatureDoesNotMatch", f"Signature expired: {signature.time}.")
    if not hmac.compare_digest(_expected(request, signature, secret), signature.hash):
        raise _denied(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.",
        )
    return signature.user


def _denied(type: str, message: str) -> SqsError:
    return SqsError(type, message, 403)


def _read(request: HttpRequest) -> Signature:
    header = request.headers.get("authorization", "")
    query = dict(_pairs(request.query))
    if header.startswith(_ALGORITHM):
        parts = dict(_PART.findall(header))
        time, seconds, is_in_url = request.headers.get("x-amz-date", ""), _TOLERANCE, False
    elif query.get("X-Amz-Algorithm") == _ALGORITHM:
        names = ("Credential", "SignedHeaders", "Signature")
        parts = {name: unquote(query.get(f"X-Amz-{name}", "")) for name in names}
        time, is_in_url = query.get("X-Amz-Date", ""), True
        text = query.get("X-Amz-Expires", "")
        seconds = min(int(text), _LONGEST) if text.isascii() and text.isdigit() else 0
    else:
        raise _denied("MissingAuthenticationToken", "Request is missing Authentication Token")
    scope = parts.get("Credential", "").rsplit("/", 4)
    is_complete = len(scope) == 5 and scope[4] == "aws4_request" and time[:8] == scope[1]
    if not (is_complete and parts.get("SignedHeaders") and parts.get("Signature")):
        message = "The request signature does not conform to AWS standards."
        raise SqsError("IncompleteSignature", message)
    user, date, region, service, _ = scope
    headers = tuple(parts["SignedHeaders"].lower().split(";"))
    if "host" not in headers:
        raise SqsError("IncompleteSignature", "'Host' must be a signed header.")
    return Signature(
        user, date, region, service, time, headers, parts["Signature"], seconds, is_in_url
    )


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SqsError("IncompleteSignature", "Date must be in ISO-8601 'basic format'.") from None


def _expected(request: HttpRequest, signature: Signature, secret: str) -> str:
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    canonical = hashlib.sha256(_canonical(request, signature)).hexdigest()
    text = f"{_ALGORITHM}\n{signature.time}\n{scope}\n{canonical}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, text).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _canonical(request: HttpRequest, signature: Signature) -> bytes:
    """Return the text that is signed: all that counts of a request, in one form."""
    path = quote(request.target.partition("?")[0] or "/", safe="/~")
    pairs = [pair for pair in _pairs(request.query) if pair[0] != "X-Amz-Signature"]
    query = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    headers = "".join(
        f"{name}:{_SPACES.sub(' ', request.headers.get(name, '').strip())}\n"
        for name in signature.headers
    )
    body = hashlib.sha256(request.body).hexdigest()
    parts = [request.method, path, query, headers, ";".join(signature.headers), body]
    return "\n".join(parts).encode("latin-1")


def _pairs(query: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in parts]
