"""Operations on queues: create, find, list, change, purge, delete."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from mq.serve.sqs import labels, queue_attributes
from mq.serve.sqs.directory import NamedQueue
from mq.serve.sqs.errors import SqsError, bad_parameter, bad_value, no_queue
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import Exists, NotFound

Result = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_SUFFIX = ".fifo"
_MOST_RESULTS = 1_000


async def create_queue(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Create a queue; one that exists is returned if the given attributes are its own."""
    name = given["QueueName"]
    attributes = {key: text for key, text in given.get("Attributes", {}).items() if text or key}
    fifo = attributes.get("FifoQueue", "").lower() == "true"
    _check_name(name, fifo=fifo)
    wanted = queue_attributes.read(attributes, fifo=fifo, is_new=True)
    present = await service.queues.find(name)
    if present is None:
        await _check_dead_letter_queue(service, name, attributes, wanted.settings, fifo=fifo)
        try:
            await service.store.create_queue(name, **_as_created(given, wanted, fifo=fifo))
        except Exists as error:
            service.queues.forget(name)
            present = await service.queues.find(name)
            if present is None:
                raise SqsError("QueueNameExists", error.message) from None
        else:
            service.queues.forget(name)
            return {"QueueUrl": caller.url(name)}
    _check_agreement(caller, present, attributes)
    return {"QueueUrl": caller.url(name)}


def _as_created(
    given: Parameters, wanted: queue_attributes.Settings, *, fifo: bool
) -> dict[str, Any]:
    """Return the settings of a new queue."""
    settings = dict(wanted.settings)
    if fifo:
        settings = {"fifo": True, "dedup": queue_attributes.FIFO_DEDUPLICATION, **settings}
    kept: dict[str, str] = {}
    if wanted.labels:
        kept = labels.with_attributes((), wanted.labels, None)
    if tags := given.get("tags"):
        kept = labels.with_tags(given["QueueName"], kept.items(), tags)
    return {**settings, "labels": kept} if kept else settings


def _check_name(name: str, *, fifo: bool) -> None:
    if fifo and not name.endswith(_FIFO_SUFFIX):
        raise bad_value(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
            "underscores, must end with .fifo suffix and be 1 to 80 in length."
        )
    base = name.removesuffix(_FIFO_SUFFIX) if fifo else name
    if not _NAME.fullmatch(base) or len(name) > 80:
        raise bad_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def _check_agreement(caller: Caller, queue: NamedQueue, attributes: dict[str, str]) -> None:
    fifo = queue.config.fifo
    kept = labels.attributes(queue.config.labels)
    present = queue_attributes.settable(queue.config, kept, caller.arn)
    wants_fifo = attributes.get("FifoQueue", "").lower() == "true"
    different = "FifoQueue" if wants_fifo != fifo and attributes else None
    if different is None:
        different = queue_attributes.first_difference(attributes, present, fifo=fifo)
    if different is not None:
        raise SqsError(
            "QueueNameExists",
            "A queue already exists with the same name and a different value for attribute "
            f"{different}",
        )


async def _check_dead_letter_queue(
    service: SqsService, name: str, attributes: dict[str, str], settings: Result, *, fifo: bool
) -> None:
    """Raise `SqsError` unless the wanted DLQ exists, is of the same type, and lets this one in."""
    dlq = settings.get("dlq")
    if dlq is None:
        return

    def refused(reason: str) -> SqsError:
        return bad_parameter("RedrivePolicy", attributes["RedrivePolicy"], reason)

    target = await service.queues.find(dlq)
    if target is None:
        raise refused("Dead letter target does not exist.")
    if target.config.fifo != fifo:
        raise refused("Dead-letter queue must be same type of queue as the source.")
    if dlq == name:
        raise refused("Dead-letter queue and source queue can't be the same.")
    allowed = target.config.redrive_allow
    if allowed != "all" and name not in allowed.split(","):
        raise refused("The dead-letter queue's redrive allow policy does not permit this source.")


async def get_queue_url(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Return the URL of a queue by its name."""
    queue = await service.queues.named(given["QueueName"])
    return {"QueueUrl": caller.url(queue.name)}


async def list_queues(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """List URLs of queues by name, those with a prefix, in pages if `MaxResults` is given."""
    size = _page_size(given)
    after = _after(given.get("NextToken"))
    # One more tells whether there is a next page.
    names = await service.store.queue_names(given.get("QueueNamePrefix", ""), after, size + 1)
    return _page(caller, names, given, "QueueUrls")


async def list_dead_letter_source_queues(
    service: SqsService, caller: Caller, given: Parameters
) -> Result:
    """List URLs of the queues whose DLQ this one is."""
    queue = await service.queues.at(given["QueueUrl"])
    after = _after(given.get("NextToken")) or ""
    names = [
        each.name
        for each in await service.store.queues()
        if each.config.dlq == queue.name and each.name > after
    ]
    return {"queueUrls": [], **_page(caller, names, given, "queueUrls")}


def _page_size(given: Parameters) -> int:
    size = given.get("MaxResults", _MOST_RESULTS)
    if not 1 <= size <= _MOST_RESULTS:
        raise bad_parameter("MaxResults", size, "Must be between 1 and 1000, if provided.")
    return int(size)


def _page(caller: Caller, names: list[str], given: Parameters, field: str) -> Result:
    """Return the first of the names as URLs; a token for the rest, if pages were asked for."""
    chosen = names[: _page_size(given)]
    page: Result = {field: [caller.url(name) for name in chosen]} if chosen else {}
    if "MaxResults" in given and len(names) > len(chosen):
        page["NextToken"] = base64.b64encode(chosen[-1].encode()).decode()
    return page


def _after(token: str | None) -> str | None:
    if not token:
        return None
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        raise bad_value("Invalid or expired next token.") from None


async def get_queue_attributes(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Return the attributes asked for, as text."""
    queue = await service.queues.at(given["QueueUrl"])
    names = given.get("AttributeNames", [])
    queue_attributes.check_asked(names)
    if not names:
        return {}
    try:
        status = await service.store.queue(queue.name)
    except NotFound:
        raise no_queue() from None
    own = status.config.labels
    attributes = queue_attributes.told(status, labels.modified(own), caller.arn)
    attributes |= queue_attributes.settable(status.config, labels.attributes(own), caller.arn)
    if "All" not in names:
        attributes = {name: attributes[name] for name in names if name in attributes}
    return {"Attributes": attributes} if attributes else {}


async def set_queue_attributes(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Change attributes; messages stay."""
    queue = await service.queues.at(given["QueueUrl"])
    attributes = given["Attributes"]
    fifo = queue.config.fifo
    wanted = queue_attributes.read(attributes, fifo=fifo, is_new=False)
    await _check_dead_letter_queue(service, queue.name, attributes, wanted.settings, fifo=fifo)
    queue_attributes.check_encryption(wanted, labels.attributes(queue.config.labels))
    if attributes:
        seconds = service.store.clock.wall() // 1000
        kept = labels.with_attributes(queue.config.labels, wanted.labels, seconds)
        await service.store.alter_queue(queue.name, **wanted.settings, labels=kept)
    service.queues.forget(queue.name)


async def purge_queue(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Remove all messages, leased and delayed ones too; without the pause that Amazon wants."""
    queue = await service.queues.at(given["QueueUrl"])
    await service.store.purge_queue(queue.name)


async def delete_queue(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Delete a queue with its messages; its name is free at once."""
    queue = await service.queues.at(given["QueueUrl"])
    service.queues.forget(queue.name)
    await service.store.delete_queue(queue.name)
    service.queues.forget(queue.name)
