"""The doctor's checks of a cluster: what loses records, or stops all producers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from store.kafka.settings import config_of
from store.model import actions, looks
from store.model.addresses import Address
from store.model.diagnoses import (
    STORE,
    Diagnosis,
    advice,
    critical,
    in_order,
    warning,
    worst_first,
)
from store.model.groups import Lag
from store.model.text import counted, describe_duration, format_duration

if TYPE_CHECKING:
    from store.kafka.topics import TopicSetup

# Of the retention: from this age on an unread record is soon removed.
_NEAR = 0.8


def findings(
    setups: Mapping[str, TopicSetup], servers: int, rows: Sequence[Lag]
) -> list[Diagnosis]:
    """Return what is wrong or may go wrong, the worst first."""
    found: list[Diagnosis] = []
    if servers == 1:
        why = "its disk is the only copy of every record"
        found.append(advice("one_server", STORE, "the cluster has one server", why))
    for name, setup in setups.items():
        found += _replication(name, setup, servers)
        if setup.config.get("unclean.leader.election.enable") == "true":
            found.append(_unclean(name))
    for row in rows:
        if row.topic in setups:
            found += _unread(row, setups[row.topic])
    if not setups:
        found.append(in_order("topics", STORE, "there is no topic", "so none loses records"))
    return worst_first(found)


def _replication(name: str, setup: TopicSetup, servers: int) -> Iterator[Diagnosis]:
    see = looks.Show("topic", name)
    least = int(setup.config.get("min.insync.replicas", "1"))
    in_sync = min(setup.in_sync, default=0)
    if setup.without_leader:
        number = counted(setup.without_leader, "partition")
        yield critical(
            "no_leader", name, f"{number} without a leader",
            "nothing can be read or produced there until a server with a replica is back", see,
        )  # fmt: skip
    elif in_sync < least:
        yield critical(
            "min_isr", name, f"{in_sync} in sync, and min.insync.replicas is {least}",
            "every producer that waits for all replicas is refused, as mq does", see,
        )  # fmt: skip
    elif in_sync < setup.replicas:
        yield warning(
            "under_replicated", name, f"{in_sync} of {setup.replicas} replicas in sync",
            "a server is down or slow; one more, and records may be lost or refused", see,
        )  # fmt: skip
    elif setup.replicas > 1 and least == setup.replicas:
        yield warning(
            "min_isr", name, f"min.insync.replicas is {least}, as many as it has replicas",
            "one server that restarts stops every producer", see,
        )  # fmt: skip
    elif setup.replicas > 1 and least == 1:
        yield advice(
            "min_isr", name, f"min.insync.replicas is 1 of {setup.replicas} replicas",
            "a record may be confirmed while one server alone has it", see,
        )  # fmt: skip
    if setup.replicas == 1 and servers > 1:
        yield warning(
            "replicas", name, f"1 replica, of {servers} servers",
            "with the disk of that server its records are lost", see,
        )  # fmt: skip


def _unclean(name: str) -> Diagnosis:
    return warning(
        "unclean_election", name, "unclean.leader.election.enable is true",
        "a server that lacks records may lead, and what it lacks is lost, confirmed or not",
        looks.Show("topic", name),
    )  # fmt: skip


def _unread(row: Lag, setup: TopicSetup) -> Iterator[Diagnosis]:
    """Yield records that retention has taken, or is about to take, before a group read them."""
    place = Address(row.topic, row.partition)
    if row.committed is not None and row.committed < row.start:
        yield critical(
            "lost_records", str(place),
            f"{row.group} committed {row.committed:,}, the log starts at {row.start:,}:"
            f" {row.start - row.committed:,} records are gone",
            "retention or a trim removed records that the group had not read;"
            " they can't be got back",
            actions.ResetGroup(row.group, row.topic, row.partition, "earliest"),
        )  # fmt: skip
        return
    config, age = config_of(setup.config), row.lag_seconds
    if "delete" not in config.cleanup or config.retention is None or not row.lag or age is None:
        return
    left = config.retention / 1000 - age
    if age >= _NEAR * config.retention / 1000:
        yield warning(
            "retention_near", str(place),
            f"{row.group} has not read records {describe_duration(age)} old; retention of"
            f" {format_duration(config.retention)} removes them in"
            f" {describe_duration(max(0.0, left))}",
            "what retention removes before it is read is lost",
            actions.alter("topic", row.topic, retention=_twice(config.retention)),
            looks.ShowLag(row.group),
        )  # fmt: skip


def _twice(retention: int) -> timedelta:
    return timedelta(milliseconds=2 * retention)
