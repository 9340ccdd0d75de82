"""What holds for a server of RabbitMQ alone: policies, permissions, errors, lost connections."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store import Denied, NotFound, OutcomeUnknown, Unreachable, Unsupported, open_place
from store.engine.broker import Broker
from store.rabbitmq.management import Management
from store.topology.problems import InvalidTopology
from store.topology.reading import TopologyFile
from tests.support import rabbitmq_server
from tests.support.cutting_proxy import cutting
from tests.support.rabbitmq_server import at, manage, run_mq, server, until, vhost_of

CANARY = "c4n4ry-s3cret"


@pytest.fixture
def shop() -> Iterator[str]:
    """A vhost of its own."""
    with rabbitmq_server.vhost() as url:
        yield url


@pytest.fixture
def broker(shop: str) -> Iterator[Broker]:
    """The vhost, opened."""
    with open_place(shop) as opened:
        yield opened


def file(text: str, name: str = "shop") -> list[TopologyFile]:
    """A topology file."""
    return [TopologyFile(name, text.encode())]


def policy(name: str, priority: int, **definition: Any) -> dict[str, Any]:
    """A policy of other people, for queues whose names begin with `name`."""
    return {
        "pattern": f"^{name}", "apply-to": "queues", "priority": priority, "definition": definition,
    }  # fmt: skip


def declare(shop: str, queue: str) -> None:
    """Declare a queue as other programs do, without a policy."""
    arguments = {"durable": True, "arguments": {"x-queue-type": "quorum"}}
    manage("PUT", f"queues/{vhost_of(shop)}/{queue}", arguments)


class TestPolicies:
    def test_settings_are_a_policy_and_no_arguments(self, broker: Broker, shop: str) -> None:
        broker.create_queue("emails", ttl=60, max_deliveries=3, drop_exhausted=True)
        vhost = vhost_of(shop)
        arguments = manage("GET", f"queues/{vhost}/emails")["arguments"]
        (own,) = manage("GET", f"policies/{vhost}")
        assert arguments == {"x-queue-type": "quorum"}
        assert own["name"] == "mq.emails"
        assert own["definition"] == {"message-ttl": 60_000, "delivery-limit": 2}

    def test_the_policy_goes_with_its_queue(self, broker: Broker, shop: str) -> None:
        broker.create_queue("emails", ttl=60)
        broker.delete_queue("emails")
        assert manage("GET", f"policies/{vhost_of(shop)}") == []

    def test_one_of_other_people_counts_as_the_present_setting(
        self, broker: Broker, shop: str
    ) -> None:
        declare(shop, "emails")
        path = f"policies/{vhost_of(shop)}/theirs"
        manage("PUT", path, policy("emails", 1, **{"message-ttl": 5000}))
        assert broker.queue_config("emails").ttl == 5000

    def test_a_weaker_one_of_other_people_is_named_by_the_plan(
        self, broker: Broker, shop: str
    ) -> None:
        declare(shop, "emails")
        path = f"policies/{vhost_of(shop)}/theirs"
        manage("PUT", path, policy("emails", 1, **{"message-ttl": 5000}))
        plan = broker.plan(file("version: 1\nqueues:\n  emails: {ttl: 1h}\n"))
        assert [step.action for step in plan.steps] == ["change"]
        assert "policy theirs holds for queue emails" in str(plan.warnings[0])

    def test_a_stronger_one_of_other_people_refuses_the_plan(
        self, broker: Broker, shop: str
    ) -> None:
        broker.create_queue("emails")
        path = f"policies/{vhost_of(shop)}/theirs"
        manage("PUT", path, policy("emails", 500, **{"message-ttl": 5000}))
        with pytest.raises(InvalidTopology) as raised:
            broker.plan(file("version: 1\nqueues:\n  emails: {ttl: 1h}\n"))
        assert "is not below 100" in str(raised.value.problems[0])

    def test_a_classic_queue_is_known_and_its_limit_of_deliveries_refused(
        self, broker: Broker, shop: str
    ) -> None:
        manage("PUT", f"queues/{vhost_of(shop)}/old", {"durable": True})
        assert [queue.name for queue in broker.queues()] == ["old"]
        with pytest.raises(InvalidTopology) as raised:
            broker.plan(
                file("version: 1\nqueues:\n  old: {max_deliveries: 3, drop_exhausted: true}\n")
            )
        assert "is a classic queue" in str(raised.value.problems[0])

    def test_a_thing_of_another_topology_stays_with_it_and_the_plan_says_so(
        self, broker: Broker
    ) -> None:
        broker.apply(file("version: 1\nqueues: {emails: {}}\n"))
        plan = broker.apply(file("version: 1\nqueues: {emails: {}}\n", "mail"))
        assert (plan.steps, plan.taken_over) == ((), ())
        assert "queue emails stays with topology shop" in str(plan.warnings[0])

    def test_the_doctor_finds_classic_queues_and_dlqs_that_are_not_there(
        self, broker: Broker, shop: str
    ) -> None:
        vhost = vhost_of(shop)
        manage("PUT", f"queues/{vhost}/old", {"durable": True})
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "gone"}
        manage("PUT", f"queues/{vhost}/lost", {"durable": True, "arguments": arguments})
        codes = {(one.address, one.code) for one in broker.doctor()}
        assert {("old", "classic"), ("lost", "lost-dead-letters")} <= codes


class TestAccess:
    def test_a_wrong_password_is_denied_in_a_line(self, shop: str) -> None:
        done = run_mq(shop, "produce", "emails", "x", MQ_PASSWORD=CANARY)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 2
        assert "refuses the login of guest" in done.stderr

    def test_an_unknown_vhost_is_not_found(self) -> None:
        with open_place(at("nowhere")) as broker:
            for call in (broker.queue, broker.kind, broker.topic):
                with pytest.raises(NotFound, match="no vhost 'nowhere'"):
                    call("emails")

    def test_a_port_without_a_server_is_unreachable(self) -> None:
        refused = pytest.raises(Unreachable, match="can't be reached: Connection refused")
        with open_place("rabbitmq://127.0.0.1:1", timeout=5) as broker, refused:
            broker.send("emails", b"x")

    def test_a_user_who_may_only_look_plans_and_may_not_apply(self, shop: str) -> None:
        vhost = vhost_of(shop)
        text = "version: 1\nqueues:\n  emails: {ttl: 1h}\n"
        with rabbitmq_server.user("looker", "pw", "management", vhost=vhost, allowed=""):
            os.environ["MQ_PASSWORD"] = "pw"
            try:
                with open_place(at(vhost, "looker")) as broker:
                    assert len(broker.plan(file(text)).steps) == 1
                    with pytest.raises(Denied, match="looker") as raised:
                        broker.apply(file(text))
                    assert "policymaker" in raised.value.hint
            finally:
                del os.environ["MQ_PASSWORD"]

    def test_without_management_messages_pass_and_the_rest_is_refused(
        self, broker: Broker, shop: str
    ) -> None:
        broker.create_queue("emails")
        with open_place(at(vhost_of(shop), management="none")) as alone:
            alone.send("emails", b"x")
            assert alone.queue("emails").ready == 1
            assert len(alone.receive("emails")) == 1
            assert [one.code for one in alone.doctor()] == ["management"]
            with pytest.raises(Unsupported, match="no management API"):
                alone.queues()

    def test_where_it_does_not_answer_the_error_names_the_plugin(self, shop: str) -> None:
        url = at(vhost_of(shop), management="http://127.0.0.1:1")
        with open_place(url) as broker, pytest.raises(Unreachable) as raised:
            broker.queues()
        assert "rabbitmq_management" in raised.value.hint

    def test_no_output_and_no_child_has_the_password(self, shop: str, tmp_path: Path) -> None:
        vhost = vhost_of(shop)
        with rabbitmq_server.user("app", CANARY, "administrator", vhost=vhost):
            place = at(vhost, "app")
            topology = tmp_path / "shop.yaml"
            topology.write_text(
                "version: 1\nqueues: {emails: {ttl: 1h}}\nexchanges: {e: {type: topic}}\n"
            )
            lines = ""
            for words in COMMANDS:
                done = run_mq(
                    place, *(word.format(topology=topology) for word in words), "--debug",
                    MQ_PASSWORD=CANARY,
                )  # fmt: skip
                lines += done.stdout + done.stderr
            worked = run_mq(
                place, "work", "emails", "--once", "--", "sh", "-c", "env >&2", MQ_PASSWORD=CANARY
            )
            assert "MQ_QUEUE=emails" in worked.stderr
            assert place.partition("//")[0] in worked.stderr
            assert CANARY not in lines + worked.stdout + worked.stderr


COMMANDS = [
    ["apply", "{topology}"], ["plan", "{topology}"], ["export"], ["status"], ["features"],
    ["queue", "list"], ["queue", "show", "emails", "-o", "json"], ["queue", "show", "nothing"],
    ["produce", "emails", "x", "y", "-o", "ndjson"], ["produce", "nothing", "x"],
    ["publish", "e", "x", "-k", "k"], ["exchange", "show", "e"], ["receive", "emails"],
    ["consume", "emails", "-n", "1"], ["dlq", "list"], ["doctor"], ["metrics"], ["stalls"],
    ["topic", "list"], ["verify"], ["-s", "rabbitmq://app:wrong@host", "status"],
]  # fmt: skip


@pytest.mark.skipif("MQ_TEST_RABBITMQ_CA" not in os.environ, reason="$MQ_TEST_RABBITMQ_CA not set")
class TestTls:
    def test_a_certificate_of_a_known_authority_is_accepted(self, shop: str, named: Named) -> None:
        with open_place(named(shop, ca=os.environ["MQ_TEST_RABBITMQ_CA"])) as broker:
            broker.create_queue("emails")
            broker.send("emails", b"x")
            assert len(broker.receive("emails")) == 1

    def test_any_other_is_refused(self, shop: str, named: Named) -> None:
        with open_place(named(shop)) as broker, pytest.raises(Unreachable) as raised:
            broker.send("emails", b"x")
        assert "certificate" in raised.value.message

    def test_unless_it_is_told_not_to_verify_and_warns(self, shop: str, named: Named) -> None:
        told: list[str] = []
        with open_place(named(shop, verify="no"), tell=told.append) as broker:
            broker.create_queue("emails")
        assert "is not verified" in told[0]


Named = Callable[..., str]


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Named:
    """Name the place of a vhost over TLS `@test`, with keys of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def write(url: str, verify: str = "yes", **keys: str) -> str:
        host, port = server().hosts[0]
        over = url.replace(f"rabbitmq://{host}:{port}", f"rabbitmq+tls://{host}:{(port or 0) + 5}")
        lines = [f'url = "{over}&verify={verify}"', *(f'{k} = "{v}"' for k, v in keys.items())]
        file = tmp_path / "mq" / "places.toml"
        file.parent.mkdir()
        file.touch(mode=0o600)
        file.write_text("[test]\n" + "\n".join(lines))
        return "@test"

    return write


