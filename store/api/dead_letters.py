"""Calls on dead letters: look, send back, edit, restore, and undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from store import model, sqlite
from store.api.base import Calls, frees_room
from store.model.errors import BadInput, Conflict, MqError, NotFound, QueueFull

if TYPE_CHECKING:
    from store.model.dead_letters import (
        Choice,
        Chosen,
        DeadLetterGroup,
        DeadLetterQueue,
        Event,
        Moved,
        MoveTask,
        Redrive,
        RedriveBatch,
        Redriven,
    )
    from store.model.letter_groups import Field
    from store.model.maintenance import Progress
    from store.model.messages import Message

_PAGE = 500


class DeadLetterCalls(Calls):
    """Dead letters; a queue that has a DLQ stands for its DLQ."""

    def dead_letter_queue(self, queue: str) -> str:
        """Return the queue if others dead-letter into it or it holds dead letters, else its DLQ."""
        with self._read() as tx:
            return sqlite.dead_letters.find.dead_letter_queue(tx, queue).name

    def dead_letters(
        self, queue: str, choice: Choice | None = None, limit: int | None = None, *, after: int = -1
    ) -> list[Message]:
        """Return the dead letters of a DLQ with a sequence above `after`, oldest first.

        They are read in pages; `choice` is called between two pages, outside of any transaction.
        """
        return list(islice(self._letters(self._seen(queue), choice, after), limit))

    def chosen_dead_letters(
        self, queue: str, choice: Choice | None = None, limit: int | None = None
    ) -> list[model.dead_letters.Chosen]:
        """Return the dead letters of this queue that may be moved or removed: unleased ones."""
        free = (one for one in self._letters(queue, choice) if one.state != "leased")
        return [model.dead_letters.Chosen.of(letter) for letter in islice(free, limit)]

    def _letters(self, queue: str, choice: Choice | None, after: int = -1) -> Iterator[Message]:
        while True:
            with self._read() as tx:
                page = sqlite.queues.view.messages(
                    tx, sqlite.queues.catalog.find(tx, queue), after, _PAGE
                )
            for one in page:
                if one.dead is not None and (choice is None or choice(one)):
                    yield one
            if len(page) < _PAGE:
                return
            after = page[-1].sequence

    def _seen(self, queue: str) -> str:
        """Return the DLQ that a queue stands for, after all expired messages have moved there."""
        with self._looking() as tx:
            return sqlite.dead_letters.find.dead_letter_queue(tx, queue).name

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Return the queues that are a DLQ or hold dead letters, by name."""
        with self._looking() as tx:
            return sqlite.dead_letters.find.queues_with_letters(tx)

    def dead_letter_groups(
        self, queue: str, field: Field, choice: Choice | None = None
    ) -> list[DeadLetterGroup]:
        """Count the dead letters by `reason`, `source` or `error`, the largest group first.

        Errors count as the same when they differ only in numbers, ids, times and quoted parts.
        """
        return model.letter_groups.group(self._letters(self._seen(queue), choice), field)

    def redrive_preview(
        self, queue: str, to: str | None = None, choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:  # fmt: skip
        """Return the moves that `redrive` would make."""
        with self._looking() as tx:
            found = sqlite.dead_letters.find.to_redrive(tx, queue).name
        chosen = self.chosen_dead_letters(found, choice, limit)
        return model.dead_letters.Redrive(None, self.redrive_plan(found, chosen, to))

    def redrive_plan(
        self, queue: str, chosen: Sequence[Chosen], to: str | None = None
    ) -> list[Moved]:
        """Return where a redrive would take these dead letters of a queue; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.dead_letters.redrive.plan(
                tx, sqlite.queues.catalog.find(tx, queue), to, chosen
            )

    def redrive(
        self, queue: str, to: str | None = None, choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:  # fmt: skip
        """Move dead letters back to their source queues, or to `to`; see `redrive_planned`.

        They are chosen first, by reading, and `choice` is called outside of every transaction.
        """
        planned = self.redrive_preview(queue, to, choice, limit).moved
        with self._read() as tx:
            found = sqlite.dead_letters.find.dead_letter_queue(tx, queue).name
        return self.redrive_planned(found, planned, to)

    def redrive_planned(
        self, queue: str, planned: Sequence[Moved], to: str | None = None
    ) -> Redrive:
        """Move those of these dead letters that are still there and unleased.

        Up to 500, or 4 MiB, move all or none. More move in steps of that size, all as one batch, so
        one undo takes everything back, even after an interruption.
        """
        done = model.dead_letters.Redrive(None, [])
        for part in self._parts([one.size for one in planned]):
            sequences = [one.sequence for one in planned[part]]
            try:
                more = self.redrive_more(queue, sequences, to, done.batch)
            except MqError as error:
                if not done.moved:
                    raise
                raise model.dead_letters.cut_short(error, done, len(planned)) from error
            done.moved.extend(more.moved)
            done = done._replace(batch=more.batch)
        return done

    def redrive_more(
        self, queue: str, sequences: Sequence[int], to: str | None = None,
        batch: int | None = None,
    ) -> Redrive:  # fmt: skip
        """Move those of these dead letters that are still there and unleased, as more of a batch.

        So a redrive may take several transactions, and one undo takes all of it back.
        """
        with self._write() as tx:
            found = sqlite.queues.catalog.find(tx, queue)
            return sqlite.dead_letters.redrive.redrive(tx, found, to, sequences, batch)

    def start_move(
        self, queue: str, to: str | None = None, *, rate: float | None = None
    ) -> MoveTask:
        """Begin to move the dead letters that a queue has now, `rate` of them a second at most.

        The caller, or any other one, moves them by `continue_move`, also after a restart. Raises
        `Conflict` while another task does it (SQS: StartMessageMoveTask).
        """
        with self._write() as tx:
            return sqlite.dead_letters.move_tasks.start(tx, queue, to, rate)

    def continue_move(self, task: int) -> MoveTask:
        """Move what a task's rate allows by now, at most 500 letters; return it afterwards.

        Call it again after its `pause` while it is `running`. A step that can't be done, because
        its target is gone for example, ends it: `failed`, with the error; the rest stays.
        """
        try:
            return self._step(lambda tx: sqlite.dead_letters.move_tasks.step(tx, task))
        except (NotFound, BadInput, Conflict, QueueFull) as error:
            reason = error
        return self._step(lambda tx: sqlite.dead_letters.move_tasks.fail(tx, task, reason))

    def cancel_move(self, task: int) -> MoveTask:
        """End a task; what it moved stays where it is (SQS: CancelMessageMoveTask).

        Raises `Conflict` where it has ended already.
        """
        with self._write() as tx:
            return sqlite.dead_letters.move_tasks.cancel(tx, task)

    def move_task(self, task: int) -> MoveTask:
        """Return one task; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.dead_letters.move_tasks.get(tx, task)

    def move_tasks(self, queue: str | None = None, limit: int = 10) -> list[MoveTask]:
        """Return the last tasks, of all queues or of one, newest first (SQS:
        ListMessageMoveTasks).
        """
        with self._read() as tx:
            return sqlite.dead_letters.move_tasks.newest(tx, queue, limit)

    def became_of_redrive(self, batch: int) -> list[Redriven]:
        """Return the fate of the messages of a redrive: still there, dead again, or done."""
        with self._read() as tx:
            return sqlite.dead_letters.redrive.became_of(tx, batch)

    def redrives(self, limit: int = 10) -> list[RedriveBatch]:
        """Return the last redrives and edits of dead letters, newest first."""
        with self._read() as tx:
            return sqlite.dead_letters.journal.batches(tx, limit)

    def undo_redrive(
        self, batch: int | None = None, *, progress: Progress | None = None
    ) -> Redrive:
        """Undo a redrive or an edit, by default the last: its present, unleased messages.

        It goes in steps, as the redrive; a repeated call continues. `progress` is called with the
        number looked at and the total. Raises `NotFound` when there is nothing to undo, `Conflict`
        when nothing of it is left.
        """
        with self._read() as tx:
            number, entries = sqlite.dead_letters.redrive.undoable(tx, batch)
        moved: list[Moved] = []
        for part in self._parts([size for _, size in entries]):
            with self._write() as tx:
                moved += sqlite.dead_letters.redrive.undo(tx, [id for id, _ in entries[part]])
            if progress is not None:
                progress(part.stop, len(entries))
        if not moved:
            raise sqlite.dead_letters.redrive.nothing_left(number)
        return model.dead_letters.Redrive(number, moved)

    def edit_dead_letter(
        self, queue: str, sequence: int, value: bytes | None, *, before: bytes | None
    ) -> Redrive:
        """Replace the value `before` of a dead letter; `undo_redrive` takes it back.

        It stays a dead letter with its id, reason and history. Raises `Conflict` when it was
        changed meanwhile or is leased.
        """
        with self._write() as tx:
            return sqlite.dead_letters.redrive.edit(
                tx, sqlite.queues.catalog.find(tx, queue), sequence, value, before=before
            )

    def edit_and_redrive(
        self, queue: str, sequence: int, value: bytes | None, *, before: bytes | None
    ) -> Redrive:
        """Replace the value of a dead letter and send it back, both or neither; see `redrive`."""
        with self._write() as tx:
            letters = sqlite.queues.catalog.find(tx, queue)
            sqlite.dead_letters.redrive.edit(tx, letters, sequence, value, before=before)
            return sqlite.dead_letters.redrive.redrive(tx, letters, None, [sequence], None)

    def purge_dead_letters(self, queue: str, choice: Choice) -> list[Message]:
        """Remove the chosen dead letters of a queue for good and return them. Leased ones stay.

        They are chosen first, by reading, and removed as by `remove_dead_letters`.
        """
        letters = [one for one in self._letters(queue, choice) if one.state != "leased"]
        removed = self.remove_dead_letters(
            queue, [model.dead_letters.Chosen.of(letter) for letter in letters]
        )
        return [letter for letter in letters if letter.sequence in removed]

    def remove_dead_letters(
        self, queue: str, chosen: Sequence[Chosen], *, progress: Progress | None = None
    ) -> set[int]:
        """Remove the present, unleased ones of these dead letters; return their sequences.

        In steps of 500, or 4 MiB. `progress` is called with the number done and the total.
        """
        removed: set[int] = set()
        for part in self._parts([one.size for one in chosen]):
            removed |= self._remove(queue, [one.sequence for one in chosen[part]])
            if progress is not None:
                progress(part.stop, len(chosen))
        return removed

    @frees_room
    def _remove(self, queue: str, sequences: Sequence[int]) -> set[int]:
        with self._write() as tx:
            return sqlite.queues.purge.letters(tx, sqlite.queues.catalog.find(tx, queue), sequences)

    def restore_dead_letters(
        self, queue: str, letters: Sequence[Message], *, progress: Progress | None = None
    ) -> list[Message]:
        """Store dead letters as they were; return those that the store did not have yet.

        Id, first time, contents and history are kept, and the retention begins anew. Raises
        `BadRecord` for the first one that can't be stored, `QueueFull` where the queue rejects
        messages over its limits: then none is stored. Up to 500, or 4 MiB, are stored all or none;
        more in steps of that size, and a repeated call adds the missing ones. `progress` is called
        with the number done and the total.
        """
        with self._read() as tx:
            found = sqlite.dead_letters.find.dead_letter_queue(tx, queue)
            new = sqlite.dead_letters.restore.missing(tx, found, letters)
        stored: list[Message] = []
        for part in self._parts([content.size for _, content in new]):
            with self._write() as tx:
                target = sqlite.queues.catalog.find(tx, found.name)
                stored += sqlite.dead_letters.restore.restore(tx, target, new[part])
            if progress is not None:
                progress(part.stop, len(new))
        return stored

    def message_events(self, queue: str, sequence: int) -> list[Event]:
        """Return the history of a message, through every queue it was in, first to last."""
        with self._read() as tx:
            return sqlite.dead_letters.history.of_message(
                tx, sqlite.queues.catalog.find(tx, queue), sequence
            )

    def record_events(self, topic: str, partition: int, offset: int) -> list[Event]:
        """Return the failed attempts of groups and shares at a record, and its dead letters."""
        with self._read() as tx:
            return sqlite.dead_letters.history.of_record(tx, topic, partition, offset)
