"""Calls of SQS by botocore: bounded in time, and repeated only where that does no harm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import random
from threading import Event
from time import monotonic
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from store.engine.places import Place
from store.model.errors import BadInput, MqError, Throttled
from store.sqs.errors import NotAnswered, as_ours

OPTIONS = ("endpoint", "prefix", "verify")
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+|local")
_ATTEMPTS = 4
_FIRST_PAUSE = 0.1


def check_place(place: Place, tell: Callable[[str], None]) -> None:
    """Raise `BadInput` for a place that SQS can't have; warn of an unverified certificate."""
    place.check_options(*OPTIONS)
    (region, port), *more = place.hosts
    if more or port is not None or place.path or not _REGION.fullmatch(region):
        raise BadInput(
            f"{place.name} names no region", "as in sqs://eu-west-1?endpoint=http://localhost:4566"
        )
    has_password = place.password_env or place.password_command or place.given_password
    if place.user is not None or has_password:
        raise BadInput(
            f"{place.name} names a user or a password",
            hint="credentials are those of AWS: aws configure, $AWS_PROFILE, $AWS_ACCESS_KEY_ID",
        )
    endpoint = place.option("endpoint", "https://")
    if not endpoint.startswith(("http://", "https://")):
        raise BadInput(f"endpoint={endpoint} is not a URL", hint="endpoint=http://localhost:4566")
    if place.tls and endpoint.startswith("http://"):
        raise BadInput(f"{place.name} is over TLS, and its endpoint is not", hint="https://")
    if place.option("verify", "yes") == "no":
        tell(f"{place.name}: the server's certificate is not verified")


class Client:
    """The client of a place, made by the first call: that alone takes longer than most calls."""

    def __init__(self, place: Place, timeout: float) -> None:
        self.place = place
        self.timeout = timeout
        self._botocore: Any = None

    def call(
        self, operation: str, subject: str, *, repeatable: bool = True, **parameters: Any
    ) -> dict[str, Any]:
        """Make a call, as `send_message`; raises our errors, which name the subject.

        A refusal for too many calls is tried again within the timeout, and, where the call is
        `repeatable`, one without an answer too.
        """
        deadline = monotonic() + self.timeout
        pause = _FIRST_PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._called(operation, subject, parameters)
            except MqError as error:
                again = isinstance(error, Throttled) or (
                    repeatable and isinstance(error, NotAnswered)
                )
                is_last = attempt == _ATTEMPTS or monotonic() + pause >= deadline
                if is_last or not again or not is_temporary(error):
                    raise
            Event().wait(pause * (0.5 + random() / 2))
            pause *= 2
        raise AssertionError("a call ends with an answer or an error")

    def pages(self, operation: str, subject: str, result: str, **parameters: Any) -> Iterator[Any]:
        """Yield what a call lists, page after page."""
        token: dict[str, Any] = {}
        while True:
            answer = self.call(operation, subject, **parameters, **token)
            # Moto writes the name of one list with a small letter.
            yield from answer.get(result) or ()
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    @property
    def region(self) -> str:
        """The region of the place."""
        return self.place.hosts[0][0]

    @property
    def partition(self) -> str:
        """The part of AWS that the region is in: `aws`, `aws-cn` or the like."""
        return str(self._open().meta.partition)

    def close(self) -> None:
        """Close its connections."""
        client, self._botocore = self._botocore, None
        if client is not None:
            client.close()

    def _called(self, operation: str, subject: str, parameters: dict[str, Any]) -> dict[str, Any]:
        action = "".join(map(str.capitalize, operation.split("_")))
        try:
            answer: dict[str, Any] = getattr(self._open(), operation)(**parameters)
        except (BotoCoreError, ClientError, HTTPClientError) as error:
            raise as_ours(error, self.place, subject, action) from error
        return answer

    def _open(self) -> Any:
        if self._botocore is None:
            place = self.place
            # Repeating is for `call`, which knows what may be repeated, and when the time is over.
            config = Config(
                connect_timeout=self.timeout,
                read_timeout=self.timeout,
                retries={"total_max_attempts": 1},
                user_agent_extra="mq",
            )
            self._botocore = botocore.session.Session().create_client(
                "sqs",
                region_name=self.region,
                endpoint_url=place.options.get("endpoint"),
                verify=False if place.option("verify", "yes") == "no" else place.ca,
                config=config,
            )
        return self._botocore


def is_temporary(error: MqError) -> bool:
    """Return whether the same call may succeed in a moment: not for what takes a minute."""
    return not error.hint.startswith("try again in a minute")
