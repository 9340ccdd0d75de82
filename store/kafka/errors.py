"""Errors of Kafka and of librdkafka as those of the house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException

from store.engine.places import Place
from store.model.errors import (
    BadInput,
    Conflict,
    Denied,
    Exists,
    Fenced,
    GroupActive,
    Hint,
    MqError,
    NotFound,
    OutcomeUnknown,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
    Unsupported,
)

_REACHABLE = "is the server up? the hosts and ports are those of its place"
_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
_LOGIN = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
}
_UNKNOWN = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.GROUP_ID_NOT_FOUND,
    KafkaError.RESOURCE_NOT_FOUND,
}
_FENCED = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.FENCED_MEMBER_EPOCH,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError.UNRELEASED_INSTANCE_ID,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError._FENCED,
    KafkaError._ASSIGNMENT_LOST,
}
_MEMBERS = {KafkaError.NON_EMPTY_GROUP, KafkaError.UNKNOWN_MEMBER_ID}
_INVALID = {
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_REQUEST,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError.POLICY_VIOLATION,
    KafkaError._INVALID_ARG,
}
_GONE = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._SSL}
_SLOW = {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT_QUEUE}
_NOT_THERE = {KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE}


@contextmanager
def translated(place: Place, subject: str) -> Iterator[None]:
    """Raise the errors of Kafka that come out of the block as ours; they name the subject."""
    try:
        yield
    except KafkaException as error:
        raise_ours(error, place, subject)


def raise_ours(error: KafkaException | KafkaError, place: Place, subject: str) -> NoReturn:
    """Raise an error of Kafka as one of ours, which names the subject: `topic orders`."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(cause, KafkaError):
        raise MqError(f"{subject}: {cause}") from None
    raise ours_of(cause, place, subject) from None


def ours_of(error: KafkaError, place: Place, subject: str) -> MqError:
    """Return an error of Kafka as one of ours; see ENGINES of its codes in `store.model.errors`."""
    code, reason = error.code(), _plain(error)
    if code in _UNKNOWN:
        return missing(subject)
    if code in _LOGIN:
        return refused_login(place, reason)
    if code in _DENIED:
        return Denied(
            f"{place.name} refuses {place.user or 'this client'}: {subject}: {reason}",
            hint="an administrator of the cluster allows it, with kafka-acls.sh, to User:NAME",
        )
    if code in _MEMBERS:
        return GroupActive(f"{subject} has live members", hint="end them first")
    if code in _FENCED:
        return Fenced(f"{subject}: {reason}")
    if code == KafkaError.TOPIC_ALREADY_EXISTS:
        return Exists(f"{subject} exists already")
    if code in _NOT_THERE:
        return Unsupported(f"{subject}: the server of {place.name} is too old: {reason}")
    if code in _INVALID:
        return BadInput(f"{subject}: {reason}")
    if code == KafkaError._MSG_TIMED_OUT:
        return OutcomeUnknown(f"{subject}: not confirmed in time")
    return _unavailable(error, place, subject) or MqError(f"{subject}: {reason}")


def _unavailable(error: KafkaError, place: Place, subject: str) -> MqError | None:
    code, reason = error.code(), _plain(error)
    if code in _SLOW:
        return TimedOut(
            f"{subject}: {place.name} did not answer in time",
            hint=Hint("wait longer with {timeout}"),
        )
    if code in _GONE:
        return Unreachable(f"{place.name} can't be reached: {reason}", hint=_REACHABLE)
    if code == KafkaError.THROTTLING_QUOTA_EXCEEDED:
        return Throttled(f"{subject}: {reason}")
    if code in {KafkaError.REBALANCE_IN_PROGRESS, KafkaError.CONCURRENT_TRANSACTIONS}:
        return Conflict(f"{subject}: {reason}")
    if error.retriable() or code in {
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.BROKER_NOT_AVAILABLE,
    }:
        return Unavailable(f"{subject}: {reason}")
    return None


def missing(subject: str) -> NotFound:
    """Return the error for a thing that does not exist, with the way to create a topic."""
    kind, _, name = subject.partition(" ")
    message = f"{subject} does not exist"
    if kind == "topic":
        from store.model.actions import create

        return NotFound(message, Hint("{}", create("topic", name)))
    return NotFound(message)


def unreachable(place: Place, error: OSError) -> Unreachable:
    """Return the error for a server that no connection can be made to."""
    mistrust = getattr(error, "verify_message", "")
    if mistrust:
        return Unreachable(
            f"{place.name} can't be trusted: {mistrust}",
            hint="name the authority of its certificate as ca in places.toml",
        )
    reason = error.strerror or str(error)
    return Unreachable(f"{place.name} can't be reached: {reason}", hint=_REACHABLE)


def refused_login(place: Place, reason: str) -> Denied:
    """Return the error for credentials that the server refuses."""
    told = reason.rpartition("SASL authentication error: ")[2].partition(" (after ")[0]
    return Denied(
        f"{place.name} refuses the login of {place.user or 'this client'}: {told}",
        hint="check the user, the password or its command, and ?sasl=",
    )


def _plain(error: KafkaError) -> str:
    """Return what an error says, in one line, without the words of librdkafka before it."""
    text = " ".join(error.str().split())
    for word in ("Broker: ", "Local: "):
        text = text.removeprefix(word)
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
