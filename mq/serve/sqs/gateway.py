"""The gateway: a request in, an answer out, whatever happens between."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import perf_counter
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from mq.serve import reset
from mq.serve.chaos import ServerChaos
from mq.serve.credentials import Credentials
from mq.serve.figures import Figures
from mq.serve.http.messages import HttpRequest, HttpResponse
from mq.serve.sqs import (
    checksums,
    json_protocol,
    moving,
    peeking,
    permissions,
    query_protocol,
    queues,
    receiving,
    sending,
    settling,
    signatures,
)
from mq.serve.sqs.errors import SqsError, bad_value, of_store
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import MqError

if TYPE_CHECKING:
    from store.aio import AsyncStore

Result = dict[str, Any] | None
Operation = Callable[[SqsService, Caller, Parameters], Awaitable[Result]]

OPERATIONS: dict[str, Operation] = {
    "AddPermission": permissions.add_permission,
    "CancelMessageMoveTask": moving.cancel_message_move_task,
    "ChangeMessageVisibility": settling.change_message_visibility,
    "ChangeMessageVisibilityBatch": settling.change_message_visibility_batch,
    "CreateQueue": queues.create_queue,
    "DeleteMessage": settling.delete_message,
    "DeleteMessageBatch": settling.delete_message_batch,
    "DeleteQueue": queues.delete_queue,
    "GetQueueAttributes": queues.get_queue_attributes,
    "GetQueueUrl": queues.get_queue_url,
    "ListDeadLetterSourceQueues": queues.list_dead_letter_source_queues,
    "ListMessageMoveTasks": moving.list_message_move_tasks,
    "ListQueueTags": permissions.list_queue_tags,
    "ListQueues": queues.list_queues,
    "PurgeQueue": queues.purge_queue,
    "ReceiveMessage": receiving.receive_message,
    "RemovePermission": permissions.remove_permission,
    "SendMessage": sending.send_message,
    "SendMessageBatch": sending.send_message_batch,
    "SetQueueAttributes": queues.set_queue_attributes,
    "StartMessageMoveTask": moving.start_message_move_task,
    "TagQueue": permissions.tag_queue,
    "UntagQueue": permissions.untag_queue,
}
NAME = "sqs"
# Tasks that are looked at for one that still runs.
_MOST_TASKS = 100
_LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
HEALTH = "/health"
RESET = "/_mq/reset"


class SqsOptions(NamedTuple):
    """How to serve: users whose signatures are checked, chaos, and whether a reset is allowed."""

    credentials: Credentials | None = None
    chaos: ServerChaos | None = None
    may_reset: bool = False
    tell: Callable[[str], None] | None = None
    """Gets a line per request."""
    problem: Callable[[Exception], None] | None = None
    """Gets errors inside the gateway, which are bugs."""


class Exchanged(NamedTuple):
    """An answer, and the operation that it is of."""

    operation: str
    response: HttpResponse


class SqsGateway:
    """SQS for one store."""

    def __init__(
        self, store: AsyncStore, figures: Figures | None = None, options: SqsOptions | None = None
    ) -> None:
        self._figures = figures or Figures()
        self._service = SqsService(store, self._figures)
        self._options = options or SqsOptions()

    async def begin(self) -> None:
        """Go on with the move tasks that an earlier server has left running."""
        for task in await self._service.store.move_tasks(limit=_MOST_TASKS):
            self._service.run_in_background(moving.carry_on(self._service, task))

    async def close(self) -> None:
        """Answer receives that wait, and end what goes on in the background."""
        await self._service.close()

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; errors are answers too."""
        began = perf_counter()
        chaos = self._options.chaos
        mischief = None if chaos is None or request.path == HEALTH else chaos.next()
        if mischief == "close":
            return HttpResponse.dropped()
        request_id = str(uuid4())
        if mischief == "throttle":
            throttled = SqsError("RequestThrottled", "The request was denied by throttling.", 403)
            exchanged = Exchanged("-", self._refusal(request, throttled, request_id))
        else:
            exchanged = await self._answer(request, request_id)
        operation, response = exchanged
        seconds = perf_counter() - began
        self._figures.note(NAME, operation, response.status, seconds)
        if self._options.tell is not None:
            told = f"{NAME} {request.peer} {operation} {response.status} {seconds * 1000:.1f} ms"
            self._options.tell(told if mischief is None else f"{told} {mischief}")
        return HttpResponse.dropped() if mischief == "lose" else response

    async def _answer(self, request: HttpRequest, request_id: str) -> Exchanged:
        if request.path == HEALTH and request.method in {"GET", "HEAD"}:
            return Exchanged("-", HttpResponse.of_json({"status": "running"}))
        operation = "-"
        try:
            caller = Caller.of(request, self._user(request))
            checksums.check_declared(request)
            if request.path == RESET:
                return Exchanged("Reset", await self._reset(request))
            if request.path.startswith(peeking.PATH):
                operation = peeking.OPERATION
                result = await self._run(peeking.look(self._service, caller, request))
            else:
                operation, parameters = self._protocol(request).read(request)
                function = OPERATIONS[operation]
                result = await self._run(function(self._service, caller, parameters))
            return Exchanged(operation, self._success(request, operation, result, request_id))
        except SqsError as error:
            return Exchanged(operation, self._refusal(request, error, request_id))
        except Exception as error:
            if self._options.problem is None:
                raise
            self._options.problem(error)
            return Exchanged(operation, self._refusal(request, _inside(), request_id))

    def _protocol(self, request: HttpRequest) -> ModuleType:
        return json_protocol if json_protocol.is_json(request) else query_protocol

    def _user(self, request: HttpRequest) -> str | None:
        if self._options.credentials is None:
            _refuse_other_sites(request)
            return None
        return signatures.check(request, self._options.credentials, datetime.now(UTC))

    async def _run(self, call: Awaitable[Result]) -> Result:
        try:
            return await call
        except MqError as error:
            raise of_store(error) from error
        except UnicodeEncodeError as error:
            raise bad_value(f"The request has text that is not valid: {error.reason}.") from error

    async def _reset(self, request: HttpRequest) -> HttpResponse:
        if not self._options.may_reset:
            return HttpResponse.text("a reset needs mq serve --memory\n", 403)
        if request.method != "POST":
            return HttpResponse.text("a reset is a POST\n", 405)
        await reset.empty(self._service.store)
        self._service.queues.forget_all()
        return HttpResponse(200)

    def _success(
        self, request: HttpRequest, operation: str, result: Result, request_id: str
    ) -> HttpResponse:
        if json_protocol.is_json(request):
            return json_protocol.answer(result, request_id)
        as_json = query_protocol.wants_json(request)
        wrapped = _is_wrapped(request)
        return query_protocol.answer(
            operation, result, request_id, as_json=as_json, wrapped=wrapped
        )

    def _refusal(self, request: HttpRequest, error: SqsError, request_id: str) -> HttpResponse:
        if json_protocol.is_json(request):
            return json_protocol.refusal(error, request_id)
        as_json = query_protocol.wants_json(request)
        wrapped = _is_wrapped(request)
        return query_protocol.refusal(error, request_id, as_json=as_json, wrapped=wrapped)


def _is_wrapped(request: HttpRequest) -> bool:
    """Return whether JSON is to look like the XML, as at that endpoint of LocalStack."""
    return request.path.startswith(peeking.PATH)


def _inside() -> SqsError:
    """Return the error for a bug of the gateway."""
    return SqsError("InternalFailure", "An error inside the server.", 500, is_of_sender=False)


def _refuse_other_sites(request: HttpRequest) -> None:
    """Raise `SqsError` for a request that a page of another site had a browser send.

    Without signatures, any page that a person opens could purge a queue on their machine.
    """
    origin = request.headers.get("origin")
    is_foreign = origin is not None and not _LOOPBACK.fullmatch(origin)
    if is_foreign or request.headers.get("sec-fetch-site") == "cross-site":
        message = "Pages of other sites have no access without --credentials."
        raise SqsError("AccessDenied", message, 403)
