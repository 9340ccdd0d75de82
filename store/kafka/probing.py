"""The version of a server and the calls that it offers, by Kafka's ApiVersions (KIP-35, KIP-584).

librdkafka asks the same and keeps the answer to itself.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from store.engine.places import Place
from store.kafka.errors import unreachable
from store.model.errors import BadInput, MqError, TimedOut

PORT = 9092
CREATE_TOPICS, DELETE_RECORDS, DESCRIBE_CONFIGS = 19, 21, 32
DESCRIBE_GROUPS, LIST_GROUPS, DELETE_GROUPS = 15, 16, 42
SHARE_FETCH = 78
"""Numbers of calls, which a server may lack."""
SHARES = "share.version"
"""The feature that switches share groups on."""
UNKNOWN = "-"
_API_VERSIONS, _FLEXIBLE, _OLD = 18, 3, 0
_UNSUPPORTED_VERSION = 35
_CORRELATION = 1
_LARGEST = 1 << 20
_CLIENT = b"mq"
_METADATA = "metadata.version"
_RELEASES = (
    (34, "4.5"), (31, "4.4"), (30, "4.3"), (28, "4.2"), (26, "4.1"), (22, "4.0"), (21, "3.9"),
    (20, "3.8"), (15, "3.7"), (12, "3.6"), (9, "3.5"), (8, "3.4"), (1, "3.3"),
)  # fmt: skip
"""The first metadata version that each release knows (MetadataVersion.java)."""
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Offer:
    """The release of a server, as far as it tells, its calls by number, and what is switched on."""

    version: str
    calls: frozenset[int]
    switched_on: Mapping[str, int] = field(default_factory=dict)


def probe(place: Place, timeout: float) -> Offer:
    """Return what the first server of a place that answers offers; raises `Unreachable`."""
    failure: MqError | None = None
    for host, port in place.hosts:
        try:
            return _asked(place, host.strip("[]"), port or PORT, timeout)
        except TimeoutError:
            failure = TimedOut(f"{place.name} did not answer within {timeout:g}s")
        except OSError as error:
            failure = unreachable(place, error)
        except (struct.error, IndexError):
            failure = BadInput(
                f"{place.name} does not answer as a Kafka server does",
                hint="are host and port right, and is it kafka+tls:// there?",
            )
    assert failure is not None
    raise failure


def _asked(place: Place, host: str, port: int, timeout: float) -> Offer:
    with closing(_connected(place, host, port, timeout)) as channel:
        answer = _call(channel, _FLEXIBLE, _FLEXIBLE_REQUEST)
        if answer.number(2) == _UNSUPPORTED_VERSION:
            answer = _call(channel, _OLD, b"")
            answer.number(2)
            return Offer(UNKNOWN, frozenset(answer.plain_calls()))
        return _read(answer)


def _connected(place: Place, host: str, port: int, timeout: float) -> socket.socket:
    plain = socket.create_connection((host, port), timeout)
    if not place.tls:
        return plain
    with plain:
        return _encrypted(place, host, plain)


def _encrypted(place: Place, host: str, plain: socket.socket) -> socket.socket:
    import ssl

    context = ssl.create_default_context(cafile=place.ca)
    if place.option("verify", "yes") == "no":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if place.cert is not None:
        context.load_cert_chain(place.cert, place.key)
    return context.wrap_socket(plain, server_hostname=host)


def _call(channel: socket.socket, version: int, body: bytes) -> _Answer:
    head = struct.pack(">hhih", _API_VERSIONS, version, _CORRELATION, len(_CLIENT)) + _CLIENT
    channel.sendall(struct.pack(">i", len(head + body)) + head + body)
    (size,) = struct.unpack(">i", _exactly(channel, 4))
    if not 0 < size <= _LARGEST:
        raise IndexError("this is no answer of Kafka")
    answer = _Answer(_exactly(channel, size))
    if answer.number(4) != _CORRELATION:
        raise IndexError("this is the answer to another request")
    return answer


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            raise ConnectionResetError("it closed the connection")
        data += part
    return data


def _compact(text: bytes) -> bytes:
    return bytes([len(text) + 1]) + text


_FLEXIBLE_REQUEST = b"\0" + _compact(_CLIENT) + _compact(b"1") + b"\0"


class _Answer:
    """Reads the fields of an answer one after the other (KIP-482)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        value = int.from_bytes(self.take(size), "big", signed=True)
        return value

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise IndexError("the answer is too short")
        self._at += size
        return taken

    def length(self) -> int:
        """Read an unsigned number of varying length."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7

    def text(self) -> str:
        return self.take(self.length() - 1).decode()

    def items(self, read: Callable[[], _Item]) -> list[_Item]:
        """Read an array, whose items end with tagged fields."""
        found = []
        for _ in range(self.length() - 1):
            found.append(read())
            self.skip_tags()
        return found

    def skip_tags(self) -> None:
        for _ in range(self.length()):
            self.length()
            self.take(self.length())

    def call(self) -> int:
        number = self.number(2)
        self.take(4)
        return number

    def range_of_feature(self) -> tuple[str, int, int]:
        return self.text(), self.number(2), self.number(2)

    def plain_calls(self) -> list[int]:
        return [self.call() for _ in range(self.number(4))]


def _read(answer: _Answer) -> Offer:
    calls = frozenset(answer.items(answer.call))
    answer.number(4)  # the time for which the caller was held back
    supported: dict[str, int] = {}
    switched_on: dict[str, int] = {}
    for _ in range(answer.length()):
        tag, size = answer.length(), answer.length()
        content = _Answer(answer.take(size))
        if tag == 0:
            supported = {n: most for n, _, most in content.items(content.range_of_feature)}
        elif tag == 2:
            switched_on = {n: most for n, most, _ in content.items(content.range_of_feature)}
    return Offer(_release(supported.get(_METADATA, 0)), calls, switched_on)


def _release(metadata: int) -> str:
    return next((release for first, release in _RELEASES if metadata >= first), UNKNOWN)