class TestConnections:
    def test_lost_before_the_confirm_the_outcome_is_unknown(
        self, broker: Broker, shop: str
    ) -> None:
        broker.create_queue("emails")
        host, port = server().hosts[0]
        with cutting(host, port or 0) as cut:
            url = shop.replace(f":{port}/", f":{cut}/")
            with open_place(url) as through, pytest.raises(OutcomeUnknown):
                through.send("emails", b"x")

    def test_the_command_then_ends_with_6(self, broker: Broker, shop: str) -> None:
        broker.create_queue("emails")
        host, port = server().hosts[0]
        with cutting(host, port or 0) as cut:
            done = run_mq(shop.replace(f":{port}/", f":{cut}/"), "produce", "emails", "x")
        assert done.returncode == 6

    def test_a_worker_outlives_the_end_of_its_connection(self, broker: Broker, shop: str) -> None:
        broker.create_queue("emails")
        with open_place(shop) as other:
            told: list[str] = []
            other._tell = told.append  # type: ignore[attr-defined]
            broker.send("emails", b"1")
            assert other.receive("emails", wait=20.0, attached=True)
            close_connections(vhost_of(shop), 2)
            assert other.receive("emails", wait=20.0, attached=True) == []
            (again,) = other.receive("emails", wait=20.0, attached=True)
            assert again.redelivered
            assert ["connecting again" in told[0], "connected again" in told[1]] == [True, True]

    def test_killed_workers_lose_nothing(self, broker: Broker, shop: str, tmp_path: Path) -> None:
        broker.create_queue("emails")
        broker.send_many("emails", [b"%d" % number for number in range(200)])
        done = tmp_path / "done"
        done.touch()
        kills = 4
        for _ in range(kills):
            had = len(done.read_text().split())
            worker = start_worker(shop, done)
            until(lambda had=had: len(done.read_text().split()) > had + 5)  # type: ignore[misc]
            worker.kill()
            worker.wait(rabbitmq_server.PATIENCE)
        last = start_worker(shop, done)
        until(lambda: len(set(done.read_text().split())) == 200)
        last.terminate()
        assert last.wait(rabbitmq_server.PATIENCE) == 0
        assert len(done.read_text().split()) <= 200 + kills * 4

    def test_a_killed_member_is_taken_over_without_a_gap(
        self, broker: Broker, shop: str, tmp_path: Path
    ) -> None:
        broker.create_topic("orders")
        broker.produce_many("orders", [b"%d" % number for number in range(50)])
        done = tmp_path / "done"
        done.touch()
        worker = start_worker(shop, done, "orders", "-g", "billing")
        until(lambda: len(done.read_text().split()) > 5)
        worker.kill()
        worker.wait(rabbitmq_server.PATIENCE)
        with open_place(shop) as other:
            member = other.consumer("billing", ["orders"], timeout=20.0)
            rest = [int(record.value or b"") for record in member.poll(100, timeout=20.0)]
        had = [int(word) for word in done.read_text().split()]
        assert rest[-1] == 49
        assert rest[0] <= had[-1] + 1
        assert set(had) | set(rest) == set(range(50))

    def test_a_redrive_that_is_killed_half_way_loses_no_letter(
        self, broker: Broker, shop: str
    ) -> None:
        broker.create_queue("emails.dlq")
        broker.create_queue("emails", dlq="emails.dlq", max_deliveries=5)
        broker.send_many("emails", [b"%d" % number for number in range(20)])
        broker.reject([message.receipt or "" for message in broker.receive("emails", 20)])
        until(lambda: broker.queue("emails.dlq").ready == 20)
        killed = run_mq(
            shop, "dlq", "redrive", "emails.dlq", "-n", "10", MQ_CRASH_AT="redrive.confirmed"
        )
        assert killed.returncode == -9
        until(lambda: broker.queue("emails.dlq").ready == 20)
        assert run_mq(shop, "dlq", "redrive", "emails.dlq").returncode == 0
        back = [message.value for message in broker.receive("emails", 100)]
        assert {b"%d" % number for number in range(20)} == set(back)
        assert len(back) == 30

    def test_a_look_of_the_dashboard_is_two_requests(
        self, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker.create_queue("emails")
        paths: list[str] = []
        call = Management._call

        def counted(management: Management, method: str, path: str, *more: Any) -> Any:
            paths.append(path)
            return call(management, method, path, *more)

        monkeypatch.setattr(Management, "_call", counted)
        broker.snapshot()
        assert paths == ["queues/{vhost}", "exchanges/{vhost}"]

    def test_a_queue_without_a_reader_is_a_stall(self, broker: Broker) -> None:
        broker.create_queue("emails")
        broker.send_many("emails", [b"1", b"2"])
        until(lambda: bool(broker.stalls(over=0.0)))
        (stall,) = broker.stalls(over=0.0)
        assert (stall.source, stall.cause, stall.blocked) == ("emails", "unassigned", 2)
        assert stall.do == ["mq work emails -- COMMAND"]


def start_worker(
    place: str, done: Path, source: str = "emails", *options: str
) -> subprocess.Popen[bytes]:
    """A worker that appends each value to a file."""
    return subprocess.Popen(
        [sys.executable, "-m", "mq", "-s", place, "work", source, *options, "--jobs", "2",
         "--prefetch", "4", "--", "sh", "-c", f"read x; echo $x >> {done}"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def close_connections(vhost: str, number: int) -> None:
    """End every connection of a vhost, once so many are listed, as an administrator does."""

    def names() -> list[str]:
        return [one["name"] for one in manage("GET", f"vhosts/{vhost}/connections")]

    until(lambda: len(names()) == number)
    from urllib.parse import quote

    for name in names():
        manage("DELETE", f"connections/{quote(name, safe='')}")
