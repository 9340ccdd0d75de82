"""The table of operations and the check of signatures, beside those of botocore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs import signatures
from mq.serve.sqs.errors import SqsError
from mq.serve.sqs.operations import OPERATIONS, ListOf, MapOf, Shape, Structure

SECRETS = {"alice": "open sesame"}
KINDS = {"string": "string", "integer": "integer", "long": "integer", "blob": "blob"}


def shape_of(model: Any) -> Shape:
    """A shape of botocore as the table has it."""
    if model.type_name == "structure":
        members = {name: shape_of(member) for name, member in model.members.items()}
        return Structure(members, tuple(model.required_members))
    if model.type_name == "list":
        return ListOf(shape_of(model.member))
    if model.type_name == "map":
        return MapOf(shape_of(model.value))
    return KINDS[model.type_name]


def test_the_table_of_operations_is_that_of_the_service_model() -> None:
    service = ServiceModel(Loader().load_service_model("sqs", "service-2"))
    model = {
        name: shape_of(service.operation_model(name).input_shape)
        for name in service.operation_names
    }

    assert model == OPERATIONS


def signed(auth: Any, url: str, body: str = "") -> HttpRequest:
    """A request that botocore has signed."""
    request = AWSRequest("POST", url, headers={"Host": "x:9324", "X-Amz-Target": "T"}, data=body)
    auth(Credentials("alice", SECRETS["alice"]), "sqs", "eu-west-1").add_auth(request)
    sent = request.prepare()
    headers = {name.lower(): str(value) for name, value in sent.headers.items()}
    target = sent.url.partition("x:9324")[2]
    return HttpRequest("POST", target, headers, body.encode())


@pytest.mark.parametrize("url", ["http://x:9324/", "http://x:9324/0/a%20b?Action=X&A.1=%C3%A9&B="])
def test_a_signature_of_botocore_is_right(url: str) -> None:
    request = signed(SigV4Auth, url, '{"a":1}')

    assert signatures.check(request, SECRETS, datetime.now(UTC)) == "alice"


def test_a_presigned_url_is_right_until_its_time_is_over() -> None:
    request = signed(SigV4QueryAuth, "http://x:9324/0/jobs?Action=ReceiveMessage")
    request = request._replace(method="POST")

    assert signatures.check(request, SECRETS, datetime.now(UTC)) == "alice"
    with pytest.raises(SqsError, match="expired"):
        signatures.check(request, SECRETS, datetime.now(UTC) + timedelta(hours=2))


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"other"},
        {"target": "/?Action=PurgeQueue"},
        {"method": "GET"},
        {"headers": {"x-amz-target": "other"}},
    ],
)
def test_a_request_that_was_changed_is_refused(change: dict[str, Any]) -> None:
    request = signed(SigV4Auth, "http://x:9324/", "{}")
    if "headers" in change:
        change = {"headers": {**request.headers, **change["headers"]}}

    with pytest.raises(SqsError) as caught:
        signatures.check(request._replace(**change), SECRETS, datetime.now(UTC))

    assert (caught.value.code, caught.value.status) == ("SignatureDoesNotMatch", 403)


def test_an_old_request_is_refused() -> None:
    request = signed(SigV4Auth, "http://x:9324/", "{}")

    with pytest.raises(SqsError, match="expired"):
        signatures.check(request, SECRETS, datetime.now(UTC) + timedelta(minutes=16))


@pytest.mark.parametrize(
    "header",
    ["AWS4-HMAC-SHA256 Credential=alice", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Signature=a, b"],
)
def test_half_a_signature_is_incomplete(header: str) -> None:
    request = HttpRequest("POST", "/", {"authorization": header, "x-amz-date": "20260101T000000Z"})

    with pytest.raises(SqsError) as caught:
        signatures.check(request, SECRETS, datetime.now(UTC))

    assert caught.value.code == "IncompleteSignature"
