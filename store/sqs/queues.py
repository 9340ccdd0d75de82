"""Queues: their settings are attributes, each of which changes in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack, cast

from store import model, sqs
from store.engine.features import Feature
from store.model.addresses import check_name
from store.model.errors import BadInput, Conflict, Exists, Hint, NotFound
from store.model.queues import QueueConfig, QueueSettings, QueueStatus
from store.model.settings import first_difference
from store.sqs.deliveries import AccountDeliveries

# A client has ten connections; one call after the other would take as long as all together.
AT_ONCE = 8
_UNKNOWN = cast("int", None)


class AccountQueues(AccountDeliveries):
    """Queues: create, look, alter, purge, delete."""

    def create_queue(
        self, name: str, *, if_not_exists: bool = False, **settings: Unpack[QueueSettings]
    ) -> QueueStatus:
        """Create a queue with all of its settings at once."""
        check_name(name, "queue name")
        config = self._checked(name, settings)
        if self._exists(name):
            self._accept_present(name, config, if_not_exists=if_not_exists)
        else:
            self._create(name, config, None)
        return self.queue(name)

    def queues(self) -> list[QueueStatus]:
        """Return the queues by name: a call for each thousand names, and one for each queue."""
        listed = self._listed()
        configs = {name: self._config(name, attributes) for name, attributes in listed.items()}
        targets = {config.dlq for config in configs.values() if config.dlq}
        return [
            self._status(name, listed[name], configs[name], is_dlq=name in targets)
            for name in sorted(listed)
        ]

    def queue(self, name: str) -> QueueStatus:
        """Return a queue; its counts are about right, and its oldest message is not known."""
        attributes = self._attributes(name)
        return self._status(name, attributes, self._config(name, attributes))

    def queue_config(self, name: str) -> QueueConfig:
        """Return the settings of a queue."""
        return self._config(name, self._attributes(name))

    def alter_queue(self, name: str, **settings: Unpack[QueueSettings]) -> QueueStatus:
        """Change settings in place; the service takes up to a minute to apply them everywhere."""
        before = self.queue_config(name)
        self._alter(name, before, self._altered(name, before, settings))
        return self.queue(name)

    def plan_queue_alter(self, name: str, **settings: Unpack[QueueSettings]) -> QueueConfig:
        """Return the settings after a change; raises `BadInput` for what can't change."""
        return self._altered(name, self.queue_config(name), settings)

    def delete_queue(self, name: str) -> QueueStatus:
        """Delete a queue with its messages; raises `Conflict` for a DLQ of another queue.

        Its name is free again after 60 s.
        """
        before = self.queue(name)
        if users := [user for user in self._sources(name) if user != name]:
            raise Conflict(
                f"queue {name} is the DLQ of {', '.join(users[:3])}",
                hint=Hint("{}", model.actions.alter("queue", users[0], dlq=None)),
            )
        self._delete(name)
        return before

    def purge_queue(self, name: str, *, keep_leased: bool = False) -> int:
        """Remove the messages, leased ones too, at most once in 60 s; return about how many."""
        if keep_leased:
            self.features.need(Feature.KEEP_LEASED)
        number = self.queue(name).messages
        self._queue_call("purge_queue", name, repeatable=False)
        return number

    def _sources(self, name: str) -> list[str]:
        """Return the queues whose DLQ a queue is."""
        listed = self._client.pages(
            # The one list whose name is written with a small letter.
            "list_dead_letter_source_queues", f"queue {name}", "queueUrls",
            QueueUrl=self._url(name), MaxResults=1000,
        )  # fmt: skip
        return sorted(self._ours(url.rpartition("/")[2]) for url in listed)

    def _listed(self) -> dict[str, dict[str, str]]:
        """Return the attributes of all queues; one that has just been deleted is left out."""
        names = self._names()
        if len(names) <= 1:
            told = [self._attributes_if_there(name) for name in names]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(AT_ONCE, len(names))) as pool:
                told = list(pool.map(self._attributes_if_there, names))
        return {name: one for name, one in zip(names, told, strict=True) if one is not None}

    def _attributes_if_there(self, name: str) -> dict[str, str] | None:
        try:
            return self._attributes(name)
        except NotFound:
            return None

    def _exists(self, name: str) -> bool:
        try:
            self._url(name)
        except NotFound:
            return False
        return True

    def _checked(self, name: str, settings: Mapping[str, Any]) -> QueueConfig:
        sqs.settings.check_given(self.features, settings)
        config = sqs.settings.config_from(settings)
        model.queue_rules.check_settings(name, config._replace(fair=False))
        sqs.settings.check_config(name, config, self._prefix)
        self._check_type_of(config)
        return config

    def _altered(self, name: str, before: QueueConfig, settings: Mapping[str, Any]) -> QueueConfig:
        sqs.settings.check_given(self.features, settings)
        after = sqs.settings.config_from(settings, before)
        if after.fifo != before.fifo:
            raise BadInput(
                f"{name} can't be turned {'into' if after.fifo else 'from'} a FIFO queue",
                hint="create another queue and move the messages",
            )
        model.queue_rules.check_settings(name, after._replace(fair=False))
        sqs.settings.check_config(name, after, self._prefix)
        self._check_type_of(after)
        return after

    def _check_type_of(self, config: QueueConfig) -> None:
        """Raise `NotFound` without the DLQ."""
        if config.dlq is not None:
            self._url(config.dlq)

    def _accept_present(self, name: str, wanted: QueueConfig, *, if_not_exists: bool) -> None:
        if not if_not_exists:
            raise Exists(
                f"queue {name} exists already", hint=Hint("{}", model.looks.Show("queue", name))
            )
        if difference := first_difference(self.queue_config(name), wanted):
            setting, old, new = difference
            raise Exists(
                f"queue {name} exists with {setting} {old}, not {new}",
                hint=Hint("{}", model.looks.Show("queue", name)),
            )

    def _create(self, name: str, config: QueueConfig, label: str | None) -> None:
        # Before it is there no ARN of the account may be known, which those of others follow.
        plain = config
        if config.redrive_allow not in {"all", "none"}:
            plain = config._replace(redrive_allow="none")
        attributes = sqs.settings.attributes_of(plain, self._arn)
        answer = self._client.call(
            "create_queue", f"queue {name}", QueueName=self._theirs(name),
            Attributes=sqs.settings.for_creation(attributes),
            tags={} if label is None else {sqs.settings.LABEL: label},
        )  # fmt: skip
        self._urls[name] = answer["QueueUrl"]
        self._types.pop(name, None)
        if plain != config:
            self._alter(name, plain, config)

    def _alter(self, name: str, before: QueueConfig, after: QueueConfig) -> None:
        changes = sqs.settings.changes(
            sqs.settings.attributes_of(before, self._arn),
            sqs.settings.attributes_of(after, self._arn),
        )
        if changes:
            self._queue_call("set_queue_attributes", name, Attributes=changes)
        self._types.pop(name, None)

    def _delete(self, name: str) -> None:
        self._queue_call("delete_queue", name)
        self._urls.pop(name, None)
        self._types.pop(name, None)

    def _arn(self, name: str) -> str:
        """Return the ARN of a queue of this account, which need not be there."""
        if not self._arn_of_account:
            self._arn_of_account = self._account_arn([name, *self._urls])
        return f"{self._arn_of_account}:{self._theirs(name)}"

    def _account_arn(self, names: Sequence[str]) -> str:
        """Return what the ARNs of all queues here begin with, by one that is there."""
        for name in names:
            if (attributes := self._attributes_if_there(name)) is not None:
                return attributes["QueueArn"].rpartition(":")[0]
        raise NotFound("no queue is there yet whose ARN tells the account")

    def _config(self, name: str, attributes: Mapping[str, str]) -> QueueConfig:
        return sqs.settings.config_of(name, attributes, self._name_of)

    def _status(
        self, name: str, attributes: Mapping[str, str], config: QueueConfig, *, is_dlq: bool = False
    ) -> QueueStatus:
        def about(count: str) -> int:
            return int(attributes.get(f"ApproximateNumberOfMessages{count}", 0))

        created = attributes.get("CreatedTimestamp")
        return QueueStatus(
            name=name,
            config=config,
            created=None if created is None else round(float(created) * 1000),
            ready=about(""),
            leased=about("NotVisible"),
            delayed=about("Delayed"),
            # On a FIFO queue messages behind a leased one count as ready.
            blocked=_UNKNOWN if config.fifo else 0,
            bytes=None,
            oldest_seconds=None,
            acknowledged=None,
            dropped=None,
            dead_letters=about("") if is_dlq else None,
            lacking=sqs.settings.lacking_settings(self.features),
        )
