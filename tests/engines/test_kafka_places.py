"""Places of Kafka: how they are read, and what a server answers before anything is asked of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka import KafkaError

from store import (
    BadInput,
    BadRecord,
    Denied,
    NewRecord,
    OutcomeUnknown,
    TimedOut,
    Unreachable,
    open_place,
)
from store.engine.features import Feature
from store.engine.places import read_place
from store.kafka.features import features_of
from store.kafka.probing import CREATE_TOPICS, SHARE_FETCH, Offer, probe
from tests.support import kafka_mock, kafka_server

CANARY = "c4n4ry"


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """librdkafka's mock cluster."""
    with kafka_mock.cluster() as url:
        yield url


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that answers anything with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield f"kafka://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("rest", ["/shop", "?acks=1"])
def test_a_path_or_an_unknown_option_is_refused(rest: str) -> None:
    with pytest.raises(BadInput):
        open_place(f"kafka://host{rest}")


@pytest.mark.parametrize(("sasl", "password"), [("gssapi", CANARY), ("plain", None)])
def test_a_login_that_can_not_be_made_is_refused(
    mock: str, sasl: str, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQ_PASSWORD", password or "")
    url = mock.replace("://", "://app@") + f"?sasl={sasl}"
    with open_place(url) as opened, pytest.raises(BadInput) as raised:
        opened.topic("orders")
    assert CANARY not in f"{raised.value} {raised.value.hint}"


def test_a_server_that_is_down_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"kafka://127.0.0.1:{taken.getsockname()[1]}"
        with open_place(url) as opened, pytest.raises(Unreachable):
            opened.topic("orders")


def test_the_next_host_is_asked_where_one_is_down(mock: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        down = f"127.0.0.1:{taken.getsockname()[1]}"
        place = read_place(mock.replace("://", f"://{down},"))
        assert SHARE_FETCH in probe(place, 20.0).calls


def test_a_server_that_says_nothing_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"kafka://127.0.0.1:{silent.getsockname()[1]}"
        with open_place(url, timeout=0.2) as opened, pytest.raises(TimedOut):
            opened.topic("orders")


def test_another_kind_of_server_is_told() -> None:
    with (
        answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url,
        open_place(url) as opened,
        pytest.raises(BadInput, match="does not answer as a Kafka server does"),
    ):
        opened.topic("orders")


def test_a_command_ends_with_5_and_shows_no_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"kafka+tls://app@127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "mq", "-s", url, "topic", "list"],
            env={**os.environ, "MQ_PASSWORD": CANARY}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 5
    assert url in done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_a_server_without_administration_has_no_topics_to_alter(mock: str) -> None:
    offer = probe(read_place(mock), 20.0)
    assert CREATE_TOPICS not in offer.calls
    features = features_of(offer)
    assert (features.version, features.lacks(Feature.MORE_PARTITIONS)) == ("-", True)


def test_the_release_follows_from_what_a_server_supports() -> None:
    with kafka_server.emptied() as url:
        offer = probe(read_place(url), 20.0)
    assert offer.version.startswith("4.")
    assert offer.switched_on["share.version"] >= 1


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Name the cluster over TLS `@test`, with keys of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def write(options: str = "", **keys: str) -> str:
        url = kafka_server.at(kafka_server.TLS, scheme="kafka+tls") + options
        lines = [f'url = "{url}"', *(f'{key} = "{value}"' for key, value in keys.items())]
        file = tmp_path / "mq" / "places.toml"
        file.parent.mkdir()
        file.touch(mode=0o600)
        file.write_text("[test]\n" + "\n".join(lines))
        return "@test"

    return write


class TestOverTls:
    def test_a_certificate_is_verified_by_its_authority(self, named: Callable[..., str]) -> None:
        with open_place(named(ca=kafka_server.authority())) as opened:
            assert opened.kind("no-such-topic") is None

    def test_one_of_an_unknown_authority_is_refused(self, named: Callable[..., str]) -> None:
        with open_place(named()) as opened, pytest.raises(Unreachable, match="can't be trusted"):
            opened.kind("no-such-topic")

    def test_unless_it_is_not_verified_which_is_told(self, named: Callable[..., str]) -> None:
        told: list[str] = []
        with open_place(named("?verify=no"), tell=told.append) as opened:
            assert opened.kind("no-such-topic") is None
        assert told == ["@test: the server's certificate is not verified"]

    def test_without_tls_the_answer_is_none_of_kafka(self) -> None:
        with open_place(kafka_server.at(kafka_server.TLS)) as opened, pytest.raises(BadInput):
            opened.kind("no-such-topic")


class TestLogins:
    def test_a_user_logs_in_by_a_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MQ_PASSWORD", kafka_server.PASSWORD)
        with open_place(kafka_server.at(kafka_server.LOGIN, user="app")) as opened:
            assert opened.kind("no-such-topic") is None

    def test_a_wrong_password_is_denied_at_once_and_not_repeated(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MQ_PASSWORD", CANARY)
        with (
            open_place(kafka_server.at(kafka_server.LOGIN, user="app")) as opened,
            pytest.raises(Denied) as raised,
        ):
            opened.kind("no-such-topic")
        assert "refuses the login of app: " in raised.value.message
        assert CANARY not in f"{raised.value} {raised.value.hint}"


def test_share_groups_are_lacking_where_they_are_switched_off() -> None:
    offer = Offer("4.2", frozenset({SHARE_FETCH}), {"share.version": 0})
    assert features_of(offer).lacks(Feature.SHARES)


class TestPages:
    """Pages of partitions that are read in turn, as a topic is read as a whole."""

    def test_each_record_comes_once_and_in_order(self, mock: str) -> None:
        kafka_mock.create_topic(mock, "pages", 3)
        with open_place(mock) as opened:
            load = [NewRecord(b"%d" % n, partition=n % 3) for n in range(3000)]
            opened.produce_many("pages", load)
            found: list[list[int]] = [[], [], []]
            for _ in range(8):
                for partition, values in enumerate(found):
                    page = opened.read("pages", partition, len(values), 130)
                    assert len(page) == min(130, 1000 - len(values))
                    values += [int(record.value or b"") for record in page]
        assert found == [list(range(partition, 3000, 3)) for partition in range(3)]

    def test_reading_goes_back_and_past_what_came_meanwhile(self, mock: str) -> None:
        kafka_mock.create_topic(mock, "back", 1)
        with open_place(mock) as opened:
            opened.produce_many("back", [b"%d" % n for n in range(300)])
            assert opened.read("back", 0, 0, 200)[-1].offset == 199
            opened.produce_many("back", [b"%d" % n for n in range(300, 400)])
            assert [one.offset for one in opened.read("back", 0, 200, 500)] == [*range(200, 400)]
            assert [one.offset for one in opened.read("back", 0, 10, 150)] == [*range(10, 160)]
            assert opened.read("back", 0, 400, 150) == []


class TestConfirms:
    """Records that are not confirmed, by errors that the mock cluster gives."""

    PRODUCE = 0

    def test_without_a_confirm_in_time_the_outcome_is_unknown(self, mock: str) -> None:
        kafka_mock.create_topic(mock, "lost", 1)
        kafka_mock.fail(mock, self.PRODUCE, *[KafkaError._TRANSPORT] * 1000)
        with open_place(mock, timeout=1.0) as opened, pytest.raises(OutcomeUnknown) as raised:
            opened.produce_many("lost", [b"1", b"2"])
        kafka_mock.fail(mock, self.PRODUCE)
        assert "2 records may be stored or not (number 1, 2 of 2)" in raised.value.message

    def test_what_is_repeated_after_an_error_is_stored_once(self, mock: str) -> None:
        kafka_mock.create_topic(mock, "again", 1)
        kafka_mock.fail(mock, self.PRODUCE, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT)
        with open_place(mock) as opened:
            assert opened.produce("again", b"1").offset == 0
            assert [record.value for record in opened.read("again")] == [b"1"]

    def test_a_refused_record_is_named_by_its_number(self, mock: str) -> None:
        kafka_mock.create_topic(mock, "large", 1)
        kafka_mock.fail(mock, self.PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE)
        with open_place(mock) as opened, pytest.raises(BadRecord) as raised:
            opened.produce("large", b"1")
        assert raised.value.index == 0
