"""`mq doctor`: findings as rows, as paragraphs, and as an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store import Store
from tests.cli.conftest import RunMq, StartMq

FIELDS = ["severity", "code", "address", "evidence", "why", "do"]
FAULTY = """\
version: 1
topics:
  orders: {retention: 1d}
queues:
  mails: {}
  a: {dlq: b}
  b: {dlq: a}
exchanges:
  events: {type: topic}
groups:
  billing: {topics: [orders], max_lag_time: 2d, max_deliveries: 5, dlq: b}
"""


@pytest.fixture
def mails(path: Path) -> None:
    """A store with a queue that has no DLQ."""
    with Store.open(path, create=True) as store:
        store.create_queue("mails")


@pytest.fixture
def in_order(path: Path) -> None:
    """A store in which a warning would be wrong."""
    with Store.open(path, create=True) as store:
        store.create_queue("dead", retention=14 * 86_400)
        store.create_queue("mails", dlq="dead")


@pytest.mark.usefixtures("mails")
def test_a_finding_says_where_by_which_numbers_why_and_what_to_do(call_mq: RunMq) -> None:
    first, *_ = json.loads(call_mq("doctor", "--json").out)

    assert list(first) == FIELDS
    assert (first["severity"], first["code"], first["address"]) == ("warning", "no_dlq", "mails")
    assert first["do"][0] == "mq queue create mails.dlq --retention 14d"


@pytest.mark.usefixtures("mails")
def test_the_commands_mend_what_they_are_shown_for(call_mq: RunMq) -> None:
    findings = json.loads(call_mq("doctor", "--json").out)
    for line in findings[0]["do"]:
        assert call_mq(*line.split()[1:]).code == 0

    assert not any(one["code"] == "no_dlq" for one in json.loads(call_mq("doctor", "--json").out))


@pytest.mark.usefixtures("mails")
def test_a_warning_is_exit_code_10_where_one_is_asked_for(call_mq: RunMq) -> None:
    assert (call_mq("doctor").code, call_mq("doctor", "--exit-code").code) == (0, 10)


@pytest.mark.usefixtures("in_order")
def test_advice_alone_is_no_alarm(call_mq: RunMq) -> None:
    assert call_mq("doctor", "--exit-code").code == 0


@pytest.mark.usefixtures("in_order")
def test_what_is_in_order_is_shown_only_when_asked_for(call_mq: RunMq) -> None:
    def severities(*words: str) -> set[str]:
        return {one["severity"] for one in json.loads(call_mq("doctor", "--json", *words).out)}

    assert "ok" not in severities()
    assert "ok" in severities("--all")


@pytest.mark.usefixtures("mails")
def test_explaining_gives_a_paragraph_with_every_command(call_mq: RunMq) -> None:
    page = call_mq("doctor", "--explain", "-o", "table").text

    assert "WARNING  mails  no_dlq" in page
    assert "a message that can't be processed comes back for ever" in page
    assert "    mq queue alter mails --max-deliveries 5 --dlq mails.dlq" in page


@pytest.mark.usefixtures("mails")
def test_a_table_shows_the_first_command(call_mq: RunMq) -> None:
    page = " ".join(call_mq("doctor", "-o", "table").text.split())

    assert "warning mails" in page


@pytest.mark.usefixtures("mails")
def test_watching_ends_when_the_exit_code_has_its_answer(call_mq: RunMq) -> None:
    assert call_mq("doctor", "--watch", "10ms", "--exit-code").code == 10


def test_a_missing_store_is_refused(call_mq: RunMq) -> None:
    assert call_mq("doctor").is_refused(3)


def test_files_are_looked_at_without_a_store(call_mq: RunMq, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(FAULTY)

    run = call_mq("doctor", "shop.yaml", "--json", "--exit-code")

    assert run.code == 10
    assert {(one["code"], one["address"]) for one in json.loads(run.out)} == {
        ("no_dlq", "mails"),
        ("dlq_cycle", "a"),
        ("unbound_exchange", "exchange:events"),
        ("late_objective", "billing"),
    }


def test_a_file_that_errs_is_refused_before_it_is_judged(call_mq: RunMq, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("version: 1\nqueues: {mails: {dlq: nowhere}}\n")

    assert call_mq("doctor", "shop.yaml").code == 2


def test_a_missing_file_is_not_found(call_mq: RunMq) -> None:
    assert call_mq("doctor", "nowhere.yaml").is_refused(3)


def test_who_acknowledges_what_was_only_printed_is_told(
    call_mq: RunMq, start_mq: StartMq, shop: Store
) -> None:
    with shop.consumer("audit", ["orders"]):
        following = start_mq("consume", "orders", "-g", "billing", "--follow")
        assert following.stdout.readline()

        findings = json.loads(call_mq("doctor", "--json").out)

    printing = [one for one in findings if one["code"] == "acked_after_processing"]
    assert [(one["severity"], one["address"]) for one in printing] == [("advice", "billing")]
    assert printing[0]["do"] == ["mq work orders -g billing -- COMMAND"]
