"""The tables of fields say all there is to say of a record, a message and a dead letter."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mq.text.envelopes import DEAD, HOP, LEASE, MESSAGE, RECORD, SHARED, Envelope
from store.model.dead_letters import Dead, Hop
from store.model.messages import Message
from store.model.shares import SharedRecord
from store.model.topics import Record


def names(*tables: Envelope[Any]) -> list[str]:
    return [field.name for table in tables for field in table.fields]


def test_a_record_is_written_with_each_of_its_fields_in_their_order() -> None:
    assert [*names(RECORD), "properties"] == list(Record._fields)


def test_what_comes_through_a_share_is_a_record_with_its_lease() -> None:
    assert [*names(SHARED), "properties"] == list(SharedRecord._fields)


def test_a_message_is_written_with_each_of_its_fields_and_perhaps_a_lease_and_a_death() -> None:
    more = ["dead", "damaged", "properties", "first_received"]
    assert [*names(MESSAGE, LEASE), *more] == list(Message._fields)


def test_a_death_is_written_with_each_of_its_fields_but_the_priority_of_the_message() -> None:
    assert [*names(DEAD), "priority"] == list(Dead._fields)
    assert names(HOP) == [field.name for field in fields(Hop)]


def test_a_letter_of_a_format_stands_for_one_field() -> None:
    for table in (RECORD, MESSAGE):
        letters = [field.letter for field in table.fields if field.letter]
        assert len(letters) == len(set(letters)) == len(table.letters())
