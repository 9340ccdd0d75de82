"""Requests and answers of HTTP as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

JSON = "application/json"
_NO_ANSWER = 0


class HttpRequest(NamedTuple):
    """A request; the names of its headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    peer: str = ""

    @property
    def path(self) -> str:
        """The path without the query, decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        """The query as it was sent, without the question mark."""
        return self.target.partition("?")[2]

    @property
    def media_type(self) -> str:
        """The media type of the body in lower case, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def form(self) -> dict[str, str]:
        """Return the fields of the query and of a form in the body; those of the body count more.

        Raises `ValueError` for more fields than any request of SQS has.
        """
        fields = _fields(self.query)
        if self.media_type == "application/x-www-form-urlencoded":
            fields |= _fields(self.body.decode("utf-8", "replace"))
        return fields


_MOST_FIELDS = 10_000


def _fields(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))


class HttpResponse(NamedTuple):
    """An answer."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_dropped(self) -> bool:
        """Whether the connection ends instead of an answer."""
        return self.status == _NO_ANSWER

    @classmethod
    def dropped(cls) -> HttpResponse:
        """Return no answer: the connection is closed."""
        return cls(_NO_ANSWER)

    @classmethod
    def of_json(cls, document: object, status: int = 200) -> HttpResponse:
        """Return an answer with a JSON document."""
        return cls(status, json.dumps(document, separators=(",", ":")).encode(), JSON)

    @classmethod
    def text(cls, text: str, status: int = 200) -> HttpResponse:
        """Return an answer with plain text."""
        return cls(status, text.encode(), "text/plain; charset=utf-8")
