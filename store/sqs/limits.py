"""The limits of Amazon SQS, checked before a call: its own errors name neither line nor way out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from store.engine.features import Feature
from store.model.addresses import unquote_name
from store.model.errors import BadInput, Unsupported

FIFO_SUFFIX = ".fifo"
LONGEST_NAME = 80
LARGEST_MESSAGE = 1 << 20
LARGEST_BATCH = 1 << 20
MOST_IN_BATCH = 10
MOST_ATTRIBUTES = 10
LONGEST_ATTRIBUTE_NAME = 256
LONGEST_LEASE = 43_200
LONGEST_DELAY = 900
LONGEST_POLL = 20
LONGEST_ID = 128
DEDUP_SECONDS = 300
# The least and the most of each setting that is a number, in seconds, bytes or deliveries.
RANGES = {
    "lease": (0, LONGEST_LEASE),
    "delay": (0, LONGEST_DELAY),
    "retention": (60, 1_209_600),
    "wait": (0, LONGEST_POLL),
    "max_message": (1024, LARGEST_MESSAGE),
    "max_deliveries": (1, 1000),
}
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
_NOT_IN_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ID = re.compile(r"[!-~]{1,128}")


def check_name(name: str, prefix: str = "", *, fifo: bool | None = None) -> None:
    """Check a queue's name; raises `BadInput` with the name to take where SQS has no such name.

    `fifo` says whether it is one of a FIFO queue, whose names end in `.fifo`, and no others.
    """
    name = unquote_name(name)
    told = ""
    if not _NAME.fullmatch(name):
        told = "letters, digits, - and _ alone"
    elif len(prefix + name) > LONGEST_NAME:
        told = f"at most {LONGEST_NAME} characters" + (f" with {prefix}" if prefix else "")
    elif fifo is True and not name.endswith(FIFO_SUFFIX):
        told = "a FIFO queue's name ends in .fifo"
    elif fifo is False and name.endswith(FIFO_SUFFIX):
        raise BadInput(
            f"sqs has no standard queue {name}: only a FIFO queue's name ends in .fifo",
            hint=f"fifo, or the name {name.removesuffix(FIFO_SUFFIX)}",
        )
    if told:
        taken = name_to_take(name, prefix, fifo=fifo)
        raise BadInput(f"sqs has no queue name {name}: {told}", hint=f"take {taken}")


def name_to_take(name: str, prefix: str = "", *, fifo: bool | None = None) -> str:
    """Return the nearest name that SQS has."""
    suffix = FIFO_SUFFIX if fifo or (fifo is None and name.endswith(FIFO_SUFFIX)) else ""
    stem = _NOT_IN_NAME.sub("-", unquote_name(name).removesuffix(FIFO_SUFFIX))
    return stem[: LONGEST_NAME - len(prefix) - len(suffix)] + suffix


def check_number(setting: str, number: float) -> int:
    """Return a setting as SQS has it: a whole number, of seconds where it is a time, in range."""
    least, most = RANGES[setting]
    if number != int(number):
        raise BadInput(f"sqs has {setting} in whole seconds, not {number:g}s")
    if not least <= number <= most:
        raise BadInput(f"sqs has {setting} from {least:,} to {most:,}, not {int(number):,}")
    return int(number)


def check_text(value: bytes) -> str:
    """Return a value as text that SQS takes; raises `Unsupported` for one that it does not."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _no_text("the value is not UTF-8") from None
    if not text:
        raise _no_text("the value is empty, and a message has at least one character")
    if wrong := _NOT_IN_TEXT.search(text):
        raise _no_text(f"the value has U+{ord(wrong[0]):04X}, at {wrong.start()}")
    return text


def _no_text(why: str) -> Unsupported:
    word = Feature.BINARY.word
    return Unsupported(f"sqs has no {word}: {why}", "encode it: base64", word)


def check_attribute_text(name: str, text: str) -> str:
    """Return the text of an attribute; raises `BadInput` for characters that SQS does not take."""
    if wrong := _NOT_IN_TEXT.search(text):
        raise BadInput(f"sqs takes no character U+{ord(wrong[0]):04X} in header {name}")
    return text


def check_attribute_names(names: Mapping[str, object]) -> None:
    """Raise `BadInput` for headers that SQS does not take as attributes."""
    if len(names) > MOST_ATTRIBUTES:
        raise BadInput(
            f"sqs takes {MOST_ATTRIBUTES} attributes, and key, time and headers are {len(names)}",
            hint="put some into the value",
        )
    for name in names:
        if not _ATTRIBUTE_NAME.fullmatch(name) or len(name) > LONGEST_ATTRIBUTE_NAME:
            raise BadInput(
                f"sqs has no attribute {name!r}",
                hint=f"letters, digits, - _ and single dots, at most {LONGEST_ATTRIBUTE_NAME}",
            )
        if name.lower().startswith(("aws.", "amazon.")):
            raise BadInput(f"sqs keeps attribute {name} for itself", hint="name it otherwise")


def check_id(what: str, text: str) -> str:
    """Return a message group or a deduplication id; raises `BadInput` for one SQS does not take."""
    if not _ID.fullmatch(text):
        raise BadInput(f"sqs has {what}s of 1 to {LONGEST_ID} letters, digits and punctuation")
    return text


def check_seconds(what: str, seconds: float, most: int) -> int:
    """Return seconds as SQS has them: whole ones, rounded up, and at most so many."""
    rounded = -int(-seconds // 1)
    if not 0 <= rounded <= most:
        raise BadInput(f"sqs has a {what} of at most {most:,}s, not {seconds:,.0f}s")
    return rounded
