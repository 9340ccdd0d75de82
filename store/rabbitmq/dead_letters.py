"""Dead-letter queues: which there are, and all their letters sent back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import amqp

from store import model
from store.crash import crash_point
from store.engine.features import Feature, lacking
from store.model.addresses import EXCHANGE_PREFIX
from store.model.errors import BadInput, Hint, NotFound, QueueFull
from store.model.messages import Message
from store.rabbitmq.messages import KEY_HEADER, as_text, source_of, without_death
from store.rabbitmq.queues import ServerQueues

if TYPE_CHECKING:
    from store.model.dead_letters import Choice, DeadLetterQueue, Moved, Redrive
    from store.rabbitmq.receiving import Fetched

# Before a letter is received neither its id nor its source is known.
_UNKNOWN = cast("str", None)


class ServerDeadLetters(ServerQueues):
    """Dead letters: listed, and sent back one by one: each confirmed, then acknowledged."""

    def dead_letter_queue(self, queue: str) -> str:
        """Return the queue if others dead-letter into it, else its DLQ; raises `BadInput`."""
        configs = {one.name: one.config for one in self.queues()}
        if queue not in configs:
            self._ready(queue)
        if any(config.dlq == queue for config in configs.values()):
            return queue
        target = configs[queue].dlq if queue in configs else None
        if target is None:
            raise BadInput(
                f"{queue} is no queue's DLQ and has none",
                hint=Hint("{} shows those there are", model.looks.ShowDeadLetters()),
            )
        if target.startswith(EXCHANGE_PREFIX):
            raise BadInput(
                f"{queue} sends its dead letters to {target}, which may lead anywhere",
                hint=Hint(
                    "name the queue: {}",
                    model.looks.ShowBindings(target.removeprefix(EXCHANGE_PREFIX)),
                ),
            )
        return target

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Return the queues that others dead-letter into by name, with their ready messages."""
        sources: dict[str, list[str]] = {}
        found = {queue.name: queue for queue in self.queues()}
        for queue in found.values():
            if queue.config.dlq in found:
                sources.setdefault(queue.config.dlq or "", []).append(queue.name)
        return [
            model.dead_letters.DeadLetterQueue(name, self._ready(name), tuple(users), None)
            for name, users in sorted(sources.items())
        ]

    def redrive_preview(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Return as many moves as there are letters; each is known only once it is received."""
        if choice is not None:
            raise lacking(self, Feature.DLQ_CHOICE)
        name = self.dead_letter_queue(queue)
        number = self._ready(name)
        number = number if limit is None else min(number, limit)
        target = to or "its source"
        return model.dead_letters.Redrive(
            None,
            [
                model.dead_letters.Moved(_UNKNOWN, f"{name}@{place + 1}", target)
                for place in range(number)
            ],
        )

    def redrive(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Send the letters of a DLQ back to their sources, or to `to`; a crash may repeat some."""
        planned = self.redrive_preview(queue, to, choice, limit).moved
        return self.redrive_planned(self.dead_letter_queue(queue), planned, to)

    def redrive_planned(
        self, queue: str, planned: Sequence[Moved], to: str | None = None
    ) -> Redrive:
        """Send back as many letters as are planned."""
        return self.redrive_more(queue, range(len(planned)), to)

    def redrive_more(
        self, queue: str, sequences: Sequence[int], to: str | None = None, batch: int | None = None
    ) -> Redrive:
        """Send back the next letters of a queue, as many as there are numbers.

        Each is sent, confirmed, and then acknowledged. Raises `NotFound` for a letter whose source
        is gone, and `QueueFull` where that refuses it; such letters stay.
        """
        if to is not None:
            self._ready(to)
        letters = self._receiver.fetch_all(queue, len(sequences))
        moved = self._send_back(queue, letters, to)
        return model.dead_letters.Redrive(None, moved)

    def _send_back(self, queue: str, letters: Sequence[Fetched], to: str | None) -> list[Moved]:
        targets = [to or source_of(letter.raw) for letter in letters]
        known = [number for number, target in enumerate(targets) if target is not None]
        ready = [(targets[number] or "", _anew(letters[number])) for number in known]
        result = self._publisher.publish("", ready)
        crash_point("redrive.confirmed")
        done = [known[number] for number in sorted(result.confirmed)]
        self._receiver.ack([letters[number].receipt for number in done])
        left = sorted(set(range(len(letters))) - set(done))
        self._receiver.settle([letters[number].receipt for number in left], requeue=True)
        if left:
            self._raise_left(queue, targets[left[0]], len(done), len(left), bool(result.refused))
        return [
            model.dead_letters.Moved(
                letters[n].message.id, queue, targets[n] or "", len(letters[n].message.value or b"")
            )
            for n in done
        ]

    def _raise_left(
        self, queue: str, target: str | None, done: int, left: int, is_full: bool
    ) -> None:
        told = f"{done:,} moved, {left:,} stay in {queue}"
        if target is None:
            raise BadInput(
                f"a letter of {queue} does not say where it died; {told}",
                hint=Hint("give {target QUEUE}"),
            )
        if is_full:
            raise QueueFull(f"queue {target} refuses them: a limit is reached; {told}")
        raise NotFound(
            f"queue {target}, where they died, does not exist; {told}",
            hint=Hint("give {target QUEUE}"),
        )


def _anew(letter: Fetched) -> amqp.Message:
    """Return a letter as a new message, with its id, and its key in a header.

    On the way back the routing key is the queue's name.
    """
    message: Message = letter.message
    anew = without_death(letter.raw)
    anew.properties["message_id"] = message.id
    if message.key is not None:
        headers = anew.properties["application_headers"]
        headers.setdefault(KEY_HEADER, as_text(message.key))
    return anew
