"""Labels of queues: tags of SQS as they are, and attributes that the store has no setting for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mq.serve.sqs.errors import bad_parameter, bad_value, missing

Labels = dict[str, str]

# A tag of this beginning would be taken for an attribute, and stands behind another one.
_OWN = "sqs."
_TAG = "sqs.tag."
_MODIFIED = "sqs.LastModifiedTimestamp"
_MOST_TAGS = 50


def tags(labels: Iterable[tuple[str, str]]) -> Labels:
    """Return the tags among the labels of a queue."""
    return {
        name.removeprefix(_TAG): value
        for name, value in labels
        if not name.startswith(_OWN) or name.startswith(_TAG)
    }


def attributes(labels: Iterable[tuple[str, str]]) -> Labels:
    """Return the attributes among the labels of a queue."""
    return {
        name.removeprefix(_OWN): value
        for name, value in labels
        if name.startswith(_OWN) and not name.startswith(_TAG)
    }


def modified(labels: Iterable[tuple[str, str]]) -> int | None:
    """Return when an attribute was set last, in Unix seconds; `None` for never."""
    text = dict(labels).get(_MODIFIED, "")
    return int(text) if text.isascii() and text.isdigit() else None


def with_attributes(
    labels: Iterable[tuple[str, str]], changes: Mapping[str, str], seconds: int | None
) -> Labels:
    """Return the labels with attributes that were set at this time; "" removes one.

    Those of a new queue have no time of their own.
    """
    changed = {**dict(labels), **{_OWN + name: value for name, value in changes.items()}}
    changed = {name: value for name, value in changed.items() if value}
    return changed if seconds is None else {**changed, _MODIFIED: str(seconds)}


def with_tags(queue: str, labels: Iterable[tuple[str, str]], changes: Mapping[str, str]) -> Labels:
    """Return the labels of a queue with more tags; raises `SqsError` for too many or bad ones."""
    if not changes:
        raise missing("Tags")
    for name, value in changes.items():
        if not 1 <= len(name) <= 128 or name.lower().startswith("aws:"):
            raise bad_parameter("Tag.Key", name, "A tag's key has 1 to 128 characters.")
        if len(value) > 256:
            raise bad_parameter("Tag.Value", value, "A tag's value has at most 256 characters.")
    tagged = {**dict(labels), **{_label(name): value for name, value in changes.items()}}
    if len(tags(tagged.items())) > _MOST_TAGS:
        raise bad_value(f"Too many tags added for queue {queue}.")
    return tagged


def without_tags(labels: Iterable[tuple[str, str]], names: Iterable[str]) -> Labels:
    """Return the labels without some tags."""
    gone = {_label(name) for name in names}
    return {name: value for name, value in labels if name not in gone}


def _label(tag: str) -> str:
    return f"{_TAG}{tag}" if tag.startswith(_OWN) else tag
