"""Redrives that go on step by step, whichever process takes the next one (SQS: move tasks)."""

from __future__ import annotations

from typing import Any

from store.model.dead_letters import MoveTask
from store.model.errors import BadInput, Conflict, MqError, NotFound
from store.model.steps import BYTES, MESSAGES
from store.sqlite import layout, queues
from store.sqlite.dead_letters import find, journal, redrive
from store.sqlite.file.database import Row, Snapshot, WriteTransaction
from store.sqlite.queues.catalog import Queue

# Steps a second of a task with a rate, where its rate is not less.
_STEPS = 10
_COLUMNS = "id, queue, target, rate, state, wanted, moved, batch, started, ended, error, due - :now"


def start(tx: WriteTransaction, name: str, to: str | None, rate: float | None) -> MoveTask:
    """Begin to move the dead letters that a DLQ has now; each step is a `step`.

    Raises `Conflict` while another task moves those of the same queue (SQS), `NotFound` and
    `BadInput` as a redrive does.
    """
    queue = find.to_redrive(tx, name)
    _check(queue, to, rate)
    if to is not None and queues.catalog.find(tx, to).config.fifo != queue.config.fifo:
        raise BadInput(
            f"dead letters of {queue.name} can't go to {to}: a FIFO and a standard queue don't mix",
            hint="name a queue of the same type",
        )
    running = tx.value(
        "select id from mq_move_tasks where queue = :queue and state = 'running'",
        {"queue": queue.name},
    )
    if running is not None:
        raise Conflict(
            f"task {running} moves the dead letters of {queue.name} already",
            hint="wait until it is done, or cancel it",
        )
    tx.execute(
        "delete from mq_move_tasks where ended < :before", {"before": tx.wall - journal.KEEP}
    )
    id = tx.insert(
        "insert into mq_move_tasks (queue, target, rate, state, wanted, last, until, due, started)"
        " values (:queue, :target, :rate, 'running', :wanted, -1, :until, :now, :wall)",
        {
            "queue": queue.name,
            "target": to,
            "rate": rate,
            "wanted": queues.counts.dead_letters(tx, queue),
            "until": queue.first_lane.next - 1,
            "now": tx.now,
            "wall": tx.wall,
        },
    )
    return get(tx, id)


def _check(queue: Queue, to: str | None, rate: float | None) -> None:
    if to == queue.name:
        raise BadInput(f"the dead letters are in {to} already", hint="name another queue")
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if rate is not None and not (is_number and 0 < rate < float("inf")):
        raise BadInput(f"a rate is a number of messages a second, not {rate!r}")


def get(tx: Snapshot, id: int) -> MoveTask:
    """Return one task; raises `NotFound`."""
    row = tx.row(f"select {_COLUMNS} from mq_move_tasks where id = :id", {"id": id, "now": tx.now})
    if row is None:
        raise NotFound(f"there is no move task {id}", hint="tasks are remembered for 30 days")
    return _task(row)


def newest(tx: Snapshot, queue: str | None, limit: int) -> list[MoveTask]:
    """Return the last tasks, of all queues or of one, newest first."""
    rows = tx.rows(
        f"select {_COLUMNS} from mq_move_tasks where :queue is null or queue = :queue"
        " order by id desc limit :limit",
        {"queue": queue, "limit": limit, "now": tx.now},
    )
    return list(map(_task, rows))


def _task(row: Row) -> MoveTask:
    task = MoveTask(*row)
    return task._replace(pause=max(task.pause, 0) / 1000 if task.state == "running" else 0.0)


def cancel(tx: WriteTransaction, id: int) -> MoveTask:
    """End a task; what it has moved stays there. Raises `Conflict` where it has ended."""
    task = get(tx, id)
    if task.state != "running":
        raise Conflict(f"task {id} is {task.state}", hint="only a running one can be cancelled")
    _end(tx, id, "cancelled")
    return get(tx, id)


def fail(tx: WriteTransaction, id: int, error: MqError) -> MoveTask:
    """End a task for an error, unless it has ended; what it has moved stays there."""
    if get(tx, id).state == "running":
        _end(tx, id, "failed", error.message)
    return get(tx, id)


def step(tx: WriteTransaction, id: int) -> MoveTask:
    """Move the next dead letters of a task, if its rate allows some now; return it afterwards.

    A letter that is leased is passed over.
    """
    task = get(tx, id)
    if task.state != "running" or task.pause:
        return task
    queue = queues.catalog.find(tx, task.queue)
    wanted = MESSAGES if task.rate is None else min(MESSAGES, max(1, int(task.rate / _STEPS)))
    sequences = _next(tx, id, queue, wanted)
    done = redrive.redrive(tx, queue, task.to, sequences, task.batch)
    wait = 0 if task.rate is None else round(len(sequences) * 1000 / task.rate)
    tx.execute(
        "update mq_move_tasks set moved = moved + :moved, batch = :batch,"
        " last = ifnull(:last, last), due = :due where id = :id",
        {
            "moved": len(done.moved),
            "batch": done.batch,
            "last": sequences[-1] if sequences else None,
            "due": tx.now + wait,
            "id": id,
        },
    )
    if not _next(tx, id, queue, 1):
        _end(tx, id, "completed")
    return get(tx, id)


def _next(tx: Snapshot, id: int, queue: Queue, limit: int) -> list[int]:
    """Return the sequences of the next dead letters of a task, in order: a step at most."""
    last, until = tx.row(  # type: ignore[misc]
        "select last, until from mq_move_tasks where id = :id", {"id": id}
    )
    found: list[tuple[int, int]] = []
    for lane in queue.lanes.values():
        where: dict[str, Any] = {"base": lane.base, "last": last, "until": until, "limit": limit}
        found += tx.rows(
            f"select o.record - :base, {layout.SIZE_OF_R} from mq_origins o"
            " join mq_records r on r.id = o.record where o.record > :base + :last"
            " and o.record <= :base + :until and o.reason not null order by o.record limit :limit",
            where,
        )
    sequences: list[int] = []
    size = 0
    for sequence, bytes in sorted(found)[:limit]:
        size += bytes
        if sequences and size > BYTES:
            break
        sequences.append(sequence)
    return sequences


def _end(tx: WriteTransaction, id: int, state: str, error: str | None = None) -> None:
    tx.execute(
        "update mq_move_tasks set state = :state, ended = :wall, error = :error where id = :id",
        {"state": state, "wall": tx.wall, "error": error, "id": id},
    )
