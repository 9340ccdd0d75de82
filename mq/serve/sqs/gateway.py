"""The gateway: a request in, an answer out, whatever happens between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mq.serve.http.messages import HttpRequest, HttpResponse
from mq.serve.sqs import json_protocol, query_protocol, queues, receiving, sending, settling
from mq.serve.sqs.errors import SqsError, bad_value, of_store
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import MqError

if TYPE_CHECKING:
    from store.aio import AsyncStore

Operation = Callable[[SqsService, Caller, Parameters], Awaitable[dict[str, Any] | None]]

OPERATIONS: dict[str, Operation] = {
    "ChangeMessageVisibility": settling.change_message_visibility,
    "ChangeMessageVisibilityBatch": settling.change_message_visibility_batch,
    "CreateQueue": queues.create_queue,
    "DeleteMessage": settling.delete_message,
    "DeleteMessageBatch": settling.delete_message_batch,
    "DeleteQueue": queues.delete_queue,
    "GetQueueAttributes": queues.get_queue_attributes,
    "GetQueueUrl": queues.get_queue_url,
    "ListDeadLetterSourceQueues": queues.list_dead_letter_source_queues,
    "ListQueues": queues.list_queues,
    "PurgeQueue": queues.purge_queue,
    "ReceiveMessage": receiving.receive_message,
    "SendMessage": sending.send_message,
    "SendMessageBatch": sending.send_message_batch,
    "SetQueueAttributes": queues.set_queue_attributes,
}


class SqsGateway:
    """SQS for one store."""

    def __init__(self, store: AsyncStore, tell: Callable[[str], None] | None = None) -> None:
        self._service = SqsService(store)
        self._tell = tell

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; errors are answers too."""
        request_id = str(uuid4())
        is_json = json_protocol.is_json(request)
        operation = "-"
        try:
            operation, parameters = (json_protocol if is_json else query_protocol).read(request)
            result = await self._call(operation, Caller.of(request, None), parameters)
        except SqsError as error:
            response = self._refusal(request, error, request_id, is_json=is_json)
        else:
            response = (
                json_protocol.answer(result, request_id)
                if is_json
                else query_protocol.answer(
                    operation, result, request_id, as_json=query_protocol.wants_json(request)
                )
            )
        if self._tell is not None:
            self._tell(f"{request.peer} {operation} {response.status}")
        return response

    async def _call(
        self, operation: str, caller: Caller, parameters: Parameters
    ) -> dict[str, Any] | None:
        function = OPERATIONS.get(operation)
        if function is None:
            raise SqsError("UnsupportedOperation", f"{operation} is not supported.")
        try:
            return await function(self._service, caller, parameters)
        except MqError as error:
            raise of_store(error) from error
        except UnicodeEncodeError as error:
            raise bad_value(f"The request has text that is not valid: {error.reason}.") from error

    def _refusal(
        self, request: HttpRequest, error: SqsError, request_id: str, *, is_json: bool
    ) -> HttpResponse:
        if is_json:
            return json_protocol.refusal(error, request_id)
        as_json = query_protocol.wants_json(request)
        return query_protocol.refusal(error, request_id, as_json=as_json)
