"""Dead letters moved by the service itself: a message move task, one at a time for each DLQ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from store.model.dead_letters import TaskProgress
from store.model.errors import BadInput, Conflict, MqError, NotFound
from store.sqs.errors import NotAnswered, unknown

if TYPE_CHECKING:
    from store.sqs.queues import AccountQueues

MOST_PER_SECOND = 500
_RUNNING = {"RUNNING", "CANCELLING"}
# The service has no code of its own for it.
_ALREADY = "already a task running"


class ServiceMove:
    """A move of all letters of a DLQ; it goes on when this process ends."""

    def __init__(self, account: AccountQueues, queue: str, arn: str, handle: str) -> None:
        self._account = account
        self._queue = queue
        self._arn = arn
        self._handle = handle

    def look(self) -> TaskProgress:
        """Return about how many letters are moved; raises the reason for which it failed."""
        task = newest(self._account, self._queue, self._arn)
        progress = _progress(task)
        if task.get("Status") == "FAILED":
            reason = str(task.get("FailureReason") or "the service gives no reason")
            told = f"the move of {self._queue} failed: {reason}; {progress.moved:,} moved"
            raise NotFound(told) if "DoesNotExist" in reason else MqError(told)
        return progress

    def cancel(self) -> TaskProgress:
        """Cancel the move; what was moved stays moved, and nothing takes it back."""
        answer = self._account._client.call(
            "cancel_message_move_task", f"move of {self._queue}", TaskHandle=self._handle
        )
        moved = int(answer.get("ApproximateNumberOfMessagesMoved") or 0)
        return TaskProgress(moved, moved, is_over=True)


def begin(account: AccountQueues, queue: str, to: str | None, rate: float | None) -> ServiceMove:
    """Begin to move all letters to their sources, or to one queue; or follow the move that runs."""
    arn = account._attributes(queue)["QueueArn"]
    given: dict[str, Any] = {"SourceArn": arn}
    if to is not None:
        given["DestinationArn"] = account._attributes(to)["QueueArn"]
    if rate is not None:
        given["MaxNumberOfMessagesPerSecond"] = _per_second(rate)
    subject = f"queue {queue}"
    try:
        answer = account._client.call("start_message_move_task", subject, repeatable=False, **given)
    except NotAnswered as error:
        raise unknown(error, f"the move of {queue} may have begun") from error
    except BadInput as error:
        if _ALREADY not in error.message:
            raise
        return _running(account, queue, arn)
    return ServiceMove(account, queue, arn, answer["TaskHandle"])


def newest(account: AccountQueues, queue: str, arn: str) -> dict[str, Any]:
    """Return the newest move of a DLQ as the service lists it; raises `NotFound` without one."""
    answer = account._client.call(
        "list_message_move_tasks", f"queue {queue}", SourceArn=arn, MaxResults=1
    )
    tasks: list[dict[str, Any]] = answer.get("Results") or []
    if not tasks:
        raise NotFound(f"no move of {queue} is known")
    return tasks[0]


def _running(account: AccountQueues, queue: str, arn: str) -> ServiceMove:
    task = newest(account, queue, arn)
    if "TaskHandle" not in task:
        raise Conflict(f"a move of {queue} has just ended", hint="try again")
    account._tell(f"a move of {queue} is running already; this is its progress")
    return ServiceMove(account, queue, arn, task["TaskHandle"])


def _progress(task: dict[str, Any]) -> TaskProgress:
    moved = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
    total = int(task.get("ApproximateNumberOfMessagesToMove") or moved)
    return TaskProgress(moved, max(total, moved), is_over=task.get("Status") not in _RUNNING)


def _per_second(rate: float) -> int:
    if rate != int(rate) or not 1 <= rate <= MOST_PER_SECOND:
        raise BadInput(
            f"sqs moves a whole number of letters from 1 to {MOST_PER_SECOND} a second,"
            f" not {rate:g}",
            hint="50/s, or leave it out for as fast as it can",
        )
    return int(rate)
