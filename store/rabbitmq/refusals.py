"""The things and settings that a server lacks, by their declaration alone: no client is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.engine.features import Feature
from store.model.errors import BadInput
from store.rabbitmq.settings import check_given, check_topic_setting
from store.topology.kinds import KINDS

if TYPE_CHECKING:
    from store.engine.features import Features
    from store.topology.model import Resource

_KINDS = {"group": Feature.GROUP_SETTINGS, "share": Feature.SHARES}


def refusal(features: Features, thing: Resource, setting: str | None) -> str | None:
    """Say why a thing, or a setting as a file gives it, can't be had here."""
    feature = _KINDS.get(thing.kind)
    if setting is None:
        return None if feature is None else features.refusal(feature).message
    if setting == "labels" and thing.settings.get("labels", "none") != "none":
        return features.refusal(Feature.LABELS).message
    if thing.kind not in {"queue", "topic"} or setting == "partitions":
        return None
    if setting not in thing.settings:
        return None
    value = KINDS[thing.kind].values({setting: thing.settings[setting]})[setting]
    try:
        if thing.kind == "topic":
            check_topic_setting(features, setting, value)
        else:
            check_given(features, {setting: value})
    except BadInput as error:
        return f"{error.message}: {error.hint}" if error.hint else error.message
    return None
