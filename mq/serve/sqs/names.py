"""Names of queues as SQS writes them: URLs and ARNs."""

from __future__ import annotations

import re
from urllib.parse import unquote

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs.errors import SqsError, bad_value

ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")


def queue_url(request: HttpRequest, name: str) -> str:
    """Return the URL of a queue at the address that the client uses."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "localhost"
    return f"http://{host}/{ACCOUNT}/{name}"


def queue_name(url: str) -> str:
    """Return the name in the URL of a queue, of any host and account, or a bare name.

    Raises `SqsError` for an empty one.
    """
    # Not by urlsplit, which refuses some hosts: any will do.
    path = url.partition("://")[2].partition("?")[0] if "://" in url else url
    name = unquote(path.rstrip("/").rpartition("/")[2])
    if not name:
        raise SqsError("InvalidAddress", f"The address {url} is not valid for this endpoint.", 404)
    return name


def queue_arn(region: str, name: str) -> str:
    """Return the ARN of a queue in a region."""
    partition = "aws"
    if region.startswith("cn-"):
        partition = "aws-cn"
    elif region.startswith("us-gov-"):
        partition = "aws-us-gov"
    return f"arn:{partition}:sqs:{region}:{ACCOUNT}:{name}"


def name_in_arn(arn: str, parameter: str) -> str:
    """Return the queue's name in an ARN; raises `SqsError` for another text."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "sqs" or not parts[5]:
        raise bad_value(
            f"You must use this format to specify the {parameter}: "
            "arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        )
    return parts[5]


def region_of(request: HttpRequest) -> str:
    """Return the region that a request is signed for, which is any."""
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    scope = found[1].split("/") if found else []
    region = scope[2] if len(scope) > 2 else ""
    return region if _REGION.fullmatch(region) else DEFAULT_REGION
