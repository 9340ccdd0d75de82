"""Queues: quorum queues, whose settings are a policy each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from store import model, rabbitmq
from store.engine.features import Feature
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.errors import BadInput, Conflict, Exists, Hint, MqError, NotFound
from store.model.settings import first_difference
from store.rabbitmq.base import CONTROL, Server

if TYPE_CHECKING:
    from store.model.queues import QueueConfig, QueueSettings, QueueStatus

COLUMNS = (
    "name,type,durable,exclusive,auto_delete,arguments,messages_ready,messages_unacknowledged,"
    "message_bytes,consumers,effective_policy_definition,message_stats,policy"
)
# Arguments, which no policy changes.
_FOR_EVER = ("single_active",)


class ServerQueues(Server):
    """Queues: create, look, alter, purge, delete."""

    def create_queue(
        self, name: str, *, if_not_exists: bool = False, **settings: Unpack[QueueSettings]
    ) -> QueueStatus:
        """Create a quorum queue, its policy first: it is never without its limits."""
        check_name(name, "queue name")
        config = self._checked(name, settings)
        if self._is_queue(name):
            self._accept_present(name, config, if_not_exists=if_not_exists)
        else:
            self._create(name, config, None)
        return self.queue(name)

    def queues(self) -> list[QueueStatus]:
        """Return the queues of the vhost by name; streams and exclusive queues are none."""
        found = [one for one in self._listed("queues", COLUMNS) if is_ours(one)]
        known = rabbitmq.policies.read(self._management)
        configs = {one["name"]: _config_of(one, known) for one in found}
        targets = {config.dlq for config in configs.values() if config.dlq}
        return [
            self._status(one, configs[one["name"]], one["name"] in targets)
            for one in sorted(found, key=lambda one: str(one["name"]))
        ]

    def queue(self, name: str) -> QueueStatus:
        """Return a queue; what the management API does not tell is unknown."""
        ready = self._ready(name)
        try:
            entry = self._entry(name)
        except NotFound:
            # It was created a moment ago, and the statistics come later.
            entry = {"name": name}
        except MqError:
            if self._has_management:
                raise
            entry = {"name": name}
        status = self._status(entry, self._config(entry), False)
        return status._replace(ready=ready)

    def queue_config(self, name: str) -> QueueConfig:
        """Return the settings of a queue; defaults where the place has no management API."""
        self._ready(name)
        if not self._has_management:
            return rabbitmq.settings.config_from({})
        return self._config(self._entry(name))

    def alter_queue(self, name: str, **settings: Unpack[QueueSettings]) -> QueueStatus:
        """Change settings by the queue's policy: in place, and messages stay."""
        self._alter(name, self.plan_queue_alter(name, **settings))
        return self.queue(name)

    def plan_queue_alter(self, name: str, **settings: Unpack[QueueSettings]) -> QueueConfig:
        """Return the settings after a change; raises `Conflict` for what is for ever."""
        rabbitmq.settings.check_given(self.features, settings)
        before = self.queue_config(name)
        after = rabbitmq.settings.config_from(settings, before)
        model.queue_rules.check_settings(name, after)
        check_changeable(name, before, after)
        self._check_target(after)
        return after

    def delete_queue(self, name: str) -> QueueStatus:
        """Delete a queue with its messages, and its policy; raises `Conflict` for a used DLQ."""
        before = self.queue(name)
        self._refuse_used_dlq(name)
        with self._connection.channel(CONTROL, f"queue {name}") as channel:
            channel.queue_delete(name)
        if self._has_management:
            rabbitmq.policies.remove(self._management, "queue", name)
        return before

    def purge_queue(self, name: str, *, keep_leased: bool = False) -> int:
        """Remove the ready messages; leased ones stay, so it must be asked for so."""
        if not keep_leased:
            self.features.need(Feature.PURGE_LEASED)
        with self._connection.channel(CONTROL, f"queue {name}") as channel:
            removed: int = channel.queue_purge(name)
        return removed

    def _checked(self, name: str, settings: Mapping[str, Any]) -> QueueConfig:
        rabbitmq.settings.check_given(self.features, settings)
        config = rabbitmq.settings.config_from(settings)
        model.queue_rules.check_settings(name, config)
        self._check_target(config)
        return config

    def _check_target(self, config: QueueConfig) -> None:
        """Raise `NotFound` where dead letters would go nowhere: the server would drop them."""
        if config.dlq is None:
            return
        exchange = config.dlq.removeprefix(EXCHANGE_PREFIX)
        if exchange == config.dlq:
            self._ready(config.dlq)
        else:
            with self._connection.channel(CONTROL, f"exchange {exchange}") as channel:
                channel.exchange_declare(exchange, "topic", passive=True)

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
        if definition := rabbitmq.settings.definition_of(config, self._version):
            rabbitmq.policies.put(self._management, "queue", name, definition)
        with self._connection.channel(CONTROL, f"queue {name}") as channel:
            channel.queue_declare(
                name,
                durable=True,
                auto_delete=False,
                arguments=rabbitmq.settings.arguments_of(config, label),
            )

    def _alter(self, name: str, config: QueueConfig) -> None:
        definition = rabbitmq.settings.definition_of(config, self._version)
        rabbitmq.policies.put(self._management, "queue", name, definition)
        winner = rabbitmq.policies.read(self._management).in_force(name, "quorum")
        if winner not in {None, rabbitmq.policies.policy_name("queue", name)}:
            raise Conflict(
                f"policy {winner} holds for queue {name}, so that the change has no effect",
                hint=f"give it a priority below {rabbitmq.policies.PRIORITY}",
            )

    def _entry(self, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = self._management.get(
            f"queues/{{vhost}}/{rabbitmq.management.named(name)}", f"queue {name}"
        )
        return entry

    def _config(self, entry: Mapping[str, Any]) -> QueueConfig:
        """Return the settings in force: by the list of policies, which is up to date."""
        if not self._has_management:
            return rabbitmq.settings.config_of(entry, {})
        new = {"arguments": {"x-queue-type": "quorum"}}
        return _config_of({**new, **entry}, rabbitmq.policies.read(self._management))

    def _status(self, entry: Mapping[str, Any], config: QueueConfig, is_dlq: bool) -> QueueStatus:
        ready = entry.get("messages_ready")
        if ready is None:
            ready = self._ready(entry["name"])
        return model.queues.QueueStatus(
            name=entry["name"],
            config=config,
            created=None,
            ready=ready,
            leased=entry.get("messages_unacknowledged"),
            delayed=0,
            blocked=0,
            bytes=entry.get("message_bytes"),
            oldest_seconds=None,
            acknowledged=None,
            dropped=None,
            dead_letters=ready if is_dlq else None,
            lacking=rabbitmq.settings.lacking_settings(self.features),
        )

    def _refuse_used_dlq(self, name: str) -> None:
        if not self._has_management:
            return
        users = [one.name for one in self.queues() if one.config.dlq == name and one.name != name]
        if users:
            raise Conflict(
                f"queue {name} is the DLQ of {', '.join(users[:3])}",
                hint=Hint("{}", model.actions.alter("queue", users[0], dlq=None)),
            )


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is a queue for messages of several programs."""
    return type_of(entry) != "stream" and not entry.get("exclusive")


def type_of(entry: Mapping[str, Any]) -> str:
    """Return the type of a queue: classic, quorum or stream."""
    arguments = entry.get("arguments") or {}
    return str(arguments.get("x-queue-type") or entry.get("type") or "classic")


def _config_of(entry: Mapping[str, Any], known: rabbitmq.policies.VhostPolicies) -> QueueConfig:
    arguments = entry.get("arguments") or {}
    return rabbitmq.settings.config_of(
        entry, known.effective(entry["name"], type_of(entry), arguments)
    )


def listed_config(entry: Mapping[str, Any]) -> QueueConfig:
    """Return settings as a list of queues shows them, with a policy of ten seconds ago."""
    policy = {f"x-{key}": v for key, v in (entry.get("effective_policy_definition") or {}).items()}
    return rabbitmq.settings.config_of(entry, {**policy, **(entry.get("arguments") or {})})


def check_changeable(name: str, before: QueueConfig, after: QueueConfig) -> None:
    """Raise `BadInput` for a setting that an existing queue keeps for ever."""
    for setting in _FOR_EVER:
        if getattr(before, setting) != getattr(after, setting):
            raise BadInput(
                f"{setting} of queue {name} can't change: it is an argument of the queue",
                hint="create another queue and move the messages",
            )
