"""The columns of a listing of group members."""

from __future__ import annotations

from mq.cli.output import Column
from store.model.groups import Member
from store.model.text import describe_duration, format_time


def member_columns(now: int, wall: int) -> list[Column[Member]]:
    """Return the columns of members; their times are store time, of which `now` is the present.

    They are those of `kafka-consumer-groups.sh --describe --members --verbose`, and signs of life.
    """

    def time(stored: int) -> str:
        return format_time(wall - (now - stored))

    def ago(stored: int) -> str:
        return describe_duration((now - stored) / 1000) + " ago"

    return [
        Column("member", lambda member: member.member),
        Column("host", lambda member: member.host),
        Column("pid", lambda member: member.pid, right=True),
        Column("state", lambda member: "active" if member.partitions else "idle"),
        Column("static", lambda member: member.static, text=lambda m: "yes" if m.static else "no"),
        Column("partitions", _addresses, text=lambda member: ", ".join(_addresses(member)) or "-"),
        Column("joined", lambda member: time(member.joined), text=lambda m: ago(m.joined)),
        Column("last_seen", lambda member: time(member.last_seen), text=lambda m: ago(m.last_seen)),
        Column(
            "session_timeout",
            lambda member: member.session_timeout / 1000,
            text=lambda member: describe_duration(member.session_timeout / 1000),
            header="TIMEOUT",
            right=True,
        ),
    ]


def _addresses(member: Member) -> list[str]:
    return [f"{topic}/{partition}" for topic, partition in member.partitions]
