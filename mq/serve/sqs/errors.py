"""Errors as SQS tells them: a code for the query protocol, and a type for JSON."""

from __future__ import annotations

from store.model.errors import (
    BadInput,
    Conflict,
    MqError,
    NotFound,
    OutcomeUnknown,
    QueueFull,
    Throttled,
    Unavailable,
)

_LEGACY = "AWS.SimpleQueueService."
# The code of the query protocol, where it is another word than the type in JSON.
_CODES = {
    "QueueDoesNotExist": f"{_LEGACY}NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
    "UnsupportedOperation": f"{_LEGACY}UnsupportedOperation",
    **{
        name: _LEGACY + name
        for name in (
            "TooManyEntriesInBatchRequest",
            "EmptyBatchRequest",
            "BatchEntryIdsNotDistinct",
            "InvalidBatchEntryId",
            "BatchRequestTooLong",
            "QueueDeletedRecently",
            "PurgeQueueInProgress",
        )
    },
}


class SqsError(Exception):
    """A call is refused; `type` is its name in JSON, `code` the one in the query protocol."""

    def __init__(
        self, type: str, message: str, status: int = 400, *, is_of_sender: bool = True
    ) -> None:
        super().__init__(message)
        self.type = type
        self.code = _CODES.get(type, type)
        self.message = message
        self.status = status
        self.is_of_sender = is_of_sender


def no_queue() -> SqsError:
    """Return the error for a queue that does not exist."""
    return SqsError("QueueDoesNotExist", "The specified queue does not exist.")


def bad_value(message: str) -> SqsError:
    """Return the error for a parameter whose value can't be used."""
    return SqsError("InvalidParameterValueException", message)


def bad_parameter(name: str, value: object, reason: str) -> SqsError:
    """Return the error for a named parameter, in the words of SQS."""
    return bad_value(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def missing(name: str) -> SqsError:
    """Return the error for a parameter that has to be there."""
    return SqsError(
        "MissingRequiredParameterException", f"The request must contain the parameter {name}."
    )


def bad_attribute(name: str) -> SqsError:
    """Return the error for an attribute that a queue does not have."""
    return SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")


def bad_attribute_value(name: str) -> SqsError:
    """Return the error for an attribute of a queue whose value can't be used."""
    return SqsError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def no_resource(name: str) -> SqsError:
    """Return the error for an ARN that names no queue."""
    return SqsError(
        "ResourceNotFoundException",
        f"The resource that you specified for the {name} parameter doesn't exist.",
        404,
    )


def bad_receipt(receipt: str) -> SqsError:
    """Return the error for a receipt handle that was never issued."""
    return SqsError(
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{receipt}" is not a valid receipt handle.',
    )


def of_store(error: MqError) -> SqsError:
    """Return the error that a client of SQS gets for one of the store."""
    if isinstance(error, NotFound):
        return no_queue()
    if isinstance(error, QueueFull):
        return SqsError("OverLimit", error.message, 403)
    if isinstance(error, Throttled):
        return SqsError("RequestThrottled", error.message, 403)
    if isinstance(error, BadInput | Conflict):
        return bad_value(error.message)
    if isinstance(error, OutcomeUnknown):
        return SqsError("InternalError", error.message, 500, is_of_sender=False)
    if isinstance(error, Unavailable):
        # Clients repeat a call that ended so.
        return SqsError("ServiceUnavailable", error.message, 503, is_of_sender=False)
    return SqsError("InternalError", error.message, 500, is_of_sender=False)
