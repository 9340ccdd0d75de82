"""The protocol of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.model.dead_letters import (
        Choice,
        Chosen,
        DeadLetterGroup,
        DeadLetterQueue,
        Event,
        Moved,
        Redrive,
        RedriveBatch,
        Redriven,
        TaskProgress,
    )
    from store.model.letter_groups import Field
    from store.model.maintenance import Progress
    from store.model.messages import Message


class RedriveTask(Protocol):
    """A redrive that the engine carries out by itself, whatever becomes of this process."""

    def look(self) -> TaskProgress:
        """Return how far it is; raises the error that ended it."""

    def cancel(self) -> TaskProgress:
        """End it: what was moved stays moved."""


class DeadLetters(Featured, Protocol):
    """Dead letters: look, send back, edit, remove, restore."""

    def dead_letter_queue(self, queue: str) -> str:
        """Return the queue if others dead-letter into it or it holds dead letters, else its DLQ."""
        raise lacking(self, Feature.DLQ_LIST)

    def dead_letters(
        self, queue: str, choice: Choice | None = None, limit: int | None = None, *, after: int = -1
    ) -> list[Message]:
        """Return the dead letters of a DLQ with a sequence above `after`, oldest first."""
        raise lacking(self, Feature.DLQ_PEEK)

    def chosen_dead_letters(
        self, queue: str, choice: Choice | None = None, limit: int | None = None
    ) -> list[Chosen]:
        """Return the dead letters of this queue that may be moved or removed: unleased ones."""
        raise lacking(self, Feature.DLQ_CHOICE)

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Return the queues that are a DLQ or hold dead letters, by name."""
        raise lacking(self, Feature.DLQ_LIST)

    def dead_letter_groups(
        self, queue: str, field: Field, choice: Choice | None = None
    ) -> list[DeadLetterGroup]:
        """Count the dead letters by `reason`, `source` or `error`, the largest group first."""
        raise lacking(self, Feature.DLQ_PEEK)

    def redrive_preview(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Return the moves that `redrive` would make."""
        raise lacking(self, Feature.DLQ_REDRIVE)

    def redrive_plan(
        self, queue: str, chosen: Sequence[Chosen], to: str | None = None
    ) -> list[Moved]:
        """Return where a redrive would take these dead letters of a queue; raises `NotFound`."""
        raise lacking(self, Feature.DLQ_CHOICE)

    def redrive(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Move dead letters back to their source queues, or to `to`; see `redrive_planned`."""
        raise lacking(self, Feature.DLQ_REDRIVE)

    def redrive_planned(
        self, queue: str, planned: Sequence[Moved], to: str | None = None
    ) -> Redrive:
        """Move those of these dead letters that are still there and unleased."""
        raise lacking(self, Feature.DLQ_CHOICE)

    def redrive_more(
        self, queue: str, sequences: Sequence[int], to: str | None = None, batch: int | None = None
    ) -> Redrive:
        """Move those that are still there and unleased, as more of a batch."""
        raise lacking(self, Feature.DLQ_CHOICE)

    def begin_redrive(
        self, queue: str, to: str | None = None, rate: float | None = None
    ) -> RedriveTask | None:
        """Have the engine move all letters by itself, so many a second (as SQS's move task).

        `None` where the caller moves them, step by step.
        """
        return None

    def became_of_redrive(self, batch: int) -> list[Redriven]:
        """Return the fate of the messages of a redrive: still there, dead again, or done."""
        raise lacking(self, Feature.DLQ_UNDO)

    def redrives(self, limit: int = 10) -> list[RedriveBatch]:
        """Return the last redrives and edits of dead letters, newest first."""
        raise lacking(self, Feature.DLQ_UNDO)

    def undo_redrive(
        self, batch: int | None = None, *, progress: Progress | None = None
    ) -> Redrive:
        """Undo a redrive or an edit, by default the last: its present, unleased messages."""
        raise lacking(self, Feature.DLQ_UNDO)

    def edit_dead_letter(
        self, queue: str, sequence: int, value: bytes | None, *, before: bytes | None
    ) -> Redrive:
        """Replace the value `before` of a dead letter; `undo_redrive` takes it back."""
        raise lacking(self, Feature.DLQ_EDIT)

    def edit_and_redrive(
        self, queue: str, sequence: int, value: bytes | None, *, before: bytes | None
    ) -> Redrive:
        """Replace the value of a dead letter and send it back, both or neither; see `redrive`."""
        raise lacking(self, Feature.DLQ_EDIT)

    def purge_dead_letters(self, queue: str, choice: Choice) -> list[Message]:
        """Remove the chosen dead letters of a queue for good and return them. Leased ones stay."""
        raise lacking(self, Feature.DLQ_CHOICE)

    def remove_dead_letters(
        self, queue: str, chosen: Sequence[Chosen], *, progress: Progress | None = None
    ) -> set[int]:
        """Remove the present, unleased ones of these dead letters; return their sequences."""
        raise lacking(self, Feature.DLQ_CHOICE)

    def restore_dead_letters(
        self, queue: str, letters: Sequence[Message], *, progress: Progress | None = None
    ) -> list[Message]:
        """Store dead letters as they were; return those that the store did not have yet."""
        raise lacking(self, Feature.DLQ_RESTORE)

    def message_events(self, queue: str, sequence: int) -> list[Event]:
        """Return the history of a message, through every queue it was in, first to last."""
        raise lacking(self, Feature.HISTORY)

    def record_events(self, topic: str, partition: int, offset: int) -> list[Event]:
        """Return the failed attempts of groups and shares at a record, and its dead letters."""
        raise lacking(self, Feature.HISTORY)
