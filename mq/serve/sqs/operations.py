"""The operations of SQS and the shapes of their requests.

Written from the service model that botocore carries (`service-2.json` of sqs), and compared with it
in a test; nothing of botocore is loaded here.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Shape: TypeAlias = "str | ListOf | MapOf | Structure"


class ListOf(NamedTuple):
    """A list of one shape."""

    member: Shape


class MapOf(NamedTuple):
    """A map from text to one shape."""

    value: Shape


class Structure(NamedTuple):
    """Named members, and the names of those that a request must have."""

    members: dict[str, Shape]
    required: tuple[str, ...] = ()


_CHANGE_MESSAGE_VISIBILITY_BATCH_REQUEST_ENTRY = Structure(
    {"Id": "string", "ReceiptHandle": "string", "VisibilityTimeout": "integer"},
    ("Id", "ReceiptHandle"),
)
_DELETE_MESSAGE_BATCH_REQUEST_ENTRY = Structure(
    {"Id": "string", "ReceiptHandle": "string"}, ("Id", "ReceiptHandle")
)
_MESSAGE_ATTRIBUTE_VALUE = Structure(
    {
        "StringValue": "string",
        "BinaryValue": "blob",
        "StringListValues": ListOf("string"),
        "BinaryListValues": ListOf("blob"),
        "DataType": "string",
    },
    ("DataType",),
)
_MESSAGE_SYSTEM_ATTRIBUTE_VALUE = Structure(
    {
        "StringValue": "string",
        "BinaryValue": "blob",
        "StringListValues": ListOf("string"),
        "BinaryListValues": ListOf("blob"),
        "DataType": "string",
    },
    ("DataType",),
)
_SEND_MESSAGE_BATCH_REQUEST_ENTRY = Structure(
    {
        "Id": "string",
        "MessageBody": "string",
        "DelaySeconds": "integer",
        "MessageAttributes": MapOf(_MESSAGE_ATTRIBUTE_VALUE),
        "MessageSystemAttributes": MapOf(_MESSAGE_SYSTEM_ATTRIBUTE_VALUE),
        "MessageDeduplicationId": "string",
        "MessageGroupId": "string",
    },
    ("Id", "MessageBody"),
)
OPERATIONS = {
    "AddPermission": Structure(
        {
            "QueueUrl": "string",
            "Label": "string",
            "AWSAccountIds": ListOf("string"),
            "Actions": ListOf("string"),
        },
        ("QueueUrl", "Label", "AWSAccountIds", "Actions"),
    ),
    "CancelMessageMoveTask": Structure({"TaskHandle": "string"}, ("TaskHandle",)),
    "ChangeMessageVisibility": Structure(
        {"QueueUrl": "string", "ReceiptHandle": "string", "VisibilityTimeout": "integer"},
        ("QueueUrl", "ReceiptHandle", "VisibilityTimeout"),
    ),
    "ChangeMessageVisibilityBatch": Structure(
        {"QueueUrl": "string", "Entries": ListOf(_CHANGE_MESSAGE_VISIBILITY_BATCH_REQUEST_ENTRY)},
        ("QueueUrl", "Entries"),
    ),
    "CreateQueue": Structure(
        {"QueueName": "string", "Attributes": MapOf("string"), "tags": MapOf("string")},
        ("QueueName",),
    ),
    "DeleteMessage": Structure(
        {"QueueUrl": "string", "ReceiptHandle": "string"}, ("QueueUrl", "ReceiptHandle")
    ),
    "DeleteMessageBatch": Structure(
        {"QueueUrl": "string", "Entries": ListOf(_DELETE_MESSAGE_BATCH_REQUEST_ENTRY)},
        ("QueueUrl", "Entries"),
    ),
    "DeleteQueue": Structure({"QueueUrl": "string"}, ("QueueUrl",)),
    "GetQueueAttributes": Structure(
        {"QueueUrl": "string", "AttributeNames": ListOf("string")}, ("QueueUrl",)
    ),
    "GetQueueUrl": Structure(
        {"QueueName": "string", "QueueOwnerAWSAccountId": "string"}, ("QueueName",)
    ),
    "ListDeadLetterSourceQueues": Structure(
        {"QueueUrl": "string", "NextToken": "string", "MaxResults": "integer"}, ("QueueUrl",)
    ),
    "ListMessageMoveTasks": Structure(
        {"SourceArn": "string", "MaxResults": "integer"}, ("SourceArn",)
    ),
    "ListQueueTags": Structure({"QueueUrl": "string"}, ("QueueUrl",)),
    "ListQueues": Structure(
        {"QueueNamePrefix": "string", "NextToken": "string", "MaxResults": "integer"}, ()
    ),
    "PurgeQueue": Structure({"QueueUrl": "string"}, ("QueueUrl",)),
    "ReceiveMessage": Structure(
        {
            "QueueUrl": "string",
            "AttributeNames": ListOf("string"),
            "MessageSystemAttributeNames": ListOf("string"),
            "MessageAttributeNames": ListOf("string"),
            "MaxNumberOfMessages": "integer",
            "VisibilityTimeout": "integer",
            "WaitTimeSeconds": "integer",
            "ReceiveRequestAttemptId": "string",
        },
        ("QueueUrl",),
    ),
    "RemovePermission": Structure({"QueueUrl": "string", "Label": "string"}, ("QueueUrl", "Label")),
    "SendMessage": Structure(
        {
            "QueueUrl": "string",
            "MessageBody": "string",
            "DelaySeconds": "integer",
            "MessageAttributes": MapOf(_MESSAGE_ATTRIBUTE_VALUE),
            "MessageSystemAttributes": MapOf(_MESSAGE_SYSTEM_ATTRIBUTE_VALUE),
            "MessageDeduplicationId": "string",
            "MessageGroupId": "string",
        },
        ("QueueUrl", "MessageBody"),
    ),
    "SendMessageBatch": Structure(
        {"QueueUrl": "string", "Entries": ListOf(_SEND_MESSAGE_BATCH_REQUEST_ENTRY)},
        ("QueueUrl", "Entries"),
    ),
    "SetQueueAttributes": Structure(
        {"QueueUrl": "string", "Attributes": MapOf("string")}, ("QueueUrl", "Attributes")
    ),
    "StartMessageMoveTask": Structure(
        {
            "SourceArn": "string",
            "DestinationArn": "string",
            "MaxNumberOfMessagesPerSecond": "integer",
        },
        ("SourceArn",),
    ),
    "TagQueue": Structure({"QueueUrl": "string", "Tags": MapOf("string")}, ("QueueUrl", "Tags")),
    "UntagQueue": Structure(
        {"QueueUrl": "string", "TagKeys": ListOf("string")}, ("QueueUrl", "TagKeys")
    ),
}
