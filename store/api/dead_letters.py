"""Calls on dead letters: look, send back, edit, restore, and take that back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from store import delivery
from store.api.base import Calls

if TYPE_CHECKING:
    from store.delivery.deadletters import Choice
    from store.letters import Batch, DeadLetterQueue, Event, LetterGroup, Redriven
    from store.messages import Message


class DeadLetterCalls(Calls):
    """Dead letters; a queue that has a DLQ stands for it."""

    def dead_letter_queue(self, queue: str) -> str:
        """The queue itself if others dead-letter into it or it holds dead letters, else its DLQ."""
        with self._read() as tx:
            return delivery.deadletters.dead_letter_queue(tx, queue).name

    def dead_letters(
        self, queue: str, choice: Choice | None = None, limit: int | None = None, *, after: int = -1
    ) -> list[Message]:
        """The dead letters of a DLQ with a sequence above `after`, oldest first."""
        with self._looking() as tx:
            found = delivery.deadletters.dead_letter_queue(tx, queue)
            return list(
                islice(delivery.deadletters.letters(tx, found, choice or _any, after), limit)
            )

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """The queues that are somebody's DLQ or hold dead letters, by name."""
        with self._looking() as tx:
            return delivery.deadletters.queues_with_letters(tx)

    def dead_letter_groups(
        self, queue: str, field: delivery.letter_groups.Field, choice: Choice | None = None
    ) -> list[LetterGroup]:
        """The dead letters counted by `reason`, `source` or `error`, the largest group first.

        Errors count as the same when they differ only in numbers, ids, times and quoted parts.
        """
        with self._looking() as tx:
            found = delivery.deadletters.dead_letter_queue(tx, queue)
            return delivery.letter_groups.group(
                delivery.deadletters.letters(tx, found, choice or _any), field
            )

    def redrive_preview(
        self, queue: str, to: str | None = None, choice: Choice | None = None,
        limit: int | None = None,
    ) -> delivery.redrive.Redrive:  # fmt: skip
        """What `redrive` would move, and where to."""
        with self._looking() as tx:
            found = delivery.deadletters.to_redrive(tx, queue)
            chosen = delivery.deadletters.chosen(tx, found, choice or _any, limit)
            return delivery.redrive.Redrive(None, delivery.redrive.plan(tx, found, to, chosen))

    def redrive(
        self, queue: str, to: str | None = None, choice: Choice | None = None,
        limit: int | None = None,
    ) -> delivery.redrive.Redrive:  # fmt: skip
        """Move dead letters back to their source queues, or to `to`, in one transaction."""
        with self._write() as tx:
            delivery.sweep.sweep(tx)
            found = delivery.deadletters.to_redrive(tx, queue)
            chosen = delivery.deadletters.chosen(tx, found, choice or _any, limit)
            return delivery.redrive.redrive(tx, found, to, chosen)

    def redrive_more(
        self, queue: str, sequences: Sequence[int], to: str | None = None,
        batch: int | None = None,
    ) -> delivery.redrive.Redrive:  # fmt: skip
        """Move those of these dead letters that are still there and unleased, as more of a batch.

        So a redrive may take several transactions, and one undo takes all of it back.
        """
        with self._write() as tx:
            found = delivery.queues.find(tx, queue)
            return delivery.redrive.redrive(
                tx, found, to, delivery.deadletters.among(tx, found, sequences), batch
            )

    def became_of_redrive(self, batch: int) -> list[Redriven]:
        """What became of the messages of a redrive: still there, dead again, or done with."""
        with self._read() as tx:
            return delivery.redrive.became_of(tx, batch)

    def redrives(self, limit: int = 10) -> list[Batch]:
        """The last redrives and edits of dead letters, newest first."""
        with self._read() as tx:
            return delivery.journal.batches(tx, limit)

    def undo_redrive(self, batch: int | None = None) -> delivery.redrive.Redrive:
        """Take a redrive or an edit back, by default the last: what is still there and unleased."""
        with self._write() as tx:
            return delivery.redrive.undo(tx, batch)

    def edit_dead_letter(
        self, queue: str, sequence: int, value: bytes | None, *, before: bytes | None
    ) -> delivery.redrive.Redrive:
        """Replace the value of a dead letter whose value is `before`; `undo_redrive` takes it back.

        It stays a dead letter with its id, reason and history. Raises `Conflict` when it was
        changed meanwhile or is leased.
        """
        with self._write() as tx:
            return delivery.redrive.edit(
                tx, delivery.queues.find(tx, queue), sequence, value, before=before
            )

    def purge_dead_letters(self, queue: str, choice: Choice) -> list[Message]:
        """Remove the chosen dead letters of a queue for good; those. Leased ones stay."""
        with self._write() as tx:
            found = delivery.queues.find(tx, queue)
            chosen = delivery.deadletters.chosen(tx, found, choice, None)
            delivery.purge.letters(tx, found, chosen)
            return chosen

    def restore_dead_letters(self, queue: str, letters: Sequence[Message]) -> list[Message]:
        """Store dead letters as they were, all or none; those that the store did not have yet.

        Id, first time, contents and history are kept, and the retention begins anew. Raises
        `BadRecord` for the first one that can't be stored, `QueueFull` where the queue rejects what
        is over its limits.
        """
        with self._write() as tx:
            return delivery.restore.restore(
                tx, delivery.deadletters.dead_letter_queue(tx, queue), letters
            )

    def message_events(self, queue: str, sequence: int) -> list[Event]:
        """What happened to a message, through every queue it was in, first to last."""
        with self._read() as tx:
            return delivery.history.of_message(tx, delivery.queues.find(tx, queue), sequence)

    def record_events(self, topic: str, partition: int, offset: int) -> list[Event]:
        """The failed attempts of groups and shares at a record, and its dead letters."""
        with self._read() as tx:
            return delivery.history.of_record(tx, topic, partition, offset)


def _any(message: Message) -> bool:
    return True
