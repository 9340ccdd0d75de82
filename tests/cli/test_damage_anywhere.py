"""Damage outside of records, wherever it is: exit code 7 with its place, never a bug or 1."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.sqlite.damage import forms
from tests.support.damage import alter, overwrite_indexed

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

COLUMNS = [
    f"{table.name}.{column.name}"
    for table in forms.tables().values()
    for column in table.columns
    if column.type == "TEXT"
]
COMMANDS = [
    ["consume", "orders", "-n", "3"],
    ["consume", "orders", "-g", "billing", "-n", "3"],
    ["receive", "emails"],
    ["receive", "lines"],
    ["peek", "orders"],
    ["peek", "emails"],
    ["dlq", "peek", "graves"],
    ["topic", "list"],
    ["queue", "list"],
    ["stalls"],
    ["doctor"],
]
# Of what a command does that meets no damage, and of one that misses a name that damage has made
# another one.
SOUND = {0, 3}


def test_every_text_of_every_table_is_there_to_be_damaged(hurt: Path) -> None:
    for column in COLUMNS:
        table, name = column.split(".")
        assert alter(hurt, f"update {table} set {name} = {name} where {name} not null"), column


@pytest.mark.parametrize("column", COLUMNS)
def test_a_text_that_is_not_utf_8_is_damage_to_all_who_meet_it(
    call_mq: RunMq, hurt: Path, column: str
) -> None:
    table, name = column.split(".")
    first = f"(select {name} from {table} where {name} not null limit 1)"
    set_bad = f"update or ignore {table} set {name} = cast(x'ff' as text) where {name} is {first}"
    assert alter(hurt, set_bad, ignore_checks=True)
    shutil.copy(hurt, hurt.with_name("hurt.db"))

    run = call_mq("verify", "-o", "json")
    assert run.code == 7
    found = json.loads(run.out)
    # A record's texts are under its checksum.
    assert any(column in one["problem"] or "checksum" in one["problem"] for one in found)
    assert call_mq("backup", "copy.db").is_refused(7)
    for words in COMMANDS:
        shutil.copy(hurt.with_name("hurt.db"), hurt)
        run = call_mq(*words)
        assert run.code in SOUND | {7}, (words, run.err)
        assert run.code != 7 or "amaged" in run.err, (words, run.err)


def test_verify_goes_on_and_lists_all_of_it(call_mq: RunMq, hurt: Path) -> None:
    for table, name in (("mq_bindings", "key"), ("mq_members", "topics"), ("mq_store", "uuid")):
        value = "cast(x'ff' as text)" if name != "uuid" else "x'00'"
        alter(hurt, f"update {table} set {name} = {value}", ignore_checks=True)
    alter(hurt, "update mq_records set value = x'00' where value = cast('mail 3' as blob)")
    alter(hurt, "update mq_partitions set bytes = bytes + 1 where channel = 1")
    alter(hurt, "delete from mq_holders where id = 1")
    found = json.loads(call_mq("verify", "-o", "json").out)

    problems = [f"{one['address']}: {one['problem']}" for one in found]
    for text in (
        "exchange events: mq_bindings.key is not UTF-8",
        "group working: mq_members.topics is not UTF-8",
        "file: mq_store.length(uuid)",
        "its checksum does not match",
        "orders/0: holds",
        "refers to a missing row of mq_holders",
    ):
        assert any(text in problem for problem in problems), text


@pytest.mark.parametrize(
    "change",
    [
        "mq_queues set retry_delays = '[1'", "mq_queues set retry_delays = '{}'",
        "mq_queues set chaos = 'nonsense'", "mq_members set topics = '['",
        "mq_members set topics = '7'", "mq_bindings set arguments = '[]'",
        "mq_origins set hops = '[[1]'", "mq_moves set origin = '{\"a'",
        "mq_topics set cleanup = 'never'", "mq_queues set overflow = ''",
        "mq_readers set kind = 'queues'", "mq_partitions set records = 1",
        "mq_partitions set next = 0", "mq_slots set leases = 0", "mq_slots set cursor = 99",
        "mq_heads set first = 1", "mq_leases set record = 7", "mq_channels set kind = 'share'",
        "mq_holders set boot_id = ''", "mq_clock set boot_id = ''",
        "mq_store set durability = 'half'",
    ],
)  # fmt: skip
def test_values_that_can_not_be_are_damage_too(call_mq: RunMq, hurt: Path, change: str) -> None:
    alter(hurt, f"update {change}", ignore_checks=True)
    shutil.copy(hurt, hurt.with_name("hurt.db"))
    sends = [["produce", "emails", "x"], ["publish", "events", "mail.x", "x"]]
    for words in (*COMMANDS, ["receive", "unruly"], ["receive", "tenants"], *sends):
        shutil.copy(hurt.with_name("hurt.db"), hurt)
        run = call_mq(*words)
        assert run.code in {0, 3, 4, 7}, (words, run.err)
        assert "this is a bug" not in run.err


@pytest.mark.parametrize("column", ["mq_topics.max_message", "mq_queues.lease", "mq_slots.cursor"])
@pytest.mark.parametrize("value", ["1.5", "'text'", "x'ff'", "null"])
def test_a_value_of_another_type_is_damage(
    call_mq: RunMq, hurt: Path, column: str, value: str
) -> None:
    table, name = column.split(".")
    if column == "mq_queues.lease":
        table = "mq_readers"
    loose = "replace(replace(sql, 'strict', ''), 'not null', '')"
    alter(hurt, f"update sqlite_schema set sql = {loose} where name = ?", table, schema=True)
    alter(hurt, f"update {table} set {name} = {value}", ignore_checks=True)
    assert call_mq("verify").code == 7
    for words in COMMANDS:
        run = call_mq(*words)
        assert run.code in {0, 3, 7}, (words, run.err)


def test_an_index_that_disagrees_is_damage_not_a_failed_insert(call_mq: RunMq, hurt: Path) -> None:
    overwrite_indexed(hurt, "mq_deduplications", "emails")
    overwrite_indexed(hurt, "mq_heads", "group-1")

    assert call_mq("verify").code == 7
    for words in (["produce", "lines", "x", "--message-group", "group-1"], ["receive", "lines"]):
        run = call_mq(*words)
        assert run.code in {0, 7}, run.err


def test_a_missing_table_is_damage(call_mq: RunMq, hurt: Path) -> None:
    alter(hurt, "drop table mq_heads")

    run = call_mq("receive", "lines")
    assert run.code == 7
    assert "mq_heads" in run.err
    assert call_mq("verify").code == 7


def test_a_store_that_can_not_be_opened_is_verified_all_the_same(
    call_mq: RunMq, hurt: Path
) -> None:
    alter(hurt, "delete from mq_store")
    alter(hurt, "update mq_slots set leases = 77")

    run = call_mq("verify", "-o", "json")
    problems = [one["problem"] for one in json.loads(run.out)]
    assert run.code == 7
    assert "the row of mq_store is missing" in problems
    assert any("the counters say 77" in problem for problem in problems)


def test_the_error_of_a_caller_on_a_sound_store_stays_what_it_is(
    call_mq: RunMq, hurt: Path
) -> None:
    assert call_mq("peek", "nothing").is_refused(3)
    assert call_mq("verify").code == 0
