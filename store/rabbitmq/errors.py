"""Errors of AMQP and of the management API as those of the house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from amqp import exceptions as amqp

from store.engine.places import Place
from store.model.errors import (
    BadInput,
    Conflict,
    Denied,
    Hint,
    MqError,
    NotFound,
    TimedOut,
    Unreachable,
)

_LOST = (amqp.RecoverableConnectionError, amqp.ConnectionError, ConnectionError)
_REACHABLE = "is the server up? the host and the port are those of its place"


class ConnectionLost(Unreachable):
    """The connection ended while it was in use."""


@contextmanager
def translated(place: Place, subject: str) -> Iterator[None]:
    """Raise the errors of AMQP that come out of the block as ours; they name the subject."""
    try:
        yield
    except (amqp.AMQPError, OSError) as error:
        raise_ours(error, place, subject)


def raise_ours(error: Exception, place: Place, subject: str) -> NoReturn:
    """Raise an error of AMQP, or of the system, as one of ours."""
    reply = str(getattr(error, "reply_text", "") or error)
    match getattr(error, "code", 0) or getattr(error, "reply_code", 0):
        case 404:
            raise missing(subject) from error
        case 403:
            raise denied(place, reply) from error
        case 405 | 406:
            raise Conflict(f"{subject}: {_plain(reply)}") from error
        case 530 if "not found" in reply:
            raise no_vhost(place) from error
        case 530:
            raise denied(place, reply) from error
        case 320:
            raise ConnectionLost(f"{place.name} closed the connection: {_plain(reply)}") from error
    if isinstance(error, TimeoutError):
        raise TimedOut(
            f"{place.name} did not answer in time", hint=Hint("wait longer with {timeout}")
        ) from error
    if isinstance(error, _LOST) and not isinstance(error, ConnectionRefusedError):
        raise ConnectionLost(f"the connection to {place.name} ended", hint=_REACHABLE) from error
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        raise Unreachable(f"{place.name} can't be reached: {reason}", hint=_REACHABLE) from error
    raise MqError(f"{subject}: {_plain(reply)}") from error


def missing(subject: str) -> NotFound:
    """Return the error for a thing that does not exist, with the way to create it."""
    kind, _, name = subject.partition(" ")
    message = f"{subject} does not exist"
    if kind == "queue":
        from store.model.actions import create

        return NotFound(message, Hint("{}", create("queue", name)))
    if kind == "exchange":
        from store.model.actions import create

        return NotFound(message, Hint("{}", create("exchange", name, type="topic")))
    return NotFound(message)


def denied(place: Place, reply: str) -> Denied:
    """Return the error for a user without the permission."""
    user = place.user or "guest"
    if "Login was refused" in reply:
        told = f"{place.name} refuses the login of {user}"
        return Denied(told, hint="check the user, and the password or its command")
    return Denied(
        f"{place.name} refuses {user}: {_plain(reply)}", hint="rabbitmqctl set_permissions"
    )


def from_management(status: int, reason: str, place: Place, subject: str) -> MqError:
    """Return the error for an answer of the management API."""
    user = place.user or "guest"
    if status == 401:
        if "authorised" in reason:
            told = f"{place.name} refuses {user}: no permission for {subject}"
            return Denied(told, hint="the user needs the tag policymaker, that of an administrator")
        told = f"{place.name} refuses {user} the management API"
        return Denied(told, hint="is the password right? the user needs the tag management")
    if status == 403:
        return Denied(
            f"{place.name} refuses {user}: {reason or 'no permission'}",
            hint="the user needs the tag policymaker, or management",
        )
    if status == 404:
        return missing(subject)
    if status == 400:
        return BadInput(f"{subject}: {reason}")
    return MqError(f"{subject}: the management API of {place.name} answers {status} {reason}")


def no_vhost(place: Place) -> NotFound:
    """Return the error for a place whose vhost does not exist."""
    vhost = place.path or "/"
    return NotFound(f"{place.name} has no vhost {vhost!r}", hint=f"rabbitmqctl add_vhost {vhost}")


def _plain(reply: str) -> str:
    """Return a reply of the server in one line, without its code word."""
    _, dash, rest = reply.partition(" - ")
    return " ".join((rest if dash else reply).split())
