"""The questions: one table for the terminal, the options and the JSON file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.advice.workload import Control, Order, Routing, Workload, WorkloadOperations, check
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.nearest import did_you_mean
from store.model.text import parse_duration, parse_size

_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_SCALES = {"": 1, "k": 1e3, "M": 1e6}


@dataclass(frozen=True, slots=True)
class Question:
    """One answer that the advice rests on: how it is asked, read and written.

    `field` is its name in a file and, with dashes, its option. `assumed` is the value without an
    answer. A question that is not `asked` is another way to give an answer.
    """

    field: str
    text: str
    meaning: str
    form: str
    assumed: str
    read: Callable[[str], Any]
    asked: bool = True


def _yes(text: str) -> bool:
    words = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
    if (found := words.get(text.lower())) is None:
        raise BadInput(f"{text!r} is neither yes nor no")
    return found


def _choice(kind: type[StrEnum], **words: str) -> Callable[[str], Any]:
    known = {word: kind(word) for word in kind} | {word: kind(of) for word, of in words.items()}

    def read(text: str) -> Any:
        if (found := known.get(text.lower())) is None:
            raise BadInput(f"{text!r} is not one of {', '.join(kind)}")
        return found

    return read


def _per_message(text: str) -> frozenset[Control]:
    plain = {"no": "", "none": "", "false": "", "yes": "retry,uneven", "true": "retry,uneven"}
    words = plain.get(text.lower(), text)
    one = _choice(Control)
    return frozenset(one(word.strip()) for word in words.split(",") if word.strip())


def _readers(text: str) -> tuple[str, ...]:
    if text.isascii() and text.isdecimal():
        count = min(int(text[:4]), 1000)
        return ("worker",) if count == 1 else tuple(f"reader-{n + 1}" for n in range(count))
    if text.lower() in {"yes", "true", "no", "false"}:
        return _readers("2" if _yes(text) else "1")
    return tuple(check_name(name.strip()) for name in text.split(","))


def _number(text: str) -> float:
    try:
        return _scaled(text.strip("xX"))
    except ValueError:
        raise BadInput(f"{text!r} is not a number", hint="3, 1.5 or 2x") from None


def _rate(text: str) -> float:
    amount, _, per = text.partition("/")
    try:
        return _scaled(amount) / _SECONDS[per.strip() or "s"]
    except (ValueError, KeyError):
        raise BadInput(f"{text!r} is not a rate", hint="500, 500/s, 20k/min or 2M/d") from None


def _scaled(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([kM]?)", text.strip())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * _SCALES[found[2]]


def _share(text: str) -> float:
    whole, percent, _ = text.partition("%")
    return _number(whole) / (100 if percent else 1)


def _keys(text: str) -> int | None:
    return None if text.lower() in {"unknown", "many"} else int(_number(text))


def _processing(text: str) -> float:
    duration = parse_duration(text)
    if duration <= 0:
        raise BadInput("a message takes some time", hint="1ms, or say how many a consumer does")
    return 1000 / duration


QUESTIONS = (
    Question(
        "name", "What are the messages called?", "It names what will be created.",
        "NAME", "events", check_name,
    ),
    Question(
        "replay", "Must a reader be able to go back, or a new one begin at the start?",
        "yes: a message stays after it was read. no: a reader that is done with it may delete it.",
        "yes|no", "no", _yes,
    ),
    Question(
        "readers", "How many independent readers are there?",
        "Each gets every message, such as billing and search. Workers that share the work are one.",
        "N|NAME,…", "1", _readers,
    ),
    Question(
        "source_of_truth", "Is the history itself the record of what happened?",
        "yes: balances or states are computed from it, so it is never thrown away.",
        "yes|no", "no", _yes,
    ),
    Question(
        "latest_only", "Is the newest value of each key all that a late reader needs?",
        "yes: older values of a key may go, as with presence, prices or cached rows.",
        "yes|no", "no", _yes,
    ),
    Question(
        "per_message", "What does a single message need, apart from its neighbours?",
        "retry: its own retries. uneven: workers that take what they can. delay: its own time."
        " priority: urgent ones first. yes: retry and uneven.",
        "none|yes|retry,uneven,delay,priority", "none", _per_message,
    ),
    Question(
        "routing", "Must the broker choose the readers by what a message is?",
        "key: by patterns such as order.eu.*. headers: by its attributes.",
        "none|key|headers", "none",
        _choice(Routing, no="none", false="none", yes="key", true="key", pattern="key",
                content="headers"),
    ),
    Question(
        "order", "Over what must the order hold?",
        "key: for each account, device or order. all: over everything, one at a time.",
        "none|key|all", "none",
        _choice(Order, no="none", false="none", yes="key", true="key", everything="all",
                total="all"),
    ),
    Question(
        "survive_machine_loss", "Must it survive the loss of a machine?",
        "yes: a confirmed message may not depend on one disk.", "yes|no", "no", _yes,
    ),
    Question(
        "operations", "How much running of servers do you want?",
        "none: a provider does. some: one broker that you know. team: people for a cluster.",
        "none|some|team", "some", _choice(WorkloadOperations, low="none", high="team"),
    ),
    Question(
        "peak_rate", "How many messages come at the peak?", "In the busiest minute, today.",
        "N/s", "10/s", _rate,
    ),
    Question(
        "processing", "How long does one message take one consumer?",
        "All of the work, waiting for others included.", "DURATION", "10ms", _processing,
    ),
    Question(
        "consumer_rate", "How many messages does one consumer do?",
        "Another way to say how long one takes.", "N/s", "100/s", _rate, asked=False,
    ),
    Question(
        "message_size", "How large is a message?", "The usual one, not the largest.",
        "SIZE", "1KiB", parse_size,
    ),
    Question(
        "growth", "By what will the peak grow before you build anew?",
        "3 for three times as much in the next years.", "FACTOR", "2", _number,
    ),
    Question(
        "keys", "How many different keys must keep their order?",
        "Accounts, devices, orders that are alive at once.", "N|unknown", "unknown", _keys,
    ),
    Question(
        "hottest_share", "What share of the messages has the busiest key?",
        "One key can't be spread over consumers.", "PERCENT", "unknown",
        lambda text: None if text == "unknown" else _share(text),
    ),
    Question(
        "latency", "How old may a message be when it is done?", "At the peak, when all is well.",
        "DURATION|any", "any", lambda text: None if text == "any" else parse_duration(text),
    ),
    Question(
        "retention", "How far back must a reader be able to go?", "Only where messages are kept.",
        "DURATION|default", "default",
        lambda text: None if text == "default" else parse_duration(text),
    ),
    Question(
        "outage", "How long an outage of the consumers must it make up for?",
        "A bad deployment, a database that is down.",
        "DURATION", "1h", parse_duration,
    ),
    Question(
        "catch_up", "Within what time must they be level again?", "While new messages keep coming.",
        "DURATION", "2h", parse_duration,
    ),
)  # fmt: skip
_BY_FIELD = {question.field: question for question in QUESTIONS}
_SAME_ANSWER = {"processing": "consumer_rate"}


def read_workload(answers: Mapping[str, Any]) -> Workload:
    """Read a workload from answers as text or as JSON; missing answers are assumed.

    Raises `BadInput` for an unknown question, an unreadable answer, and contradictions.
    """
    given: dict[str, Any] = {}
    for field, answer in answers.items():
        if answer is None:
            continue
        name = field.replace("-", "_")
        value = read_answer(_question(name), _text(answer))
        target = _SAME_ANSWER.get(name, name)
        if target in given and abs(given[target] - value) > 0.01 * value:
            raise BadInput(
                "processing and consumer_rate contradict each other",
                hint="give one of them: 20ms each is 50/s",
            )
        given[target] = value
    workload = Workload(**given)
    check(workload)
    return workload


def read_answer(question: Question, text: str) -> Any:
    """Read one answer; raises `BadInput` naming the question and its form."""
    try:
        return question.read(text.strip())
    except BadInput as error:
        raise BadInput(
            f"{question.field}: {error.message}", hint=error.hint or question.form
        ) from None


def assumed(answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the questions without an answer, given in this or another form."""
    given = {field.replace("-", "_") for field, answer in answers.items() if answer is not None}
    if "consumer_rate" in given:
        given.add("processing")
    return tuple(one.field for one in QUESTIONS if one.asked and one.field not in given)


def _question(name: str) -> Question:
    if name in _BY_FIELD:
        return _BY_FIELD[name]
    hint = did_you_mean(name, _BY_FIELD, f"one of {', '.join(_BY_FIELD)}")
    raise BadInput(f"there is no question {name!r}", hint=hint)


def _text(answer: Any) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, list):
        return ",".join(map(_text, answer))
    if isinstance(answer, int | float | str):
        return str(answer)
    raise BadInput(f"an answer is a text, a number, yes or no, or a list of texts: not {answer!r}")
