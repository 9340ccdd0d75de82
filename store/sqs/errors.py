"""Errors of SQS, and of the way to it, as those of the house."""

from __future__ import annotations

from botocore import exceptions as botocore

from store.engine.places import Place
from store.model.errors import (
    BadInput,
    Conflict,
    Denied,
    Exists,
    Hint,
    LeaseLost,
    MqError,
    NotFound,
    OutcomeUnknown,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)

_CREDENTIALS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.TokenRetrievalError,
    botocore.ProfileNotFound,
    botocore.ConfigParseError,
    botocore.SSOError,
)
# Before the connection stands nothing can have been done.
_NOT_SENT = (
    botocore.EndpointConnectionError,
    botocore.ConnectTimeoutError,
    botocore.ProxyConnectionError,
    botocore.SSLError,
)
_PREFIX = "AWS.SimpleQueueService."
_THROTTLED = {
    "OverLimit", "RequestThrottled", "Throttling", "ThrottlingException", "RequestLimitExceeded",
    "TooManyRequestsException", "PurgeQueueInProgress", "KmsThrottled", "SlowDown",
}  # fmt: skip
_DENIED = {
    "AccessDenied", "AccessDeniedException", "KmsAccessDenied", "InvalidClientTokenId",
    "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidAccessKeyId",
    "MissingAuthenticationToken", "ExpiredToken", "ExpiredTokenException", "InvalidSecurity",
    "OptInRequired", "AuthFailure", "IncompleteSignature", "InvalidSignatureException",
}  # fmt: skip
_BAD_INPUT = {
    "InvalidParameterValue", "InvalidAttributeValue", "InvalidAttributeName", "MissingParameter",
    "InvalidMessageContents", "BatchRequestTooLong", "BatchEntryIdsNotDistinct",
    "InvalidBatchEntryId", "TooManyEntriesInBatchRequest", "EmptyBatchRequest", "InvalidAddress",
    "UnsupportedOperation", "InvalidIdFormat", "InvalidParameterCombination", "ValidationError",
    "KmsInvalidState",
}  # fmt: skip
# An InvalidParameterValue that is about a receipt, in the words of the service.
_LOST = ("expired", "not available for visibility timeout change", "does not exist or is not")


class NotAnswered(Unavailable):
    """The service got the request, or may have, and gave no answer that says what it did."""


class Moving(Conflict):
    """Messages of the dead-letter queue are being moved already."""


def as_ours(error: Exception, place: Place, subject: str, action: str) -> MqError:
    """Return an error of a call; `action` is that of IAM, as `SendMessage`."""
    if isinstance(error, botocore.ClientError):
        return _answered(error, place, subject, action)
    if isinstance(error, _CREDENTIALS):
        return BadInput(
            f"AWS has no credentials for {place.name}: {_line(error)}",
            hint="aws configure, $AWS_PROFILE or $AWS_ACCESS_KEY_ID, as for the AWS CLI",
        )
    if isinstance(error, botocore.ParamValidationError | botocore.InvalidRegionError):
        return BadInput(f"{subject}: {_line(error)}")
    if isinstance(error, botocore.ReadTimeoutError):
        return NotAnswered(
            f"{place.name} did not answer in time", hint=Hint("wait longer with {timeout}")
        )
    if isinstance(error, botocore.ConnectTimeoutError):
        return TimedOut(
            f"{place.name} can't be reached in time", hint=Hint("wait longer with {timeout}")
        )
    if isinstance(error, _NOT_SENT):
        return Unreachable(
            f"{place.name} can't be reached: {_line(error)}",
            hint="is the region right, and the endpoint, if there is one?",
        )
    return NotAnswered(f"the connection to {place.name} ended: {_line(error)}")


def of_entry(code: str, message: str, place: Place, subject: str, action: str) -> MqError:
    """Return the error of one entry of a batch."""
    return _by_code(code.removeprefix(_PREFIX), _one_line(message), place, subject, action, 400)


def missing(subject: str) -> NotFound:
    """Return the error for a queue that does not exist, with the way to create it."""
    from store.model.actions import create

    name = subject.partition(" ")[2]
    return NotFound(f"{subject} does not exist", Hint("{}", create("queue", name)))


def unknown(error: MqError, told: str) -> OutcomeUnknown:
    """Return the error of a send that got no answer."""
    return OutcomeUnknown(
        f"{error.message}; {told}", hint="send them again, if storing them twice does no harm"
    )


def _answered(error: botocore.ClientError, place: Place, subject: str, action: str) -> MqError:
    told = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    code = str(told.get("QueryErrorCode") or told.get("Code") or "").removeprefix(_PREFIX)
    return _by_code(code, _one_line(told.get("Message") or code), place, subject, action, status)


def _by_code(
    code: str, message: str, place: Place, subject: str, action: str, status: int
) -> MqError:
    if code in {"QueueDoesNotExist", "NonExistentQueue"}:
        return missing(subject)
    if code == "ResourceNotFoundException":
        return NotFound(f"{subject}: {message}")
    if code in {"QueueNameExists", "QueueAlreadyExists"}:
        return Exists(f"{subject} exists with other settings: {message}")
    if code == "QueueDeletedRecently":
        return Unavailable(
            f"{subject} was deleted less than 60 s ago, and its name is not free yet",
            hint="try again in a minute",
        )
    if code == "PurgeQueueInProgress":
        return Throttled(f"{subject} was purged less than 60 s ago", hint="try again in a minute")
    if code in _THROTTLED:
        return Throttled(f"{place.name} takes no more calls at the moment: {message}")
    if code in _DENIED:
        return Denied(f"{place.name} refuses {action} on {subject}: {message}", _permission(action))
    if code in {"ReceiptHandleIsInvalid", "MessageNotInflight"} or _is_lost(code, message):
        return LeaseLost(f"{subject}: {message}")
    if code in _BAD_INPUT or (400 <= status < 500 and code):
        return BadInput(f"{subject}: {message}")
    return NotAnswered(f"{place.name} answers {action} on {subject} with {status} {code}")


def _is_lost(code: str, message: str) -> bool:
    lower = message.lower()
    return code == "InvalidParameterValue" and any(words in lower for words in _LOST)


def _permission(action: str) -> str:
    return f"its policy must allow sqs:{action.removesuffix('Batch')}; aws sts get-caller-identity"


def _line(error: Exception) -> str:
    return _one_line(str(error))


def _one_line(text: str) -> str:
    return " ".join(text.split())
