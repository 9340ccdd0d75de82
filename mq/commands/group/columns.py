"""The columns of a listing of group members."""

from __future__ import annotations

from mq.cli.output import Column
from mq.text.times import time_column
from store.model.groups import Member
from store.model.text import describe_duration, if_known


def member_columns(now: int, wall: int) -> list[Column[Member]]:
    """Return the columns of members; their times are store time, of which `now` is the present.

    They are those of `kafka-consumer-groups.sh --describe --members --verbose`, and signs of life.
    """

    def on_wall(stored: int | None) -> int | None:
        return None if stored is None else wall - (now - stored)

    return [
        Column("member", lambda member: member.member, weight=2),
        Column("host", lambda member: member.host, yields=2),
        Column("pid", lambda member: member.pid, right=True, yields=3),
        Column("state", lambda member: "active" if member.partitions else "idle"),
        Column(
            "static", lambda member: member.static, text=lambda m: "yes" if m.static else "no",
            yields=1,
        ),
        Column("partitions", _addresses, text=lambda member: ", ".join(_addresses(member)) or "-"),
        time_column("joined", lambda member: on_wall(member.joined), wall),
        time_column("last_seen", lambda member: on_wall(member.last_seen), wall),
        Column(
            "session_timeout",
            _session_timeout,
            text=lambda member: if_known(_session_timeout(member), describe_duration),
            header="TIMEOUT",
            right=True,
        ),
    ]  # fmt: skip


def _session_timeout(member: Member) -> float | None:
    return None if member.session_timeout is None else member.session_timeout / 1000


def _addresses(member: Member) -> list[str]:
    return [f"{topic}/{partition}" for topic, partition in member.partitions]
