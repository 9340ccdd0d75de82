"""`mq advise`: questions in, a judgement out."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from store import Store
from tests.cli.conftest import RunMq

ANSWERS = b'{"replay": true, "readers": ["billing", "search"], "peak_rate": 300}'


def test_options_answer_the_questions(call_mq: RunMq) -> None:
    run = call_mq("advise", "--per-message", "retry", "--peak-rate", "50/s", "--json")
    advice = json.loads(run.out)

    assert (run.code, advice["place"], advice["decided_by"][0]["question"]) == (
        0,
        "queue",
        "replay",
    )


def test_a_file_answers_them_too(call_mq: RunMq, tmp_path: Path) -> None:
    (tmp_path / "workload.json").write_bytes(ANSWERS)

    advice = json.loads(call_mq("advise", "workload.json", "--json").out)

    assert list(advice["topology"]["groups"]) == ["events.billing", "events.search"]


def test_stdin_answers_them_where_nothing_else_does(run_mq: RunMq) -> None:
    run = run_mq("advise", "--json", stdin=ANSWERS)

    assert json.loads(run.out)["place"] == "log"


def test_an_option_wins_over_the_file(call_mq: RunMq, tmp_path: Path) -> None:
    (tmp_path / "workload.json").write_bytes(ANSWERS)

    run = call_mq("advise", "workload.json", "--no-replay", "--readers", "1", "--json")

    assert json.loads(run.out)["place"] == "queue"


def test_what_was_not_answered_is_named(call_mq: RunMq) -> None:
    advice = json.loads(call_mq("advise", "--replay", "--consumer-rate", "50/s", "--json").out)

    assert "peak_rate" in advice["assumed"]
    assert not {"replay", "processing"} & set(advice["assumed"])


def test_the_arithmetic_is_shown(call_mq: RunMq) -> None:
    words = ("--replay", "--peak-rate", "500/s", "--growth", "2", "--processing", "20ms")
    advice = json.loads(call_mq("advise", *words, "--json").out)

    assert [(step["what"], step["result"]) for step in advice["arithmetic"]] == [
        ("peak to build for", "1,000/s"),
        ("with headroom", "1,500/s"),
        ("consumers", "30"),
        ("partitions", "30"),
    ]


def test_yaml_prints_what_to_create_and_nothing_else(call_mq: RunMq) -> None:
    run = call_mq("advise", "--name", "orders", "--replay", "--readers", "billing", "--yaml")

    assert run.text.startswith("# orders: a log, read by consumer groups\n")
    assert yaml.safe_load(run.out) == {
        "version": 1,
        "topics": {"orders": {"partitions": 1, "retention": "7d"}},
        "queues": {"orders.dlq": {"retention": "14d"}},
        "groups": {
            "orders.billing": {
                "topics": ["orders"],
                "max_lag_time": "5m",
                "max_deliveries": 5,
                "dlq": "orders.dlq",
            }
        },
    }


def test_into_a_pipe_it_writes_fields_and_values(call_mq: RunMq) -> None:
    header, first, *_ = call_mq("advise", "--order", "key").text.splitlines()

    assert (header, first) == ("field\tvalue", "place\tfifo-queue")


def test_a_table_is_a_page_for_people(call_mq: RunMq) -> None:
    page = call_mq("advise", "--replay", "--survive-machine-loss", "-o", "table").text

    assert "● log" in page
    assert "it has no replication" in page
    assert "partitions: 1" in page


def test_a_contradiction_is_refused(call_mq: RunMq) -> None:
    assert call_mq("advise", "--order", "key", "--per-message", "priority").is_refused(2)


def test_a_yes_behind_a_flag_is_refused_with_the_flag_for_no(call_mq: RunMq) -> None:
    run = call_mq("advise", "--replay", "yes")

    assert run.is_refused(2)
    assert "--no-replay" in run.err


def test_nothing_at_all_is_refused(run_mq: RunMq) -> None:
    assert run_mq("advise").is_refused(2)


def test_answers_that_are_no_object_are_refused(run_mq: RunMq) -> None:
    assert run_mq("advise", "-", stdin=b"[1]").is_refused(2)


def test_on_a_terminal_it_asks_and_enter_takes_what_is_assumed(run_mq_on_terminal: RunMq) -> None:
    run = run_mq_on_terminal("advise", typed="parcels\nperhaps\nyes\n.\n")

    assert run.code == 0
    assert "\nWhat are the messages called?\n  It names what will be created.\n" in run.text
    assert "replay: 'perhaps' is neither yes nor no" in run.text
    assert "parcels: a log, read by consumer groups" in run.text


def test_without_a_store_it_says_nothing_of_a_load(call_mq: RunMq) -> None:
    assert json.loads(call_mq("advise", "--replay", "--json").out)["load"] is None


def test_beside_a_store_it_measures_what_the_machine_does(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    load = json.loads(call_mq("advise", "--replay", "--json").out)["load"]

    assert load["bound"] > 0
    assert (load["store"], load["percent"]) == (str(path), None)
    assert not list(path.parent.glob(".mq-probe-*"))


def test_a_store_that_cannot_be_opened_has_an_unknown_load(call_mq: RunMq, path: Path) -> None:
    path.write_bytes(b"not a store" * 100)

    run = call_mq("advise", "--replay", "--json")

    load = json.loads(run.out)["load"]
    assert (run.code, load["bound"], load["percent"]) == (0, None, None)
    assert str(path) in load["why_unknown"]
