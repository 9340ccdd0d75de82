"""Times as people say them: `yesterday`, `09:00`, `last tuesday 14:00`, in the local zone."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from store.model.errors import BadInput

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = r"today|yesterday|tomorrow|(?:last )?(?:" + "|".join(
    f"{day}|{day[:3]}" for day in _WEEKDAYS
) + ")"  # fmt: skip
_CLOCK = r"([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2}))?)?([ap]m)?"
_FORM = re.compile(rf"(?:({_DAY})(?: (?:at )?(?={_CLOCK}$)|$))?(?:{_CLOCK})?")


def is_everyday_time(word: str) -> bool:
    """Return whether a word begins as such a time does."""
    words = " ".join(word.lower().split())
    return re.match(rf"(?:{_DAY})\b|now$|[0-9]{{1,2}}(?::|[ap]m)", words) is not None


def parse_everyday_time(text: str, now: int) -> int:
    """Read such a time as Unix milliseconds; `now`, also milliseconds, says which day it is.

    A day alone is its midnight and a time alone is today's, as in systemd.time(7). A weekday is
    the latest one, today included; with `last` it lies before today. Raises BadInput.
    """
    words = " ".join(text.lower().split())
    if words == "now":
        return now
    form = _FORM.fullmatch(words)
    if form is None or not words:
        raise BadInput(
            f"{text!r} is not a time",
            hint="write it as yesterday, 09:00, tuesday 14:00 or last tuesday 14:00",
        )
    today = datetime.fromtimestamp(now / 1000).date()
    day = _day(form[1], today) if form[1] else today
    moment = datetime.combine(day, _clock(text, form.groups()[-4:]))
    return int(moment.astimezone().timestamp() * 1000)


def _day(word: str, today: date) -> date:
    near = {"today": 0, "yesterday": 1, "tomorrow": -1}
    if word in near:
        return today - timedelta(days=near[word])
    name = word.removeprefix("last ")
    weekday = next(n for n, day in enumerate(_WEEKDAYS) if day.startswith(name))
    back = (today.weekday() - weekday) % 7
    return today - timedelta(days=back or (7 if word != name else 0))


def _clock(text: str, parts: tuple[str | None, ...]) -> time:
    hour, minute, second, half = parts
    if hour is None:
        return time()
    number = int(hour)
    if half is not None and 1 <= number <= 12:
        number = number % 12 + (12 if half == "pm" else 0)
    elif half is not None or minute is None:
        raise BadInput(f"{text!r} has no time of day", hint="write it as 09:00 or 9am")
    try:
        return time(number, int(minute or 0), int(second or 0))
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time: {error}") from None
