"""The base of each group of calls: the client, the queues' URLs, and the features."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import time
from typing import Any

from store.engine.features import Features
from store.engine.places import Place
from store.model.addresses import quote_name, unquote_name
from store.model.errors import MqError, NotFound
from store.sqs import limits
from store.sqs.client import Client
from store.sqs.errors import of_entry
from store.sqs.features import features
from store.sqs.messages import QueueType

Entry = dict[str, Any]
FIRST_RETRY = 1.0


class Account:
    """The queues of an account in one region, of which every group of calls has a part.

    With a prefix only the queues whose names begin with it, which is left out of them here.
    """

    def __init__(self, place: Place, timeout: float, tell: Callable[[str], None]) -> None:
        self._place = place
        self._tell = tell
        self._client = Client(place, timeout)
        self._prefix = place.option("prefix", "")
        self._urls: dict[str, str] = {}
        self._leases: dict[str, int] = {}
        self._types: dict[str, QueueType] = {}
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._retry_pause = FIRST_RETRY
        self._arn_of_account = ""

    @property
    def features(self) -> Features:
        """The features of SQS."""
        return features()

    def wall(self) -> int:
        """Return this machine's wall clock in Unix milliseconds; that of the service is unknown."""
        return round(time() * 1000)

    def _url(self, queue: str) -> str:
        """Return the URL of a queue; raises `NotFound`, and `BadInput` for what is no name."""
        if queue not in self._urls:
            limits.check_name(queue, self._prefix)
            answer = self._client.call(
                "get_queue_url", f"queue {queue}", QueueName=self._theirs(queue)
            )
            self._urls[queue] = answer["QueueUrl"]
        return self._urls[queue]

    def _queue_call(
        self, operation: str, queue: str, *, repeatable: bool = True, **parameters: Any
    ) -> dict[str, Any]:
        """Make a call about one queue."""
        try:
            return self._client.call(
                operation, f"queue {queue}", repeatable=repeatable,
                QueueUrl=self._url(queue), **parameters,
            )  # fmt: skip
        except NotFound:
            self._urls.pop(queue, None)
            raise

    def _attributes(self, queue: str) -> dict[str, str]:
        """Return all that the service tells of a queue, its counts included."""
        answer = self._queue_call("get_queue_attributes", queue, AttributeNames=["All"])
        attributes: dict[str, str] = answer.get("Attributes") or {}
        self._leases[queue] = int(attributes.get("VisibilityTimeout", 30))
        return attributes

    def _names(self) -> list[str]:
        """Return the names of all queues, by pages of 1,000; their URLs are known from then on."""
        given = {"QueueNamePrefix": self._prefix} if self._prefix else {}
        listed = self._client.pages(
            "list_queues", "the list of queues", "QueueUrls", MaxResults=1000, **given
        )
        urls = {self._ours(url.rpartition("/")[2]): url for url in listed}
        self._urls |= urls
        return sorted(urls)

    def _name_of(self, arn: str) -> str:
        """Return the name of the queue of an ARN, without the prefix."""
        return self._ours(arn.rpartition(":")[2])

    def _theirs(self, name: str) -> str:
        return self._prefix + unquote_name(name)

    def _ours(self, name: str) -> str:
        """Return a queue's name without the prefix; a - that begins it is quoted."""
        return quote_name(name.removeprefix(self._prefix))

    def _entries(self, operation: str, queue: str, entries: Sequence[Entry]) -> dict[str, MqError]:
        """Make a call for each ten entries, which may be repeated; return what failed, by id."""
        failures: dict[str, MqError] = {}
        for start in range(0, len(entries), limits.MOST_IN_BATCH):
            part = list(entries[start : start + limits.MOST_IN_BATCH])
            answer = self._queue_call(operation, queue, Entries=part)
            failures |= {
                entry["Id"]: self._failure(entry, queue, operation)
                for entry in answer.get("Failed") or ()
            }
        return failures

    def _failure(self, entry: Entry, queue: str, operation: str) -> MqError:
        action = "".join(map(str.capitalize, operation.split("_")))
        message = entry.get("Message") or entry["Code"]
        return of_entry(entry["Code"], message, self._place, f"queue {queue}", action)
