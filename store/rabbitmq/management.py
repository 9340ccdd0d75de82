"""The management API: JSON over HTTP, bounded in time, with errors as ours."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from store.engine.places import Place
from store.model.errors import BadInput, Unreachable, Unsupported
from store.rabbitmq.base import NO_MANAGEMENT
from store.rabbitmq.errors import from_management, no_vhost

PORT, TLS_PORT = 15672, 15671


class Management:
    """The management API of a place, for its vhost.

    Raises `Unreachable` where it does not answer, and `Unsupported` where the place has none.
    """

    def __init__(self, place: Place, password: str | None, timeout: float) -> None:
        self._place = place
        self._timeout = timeout
        self._url = urlsplit(_url(place))
        self._connection: http.client.HTTPConnection | None = None
        secret = f"{place.user or 'guest'}:{password or ''}".encode()
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(secret).decode()}",
            "Content-Type": "application/json",
        }

    def get(self, path: str, subject: str, **query: str) -> Any:
        """Return what is at a path below `/api`; `{vhost}` in it stands for the vhost."""
        return self._call("GET", path, subject, None, query)

    def put(self, path: str, subject: str, body: Mapping[str, Any]) -> None:
        """Create or replace what is at a path."""
        self._call("PUT", path, subject, body)

    def post(self, path: str, subject: str, body: Mapping[str, Any]) -> Any:
        """Add something below a path."""
        return self._call("POST", path, subject, body)

    def delete(self, path: str, subject: str) -> None:
        """Delete what is at a path."""
        self._call("DELETE", path, subject, None)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(
        self, method: str, path: str, subject: str, body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        if self._place.option("management", "") == NO_MANAGEMENT:
            raise Unsupported(
                f"{self._place.name} has no management API, which {subject} needs",
                hint="name it: ?management=URL",
                feature="management",
            )
        vhost = quote(self._place.path or "/", safe="")
        target = f"{self._url.path.rstrip('/')}/api/{path.format(vhost=vhost)}"
        target += f"?{urlencode(query)}" if query else ""
        text = None if body is None else json.dumps(body)
        status, reason, answer = self._exchange(method, target, text)
        if status == 404 and path.endswith("{vhost}"):
            raise no_vhost(self._place)
        if status >= 400:
            raise from_management(status, _reason(answer) or reason, self._place, subject)
        return json.loads(answer) if answer else None

    def _exchange(self, method: str, target: str, body: str | None) -> tuple[int, str, bytes]:
        """Send a request and return the answer; anew where the server closed an idle connection."""
        for last in (self._connection is None, True):
            connection = self._connection = self._connection or self._connected()
            try:
                connection.request(method, target, body, self._headers)
                response = connection.getresponse()
                return response.status, response.reason, response.read()
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if last or isinstance(error, TimeoutError):
                    raise self._unreachable(error) from error
        raise AssertionError("a request ends with an answer or an error")

    def _connected(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme != "https":
            return http.client.HTTPConnection(host, port or PORT, timeout=self._timeout)
        return http.client.HTTPSConnection(
            host, port or TLS_PORT, timeout=self._timeout, context=tls_context(self._place)
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreachable(
            f"the management API at {self._url.geturl()} does not answer: {reason}",
            hint="rabbitmq-plugins enable rabbitmq_management, or name it: ?management=URL",
        )


def named(name: str) -> str:
    """Return a name as part of a path."""
    return quote(name, safe="")


def _url(place: Place) -> str:
    url = place.option("management", "")
    if not url or url == NO_MANAGEMENT:
        scheme, port = ("https", TLS_PORT) if place.tls else ("http", PORT)
        return f"{scheme}://{place.hosts[0][0]}:{port}"
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"management={url} is not a URL", hint="http://HOST:15672, or none")
    return url


def tls_context(place: Place) -> Any:
    """Return how a server over TLS is verified: by its authority, or as a place says."""
    import ssl

    context = ssl.create_default_context(cafile=place.ca)
    if place.cert is not None:
        context.load_cert_chain(place.cert, place.key)
    if place.option("verify", "yes") == "no":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(answer: bytes) -> str:
    try:
        document = json.loads(answer)
    except ValueError:
        return ""
    reason = document.get("reason", "") if isinstance(document, dict) else ""
    return " ".join(str(reason).split())
