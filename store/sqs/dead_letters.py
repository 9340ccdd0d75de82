"""Dead-letter queues: which there are, and all their letters sent back by the service."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import cast

from store import model, sqs
from store.engine.dead_letters import RedriveTask
from store.engine.features import Feature, lacking
from store.model.dead_letters import Choice, DeadLetterQueue, Moved, Redrive
from store.model.errors import BadInput, Hint
from store.sqs.queues import AccountQueues

# The id of a letter is known once it is received.
_UNKNOWN = cast("str", None)
_LOOK = 1.0


class AccountDeadLetters(AccountQueues):
    """Dead letters: counted, and sent back."""

    def dead_letter_queue(self, queue: str) -> str:
        """Return the queue if others dead-letter into it, else its DLQ; raises `BadInput`."""
        target = self.queue_config(queue).dlq
        if target is None and self._sources(queue):
            return queue
        if target is not None:
            return target
        raise BadInput(
            f"{queue} is no queue's DLQ and has none",
            hint=Hint("{} shows those there are", model.looks.ShowDeadLetters()),
        )

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Return the queues that others dead-letter into by name, with about how many letters."""
        queues = {queue.name: queue for queue in self.queues()}
        sources: dict[str, list[str]] = {}
        for queue in queues.values():
            if queue.config.dlq is not None and queue.config.dlq in queues:
                sources.setdefault(queue.config.dlq, []).append(queue.name)
        return [
            DeadLetterQueue(name, queues[name].messages, tuple(users), None)
            for name, users in sorted(sources.items())
        ]

    def redrive_preview(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Return about as many moves as there are letters, of unknown ids."""
        if choice is not None:
            raise lacking(self, Feature.DLQ_CHOICE)
        if limit is not None:
            raise lacking(self, Feature.DLQ_SOME)
        name = self.dead_letter_queue(queue)
        if to is not None:
            self._url(to)
        return Redrive(None, moves(name, to, self.queue(name).ready))

    def redrive(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Have the service move all letters to their sources, or to `to`, and wait for its end.

        A moved message is a new one: its id, its time and its count of deliveries begin anew.
        """
        self.redrive_preview(queue, to, choice, limit)
        name = self.dead_letter_queue(queue)
        task = self.begin_redrive(name, to)
        assert task is not None
        while not (progress := task.look()).is_over:
            Event().wait(_LOOK)
        return Redrive(None, moves(name, to, progress.moved))

    def redrive_more(
        self, queue: str, sequences: Sequence[int], to: str | None = None, batch: int | None = None
    ) -> Redrive:
        """Refuse to move some letters."""
        raise lacking(self, Feature.DLQ_SOME)

    def begin_redrive(
        self, queue: str, to: str | None = None, rate: float | None = None
    ) -> RedriveTask | None:
        """Have the service move all letters, 1 to 500 a second; or follow the move that runs."""
        return sqs.moving.begin(self, self.dead_letter_queue(queue), to, rate)


def moves(queue: str, to: str | None, number: int) -> list[Moved]:
    """Return so many moves of letters whose ids are not known."""
    return [Moved(_UNKNOWN, queue, to or "its source")] * number
