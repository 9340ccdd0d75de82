"""librdkafka's clients of one place: made when they are first needed, each kind once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, TimeoutError as FutureTimeout
from functools import cached_property
from time import monotonic
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, ShareConsumer
from confluent_kafka.admin import AdminClient

from store.engine.places import Place
from store.kafka.errors import raise_ours, refused_login, translated
from store.kafka.probing import PORT, Offer, probe
from store.model.errors import BadInput, Hint, TimedOut

MECHANISMS = ("plain", "scram-sha-256", "scram-sha-512")
# Seconds between two looks for a refused login while the first answer is awaited.
_LOOK = 0.25
_CONNECTING = 0.01
_READING = {
    "group.id": "mq",
    "enable.partition.eof": True,
    # Other questions wait behind a fetch that a server holds back at the end.
    "fetch.wait.max.ms": 10,
    # A fetch ahead of a read is lost when another partition is read.
    "queued.max.messages.kbytes": 1024,
    "fetch.queue.backoff.ms": 1,
}
_LARGEST = 1_000_000_000
# Readers of committed records wait as long for a transaction whose process was killed.
_OPEN_TRANSACTION = 15_000
_Key = TypeVar("_Key")
_Result = TypeVar("_Result")


class Clients:
    """The clients of a place. `timeout` bounds, in seconds, the connection and each call."""

    def __init__(self, place: Place, password: str | None, timeout: float) -> None:
        self.place = place
        self.timeout = timeout
        self._password = password
        self._login_refused = ""

    @cached_property
    def offer(self) -> Offer:
        """The version and the calls of the server; raises `Unreachable` at once where none is."""
        return probe(self.place, self.timeout)

    @cached_property
    def reader(self) -> Consumer:
        """A consumer without a group, for reads by offset and questions; it creates no topic."""
        client = Consumer({**self._consuming(), **_READING})
        self._connect(client)
        return client

    @cached_property
    def admin(self) -> AdminClient:
        """The client of topics, settings, groups; its `list_topics` would create a topic."""
        _ = self.reader
        return AdminClient(self._config())

    @cached_property
    def producer(self) -> Producer:
        """A producer whose records are on all replicas in sync when they are confirmed, once."""
        _ = self.reader
        client = Producer(self._producing())
        # A record that comes before its connection waits for half a second (librdkafka 2.16).
        client.poll(_CONNECTING)
        return client

    def consumer(self, more: Mapping[str, Any]) -> Consumer:
        """Return a new consumer, which commits only what it is told to."""
        _ = self.reader
        return Consumer({**self._consuming(), **more})

    def sharing(self, more: Mapping[str, Any]) -> ShareConsumer:
        """Return a new member of a share group."""
        return ShareConsumer({**self._config(), **more})

    def transactional(self, id: str) -> Producer:
        """Return a new producer with a transactional id; begin with `init_transactions`."""
        _ = self.reader
        milliseconds = min(_OPEN_TRANSACTION, max(1000, round(self.timeout * 1000)))
        names = ("transaction.timeout.ms", "message.timeout.ms", "socket.timeout.ms")
        times = dict.fromkeys(names, milliseconds)
        return Producer({**self._producing(), **times, "transactional.id": id})

    def look_for_leaders(self) -> None:
        """Let the admin client learn of partitions and leaders that are new."""
        with translated(self.place, "the list of topics"):
            self.admin.list_topics(timeout=self.timeout)

    def settled(self, futures: Mapping[_Key, Future[_Result]], subject: str) -> dict[_Key, _Result]:
        """Return the results of an admin call; raises the first of its errors as ours.

        A subject that ends with a blank is followed by the name of the thing: its key.
        """
        deadline = monotonic() + self.timeout
        results = {}
        for key, future in futures.items():
            name = f"{subject}{key}" if subject.endswith(" ") else subject
            results[key] = self.result(future, name, deadline)
        return results

    def result(
        self, future: Future[_Result], subject: str, deadline: float | None = None
    ) -> _Result:
        """Return the result of an admin call; raises its error as ours."""
        left = self.timeout if deadline is None else max(0.0, deadline - monotonic())
        try:
            with translated(self.place, subject):
                # A little more than librdkafka has, whose own error says more.
                return future.result(left + 1.0)
        except FutureTimeout:
            raise TimedOut(
                f"{subject}: {self.place.name} did not answer in time",
                hint=Hint("wait longer with {timeout}"),
            ) from None

    def close(self) -> None:
        """Close the clients; confirmed records stay."""
        made = self.__dict__
        if (reader := made.pop("reader", None)) is not None:
            reader.close()
        if (producer := made.pop("producer", None)) is not None:
            producer.purge()
            producer.flush(0)
        made.pop("admin", None)

    def _config(self) -> dict[str, Any]:
        # Refused connections and names that are unknown are told at once, and not after a time.
        _ = self.offer
        place, milliseconds = self.place, max(1000, round(self.timeout * 1000))
        return {
            "bootstrap.servers": ",".join(f"{host}:{port or PORT}" for host, port in place.hosts),
            "client.id": "mq",
            "log_level": 0,
            "error_cb": self._note,
            "socket.connection.setup.timeout.ms": milliseconds,
            "socket.timeout.ms": milliseconds,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 1000,
            **self._security(),
        }

    def _consuming(self) -> dict[str, Any]:
        return {
            **self._config(),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "isolation.level": "read_committed",
        }

    def _producing(self) -> dict[str, Any]:
        return {
            **self._config(),
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.timeout.ms": max(1000, round(self.timeout * 1000)),
            # The limit of a record is that of its topic.
            "message.max.bytes": _LARGEST,
            "queue.buffering.max.messages": 0,
        }

    def _security(self) -> dict[str, Any]:
        place = self.place
        protocol = "ssl" if place.tls else "plaintext"
        config: dict[str, Any] = {}
        if place.user is not None:
            mechanism = place.option("sasl", "plain").lower()
            if mechanism not in MECHANISMS:
                known = ", ".join(MECHANISMS)
                raise BadInput(f"there is no sasl={mechanism} here", hint=f"one of {known}")
            if self._password is None:
                raise BadInput(
                    f"{place.name} has the user {place.user} and no password",
                    hint="give it in $MQ_PASSWORD, or by password_command in places.toml",
                )
            protocol = f"sasl_{protocol}"
            config |= {
                "sasl.mechanism": mechanism.upper(),
                "sasl.username": place.user,
                "sasl.password": self._password,
            }
        if place.tls:
            files = {
                "ssl.ca.location": place.ca,
                "ssl.certificate.location": place.cert,
                "ssl.key.location": place.key,
            }
            config |= {name: file for name, file in files.items() if file is not None}
            config["enable.ssl.certificate.verification"] = place.option("verify", "yes") != "no"
        return {"security.protocol": protocol, **config}

    def _note(self, error: KafkaError) -> None:
        if error.code() in {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}:
            self._login_refused = error.str()

    def _connect(self, client: Consumer) -> None:
        """Wait for a first answer; librdkafka repeats a refused login until the time is over."""
        deadline = monotonic() + self.timeout
        while True:
            try:
                client.list_topics("__consumer_offsets", timeout=min(_LOOK, self.timeout))
                return
            except KafkaException as error:
                client.poll(0)
                if self._login_refused:
                    raise refused_login(self.place, self._login_refused) from None
                if monotonic() > deadline:
                    raise_ours(error, self.place, "connection")
