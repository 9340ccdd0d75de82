"""`mq salvage`: from the command that says what is damaged to the store that goes on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store
from tests.support.damage import alter, damage, page_of

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def hurt(path: Path) -> Path:
    """A store with ten records, of which 4 is damaged, and a group that read three."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.create_queue("jobs")
        store.produce_many("orders", [b"%d" % n for n in range(10)])
        store.send("jobs", "work")
        with store.consumer("billing", ["orders"]) as consumer:
            consumer.poll(3, timeout=0)
            consumer.commit()
    damage(path, "4")
    return path


def test_the_lost_record_is_listed_and_the_rest_goes_on(call_mq: RunMq, hurt: Path) -> None:
    run = call_mq("salvage", str(hurt), "new.db", "-o", "json")

    assert run.code == 7
    assert json.loads(run.out) == [
        {"address": "orders/0@4", "kind": "record", "problem": "its checksum does not match"}
    ]
    assert "could not be copied" in run.err
    assert call_mq("-s", "new.db", "verify").code == 0
    assert call_mq("-s", "new.db", "consume", "orders", "-g", "billing").text.split() == [
        "3", *"56789"
    ]  # fmt: skip
    assert call_mq("-s", "new.db", "receive", "jobs", "-o", "value").code in {0, 2}


def test_tsv_and_a_table_list_it_too(call_mq: RunMq, hurt: Path) -> None:
    run = call_mq("salvage", str(hurt), "a.db", "-o", "tsv")
    assert run.text.splitlines() == [
        "address\tkind\tproblem", "orders/0@4\trecord\tits checksum does not match"
    ]  # fmt: skip
    assert "orders/0@4" in call_mq("salvage", str(hurt), "b.db", "-o", "table").text


def test_with_nothing_lost_it_ends_with_0_and_lists_nothing(call_mq: RunMq, hurt: Path) -> None:
    assert call_mq("salvage", str(hurt), "first.db").code == 7
    run = call_mq("salvage", "first.db", "second.db", "--no-header")

    assert (run.code, run.out) == (0, b"")


@pytest.mark.parametrize("way", ["verify", "doctor"])
def test_what_tells_of_damage_leads_to_a_store_that_goes_on(
    call_mq: RunMq, hurt: Path, way: str
) -> None:
    begin = (page_of(hurt, "mq_channels") - 1) * 4096
    content = bytearray(hurt.read_bytes())
    content[begin : begin + 100] = bytes(100)
    hurt.write_bytes(content)
    if way == "verify":
        run = call_mq("verify")
        assert run.code == 7
        advice = f"mq salvage {hurt} NEW"
        assert advice in run.err
    else:
        found = json.loads(call_mq("doctor", "-o", "json").out)
        advice = next(one["do"][1] for one in found if one["code"] == "damaged")
    words = shlex.split(advice.replace("NEW", "new.db"))[1:]
    assert words[0] == "salvage"
    assert call_mq(*words).code == 7
    assert call_mq("restore", words[2], "--to", str(hurt), "--yes").code == 0

    assert call_mq("verify").code == 0
    assert call_mq("consume", "orders").text.split() == list("012356789")


def test_a_store_whose_first_page_is_gone_is_salvaged(call_mq: RunMq, hurt: Path) -> None:
    hurt.write_bytes(bytes(4096) + hurt.read_bytes()[4096:])
    assert call_mq("topic", "list").code == 7
    run = call_mq("salvage", str(hurt), "new.db", "-o", "json")

    assert {one["kind"] for one in json.loads(run.out)} == {"record"}
    assert call_mq("-s", "new.db", "consume", "orders").text.split() == list("012356789")


def test_names_that_can_not_be_are_refused(call_mq: RunMq, hurt: Path) -> None:
    assert call_mq("salvage", "nothing.db", "new.db").is_refused(3)
    assert call_mq("salvage", str(hurt), str(hurt)).is_refused(2)
    assert call_mq("salvage", str(hurt), "").is_refused(2)
    assert call_mq("salvage", str(hurt), "no/new.db").is_refused(2)
    Path("taken.db").write_text("something")
    assert call_mq("salvage", str(hurt), "taken.db").is_refused(4)
    assert call_mq("salvage", "taken.db", "new.db").is_refused(7)


def test_a_setting_that_is_lost_is_named(call_mq: RunMq, hurt: Path) -> None:
    alter(hurt, "update mq_topics set cleanup = 'never'", ignore_checks=True)
    run = call_mq("salvage", str(hurt), "new.db", "-o", "json")

    assert {one["kind"] for one in json.loads(run.out) if one["address"] == "orders"} == {
        "settings"
    }
    assert call_mq("-s", "new.db", "topic", "show", "orders").code == 0
