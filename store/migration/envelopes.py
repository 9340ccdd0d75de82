"""Headers and properties of a copy, with where it was.

A place without properties gets them as the text of a header, from which they come back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from store.engine.features import Feature, Features
from store.model.errors import BadInput
from store.model.header_values import all_from_plain, to_plain
from store.model.topics import NO_PROPERTIES, HeaderValue, Properties

PROPERTIES_HEADER = "mq-properties"


class CopyEnvelope(NamedTuple):
    """The headers and the properties of a copy."""

    headers: dict[str, HeaderValue]
    properties: Properties


def envelope(
    headers: Mapping[str, HeaderValue],
    properties: Properties,
    origin: Mapping[str, str],
    features: Features,
) -> CopyEnvelope:
    """Return the envelope of a copy; `origin` are the headers that say where it was."""
    before = dict(headers)
    kept = properties or _read(before.pop(PROPERTIES_HEADER, None))
    if not kept or not features.lacks(Feature.PROPERTIES):
        return CopyEnvelope({**before, **origin}, kept)
    text = json.dumps({name: to_plain("a property", value) for name, value in kept.items()})
    return CopyEnvelope({**before, **origin, PROPERTIES_HEADER: text}, NO_PROPERTIES)


def _read(text: HeaderValue) -> Properties:
    try:
        return all_from_plain(json.loads(text)) if isinstance(text, str) else NO_PROPERTIES
    except (ValueError, AttributeError, BadInput):
        return NO_PROPERTIES
