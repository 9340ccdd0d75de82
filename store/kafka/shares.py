"""Shares: Kafka's share groups (KIP-932), whose settings are those of the group.

Kafka does not tell which topic a share group reads, so a note of mq does: the offsets of a group
`mq.share.NAME`. Of its records in flight only the share's own members know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Unpack, cast

from confluent_kafka import AcknowledgeType
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from store import model
from store.engine.features import Feature, lacking
from store.kafka.groups import SHARE_MARK, ClusterGroups
from store.kafka.shared import ShareMember
from store.model.addresses import Address, check_name
from store.model.encoding import milliseconds
from store.model.errors import BadInput, Exists, Hint, NotFound, Unsupported
from store.model.groups import OffsetChange
from store.model.positions import Position, parse_position
from store.model.settings import check_settings, settings_of
from store.model.shares import InFlight, ShareConfig, SharedRecord, ShareSettings, ShareStatus
from store.model.topics import Seconds, in_seconds

_KEYS = {
    "lease": "share.record.lock.duration.ms",
    "max_deliveries": "share.delivery.count.limit",
    "max_in_flight": "share.partition.max.record.locks",
    "dlq": "errors.deadletterqueue.topic.name",
}
_COPY = "errors.deadletterqueue.copy.record.enable"
_START = "share.auto.offset.reset"
_PREFIX = "errors.deadletterqueue.topic.name.prefix"
_ALLOWED = "errors.deadletterqueue.group.enable"


class ClusterShares(ClusterGroups):
    """Shares: create, look, change, work."""

    @cached_property
    def _share_members(self) -> dict[str, ShareMember]:
        return {}

    def create_share(
        self,
        name: str,
        topic: str,
        *,
        start: str | Position = "earliest",
        if_not_exists: bool = False,
        **settings: Unpack[ShareSettings],
    ) -> ShareStatus:
        """Create a share of a topic; its settings are the group's, and change at any time."""
        self.features.need(Feature.SHARES)
        check_name(name, "share name")
        self._refuse_labels(settings)
        values = _texts(_held(settings))
        position = parse_position(start, self.wall()) if isinstance(start, str) else start
        values[_START] = self._start(position)
        if name in self._shared_topics():
            if not if_not_exists:
                raise Exists(f"share {name} exists already")
            return self.share(name)
        self._partition_count(topic)
        self._let_write(settings.get("dlq"))
        self._set_group(name, values)
        self._commit_starts(f"{SHARE_MARK}{name}", [topic])
        return self.share(name)

    def shares(self) -> list[ShareStatus]:
        """Return the shares that mq knows the topic of, by name."""
        self.features.need(Feature.SHARES)
        return [self.share(name) for name in sorted(self._shared_topics())]

    def share(self, name: str) -> ShareStatus:
        """Return a share's topic and settings; its partitions are not told. Raises `NotFound`."""
        topic = self._topic_of_share(name)
        texts = self._configured(ConfigResource(ResourceType.GROUP, name))
        config = ShareConfig(
            lease=int(texts[_KEYS["lease"]]),
            max_deliveries=_number(texts.get(_KEYS["max_deliveries"])),
            max_in_flight=_number(texts.get(_KEYS["max_in_flight"])) or 2000,
            dlq=texts.get(_KEYS["dlq"]) or None,
        )
        return ShareStatus(name, topic, config, None, [])

    def in_flight(self, share: str) -> list[InFlight]:
        """Refuse: only the members of a share know what they hold."""
        raise lacking(self, Feature.LEASE_LIST)

    def plan_share_alter(self, name: str, **settings: Unpack[ShareSettings]) -> ShareConfig:
        """Return the settings that `alter_share` would leave; raise its errors."""
        self._refuse_labels(settings)
        config = self.share(name).config._replace(**_held(settings))
        check_settings(config)
        return config

    def alter_share(self, name: str, **settings: Unpack[ShareSettings]) -> ShareStatus:
        """Change the given settings and keep the rest; leased records keep their lease."""
        self.plan_share_alter(name, **settings)
        self._let_write(settings.get("dlq"))
        self._set_group(name, _texts(_held(settings)))
        return self.share(name)

    def delete_share(self, name: str, *, force: bool = False) -> ShareStatus:
        """Delete a share, its progress and its settings; raises `GroupActive` with members."""
        before = self.share(name)
        futures = self._clients.admin.delete_consumer_groups(
            [name], request_timeout=self._clients.timeout
        )
        # Without a member that ever joined it there is no such group.
        with suppress(NotFound):
            self._clients.settled(futures, "share ")
        self._set_group(name, dict.fromkeys([_START, _COPY, *_KEYS.values()]))
        self.delete_group(f"{SHARE_MARK}{name}")
        return before

    def plan_share_reset(self, name: str, target: Position) -> list[OffsetChange]:
        """Refuse: librdkafka has no administration of share groups."""
        raise self._untold(name)

    def reset_share(
        self, name: str, target: Position, *, force: bool = False
    ) -> list[OffsetChange]:
        """Refuse: librdkafka has no administration of share groups."""
        raise self._untold(name)

    def skip_record(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Refuse: only the member that holds a record can reject it."""
        raise lacking(self, Feature.LEASE_LIST)

    def skip_record_preview(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Refuse: only the member that holds a record can reject it."""
        raise lacking(self, Feature.LEASE_LIST)

    def release_record(self, record: Address, share: str | None = None) -> None:
        """Refuse: only the member that holds a record can release it."""
        raise lacking(self, Feature.LEASE_LIST)

    def _untold(self, name: str) -> Unsupported:
        return Unsupported(
            "kafka has no reset of a share here: its client does not tell where one stands",
            f"kafka-share-groups.sh --reset-offsets --group {name}",
            Feature.SHARES.word,
        )

    def acquire(
        self,
        share: str,
        max_records: int = 1,
        wait: Seconds = 0.0,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[SharedRecord]:
        """Acquire up to `max_records` records, held until they are settled or this is closed.

        The next ones come once all of a batch, as it was produced, are settled.
        """
        if lease is not None:
            raise lacking(self, Feature.LEASE)
        if share not in self._share_members:
            status = self.share(share)
            self._share_members[share] = ShareMember(
                self._clients, share, status.topic, status.config.lease
            )
        member = self._share_members[share]
        return member.acquire(max_records, in_seconds(wait), until or (lambda: False))

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge records that this object acquired; repeating it is no error."""
        self._settle(receipts, AcknowledgeType.ACCEPT)

    def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """Give records back at once: Kafka knows no delay."""
        self._settle(receipts, AcknowledgeType.RELEASE)

    def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse records for good; they go to the share's DLQ, if it has one (KIP-1191)."""
        self._settle(receipts, AcknowledgeType.REJECT)

    def unreceive(self, receipts: Sequence[str]) -> None:
        """Give records back that were not begun; Kafka counts the delivery all the same."""
        self._settle(receipts, AcknowledgeType.RELEASE)

    def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Do nothing for records that are held: librdkafka can't renew their lease."""
        for receipt in receipts:
            self._member_with(receipt)

    def _is_share(self, name: str) -> bool:
        return not self.features.lacks(Feature.SHARES) and name in self._shared_topics()

    def _close_shares(self) -> None:
        for member in self.__dict__.pop("_share_members", {}).values():
            member.close()

    def _settle(self, receipts: Sequence[str], kind: AcknowledgeType) -> None:
        members = [self._member_with(receipt) for receipt in receipts]
        for member in dict.fromkeys(members):
            own = [one for one, its in zip(receipts, members, strict=True) if its is member]
            member.settle(own, kind)

    def _member_with(self, receipt: str) -> ShareMember:
        for member in self._share_members.values():
            if member.knows(receipt):
                return member
        raise lacking(self, Feature.RECEIPTS)

    def _shared_topics(self) -> dict[str, str]:
        """Return the topic of each share, as the notes of mq say."""
        listed = self._clients.result(
            self._clients.admin.list_consumer_groups(request_timeout=self._clients.timeout),
            "the list of groups",
        )
        notes = [one.group_id for one in listed.valid or () if one.group_id.startswith(SHARE_MARK)]
        committed = self._commits.committed(notes)
        return {
            note.removeprefix(SHARE_MARK): topic
            for note, offsets in committed.items()
            for topic, _ in list(offsets)[:1]
        }

    def _topic_of_share(self, name: str) -> str:
        self.features.need(Feature.SHARES)
        note = f"{SHARE_MARK}{name}"
        offsets = self._commits.committed([note])[note]
        if not offsets:
            raise NotFound(
                f"share {name} does not exist",
                Hint("{}", model.actions.create("share", name, topic=model.actions.Blank("TOPIC"))),
            )
        return next(iter(offsets))[0]

    def _start(self, position: Position) -> str:
        if position.kind in {"earliest", "latest"}:
            return position.kind
        if position.kind == "came":
            seconds = max(1, round((self.wall() - position.number) / 1000))
            return f"by_duration:PT{seconds}S"
        raise BadInput(
            "a share of kafka begins at the first record, after the last, or at an age",
            Hint("{from earliest}, {from latest}, {from 2h}"),
        )

    def _let_write(self, dlq: str | None) -> None:
        """Let share groups write to a topic; raises `BadInput` for a name that they never write to.

        Kafka takes any name for a setting, and then drops dead letters without a word (KIP-1191).
        """
        if dlq is None:
            return
        server = min(self._clients.reader.list_topics(timeout=self._clients.timeout).brokers)
        texts = self._configured(ConfigResource(ResourceType.BROKER, str(server)))
        if (prefix := texts.get(_PREFIX)) is None:
            raise Unsupported(
                "kafka has no dlq of a share before 4.4", "mq work TOPIC -g GROUP", Feature.DLQ.word
            )
        if not dlq.startswith(prefix):
            raise BadInput(
                f"the servers write dead letters of shares to topics named {prefix}… alone",
                Hint(f"{{dlq {prefix}{dlq}}}"),
            )
        self._partition_count(dlq)
        self._change(ConfigResource(ResourceType.TOPIC, dlq), {_ALLOWED: "true"}, f"topic {dlq}")

    def _configured(self, resource: ConfigResource) -> dict[str, str]:
        futures = self._clients.admin.describe_configs(
            [resource], request_timeout=self._clients.timeout
        )
        entries = self._clients.result(futures[resource], f"settings of {resource.name}")
        return {key: entry.value for key, entry in entries.items()}

    def _set_group(self, name: str, texts: Mapping[str, str | None]) -> None:
        """Set settings of a group; `None` takes one back, so that the servers' holds."""
        self._change(ConfigResource(ResourceType.GROUP, name), texts, f"share {name}")

    def _change(
        self, resource: ConfigResource, texts: Mapping[str, str | None], subject: str
    ) -> None:
        for key, text in texts.items():
            resource.add_incremental_config(
                ConfigEntry(key, text, incremental_operation=_operation(text))
            )
        futures = self._clients.admin.incremental_alter_configs(
            [resource], request_timeout=self._clients.timeout
        )
        self._clients.settled(futures, subject)


def _operation(text: str | None) -> AlterConfigOpType:
    return AlterConfigOpType.DELETE if text is None else AlterConfigOpType.SET


def _held(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in the units of calls as configs hold them; raises `BadInput`."""
    known = settings_of(ShareConfig)
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in known:
            raise BadInput(f"a share has no setting {name}")
        if name == "labels":
            continue
        values[name] = milliseconds(cast("Seconds", value), name) if name == "lease" else value
    check_settings(ShareConfig(**values))
    if values.get("max_deliveries", 1) is None:
        raise BadInput(
            "a share of kafka always has a limit of deliveries", Hint("{max_deliveries N}")
        )
    return values


def _texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    texts = {_KEYS[name]: None if value is None else str(value) for name, value in values.items()}
    if values.get("dlq") is not None:
        # Without their contents letters could be sent back only while the topic keeps the records.
        texts[_COPY] = "true"
    return texts


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
