"""Words that people bring from other tools: mq's own words for them, or the command they mean.

It is imported only for a word that is no command.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.model.errors import BadInput

_NOUNS = ("topic", "queue", "share", "group", "lease", "dlq", "exchange", "binding")
_PLURALS = {f"{noun}s": noun for noun in _NOUNS}
_VERBS = {
    **dict.fromkeys(("create", "add", "new", "make"), "create"),
    **dict.fromkeys(("list", "ls"), "list"),
    **dict.fromkeys(("show", "describe", "info", "get", "inspect", "stats"), "show"),
    **dict.fromkeys(("delete", "rm", "remove", "drop"), "delete"),
    **dict.fromkeys(("alter", "edit", "update", "set", "configure"), "alter"),
    **dict.fromkeys(("purge", "empty", "clear"), "purge"),
}
_SAME = {
    "send": ["produce"],
    "describe": ["show"],
    "consumers": ["group", "list"],
    "redrive": ["dlq", "redrive"],
    "purge": ["queue", "purge"],
    "stats": ["status"],
    "info": ["status"],
    "demos": ["demo", "--list"],
}
_LAST_SEEN = "10"

_SEND = "mq produce {} VALUE"
_READ = "mq consume {} prints records; mq peek {} only looks"
_TAKE = "mq receive {} leases one message, mq work {} -- COMMAND runs a command for each"
_WATCH = "mq dashboard, or mq status --watch 2s"
_NO_SERVER = "mq has no server to start: every command opens the file itself, as mq status does"
_NAMED = {
    **dict.fromkeys(("push", "put", "enqueue", "write", "append", "post", "pub", "add"), _SEND),
    **dict.fromkeys(("read", "cat", "subscribe", "sub", "listen", "view", "head"), _READ),
    **dict.fromkeys(("pop", "dequeue", "poll", "fetch", "take", "pull"), _TAKE),
    "get": "mq consume {} reads a topic, mq receive {} leases a message of a queue",
    **dict.fromkeys(("watch", "monitor", "ui", "tui", "web", "gui"), _WATCH),
    **dict.fromkeys(("server", "run", "start", "stop", "up", "broker"), _NO_SERVER),
    **dict.fromkeys(("reset", "replay", "rewind", "seek"), "mq group reset GROUP --to 2h"),
    **dict.fromkeys(("retry", "requeue"), "mq dlq redrive {}"),
    "top": "mq dashboard",
    "drain": "mq queue purge {} deletes, mq consume {} prints and takes",
    "offsets": "mq lag, or mq group show GROUP",
    "consumer": "mq group list, mq group show GROUP",
    "config": "mq store show; of one thing: mq topic show NAME, mq queue show NAME",
    "completion": "mq --install-completion",
    "skip": "mq group skip GROUP TOPIC/P@OFFSET",
    "log": "mq topic list, mq consume TOPIC",
    "message": "mq peek QUEUE@SEQUENCE",
    "record": "mq peek TOPIC/P@OFFSET",
    "count": "mq status, or mq topic show NAME",
    "compact": "mq topic compact {}",
    "trim": "mq topic trim {} --before 7d",
}
_NAMED_OF = {
    ("topic", "purge"): "mq topic trim {} --before latest",
    ("topic", "produce"): _SEND,
    ("topic", "send"): _SEND,
    ("topic", "publish"): _SEND,
    ("topic", "consume"): _READ,
    ("topic", "tail"): "mq consume {} --from -10 --follow",
    ("topic", "peek"): "mq peek {}",
    ("queue", "send"): _SEND,
    ("queue", "push"): _SEND,
    ("queue", "peek"): "mq peek {}",
    ("queue", "pop"): _TAKE,
    ("queue", "receive"): _TAKE,
    ("exchange", "bind"): "mq bind {} DEST -k KEY",
    ("exchange", "publish"): "mq publish {} -k KEY VALUE",
    ("binding", "create"): "mq bind {} DEST -k KEY",
    ("binding", "delete"): "mq unbind {} DEST -k KEY",
    ("group", "lag"): "mq lag {}",
    ("dlq", "show"): "mq dlq peek {}",
    ("dlq", "retry"): "mq dlq redrive {}",
    ("dlq", "create"): "mq queue create {}, then --dlq {} for its source",
}
_OPTIONS = {
    "--from-beginning": "--from earliest",
    "--offset": "--from OFFSET",
    "--since": "--from 15m",
    "--tail": "--from -10",
    "--last": "--from -10",
    "--max-messages": "-n N",
    "--count": "-n N",
    "--limit": "-n N",
    "--topic": "it is named without an option, as in mq produce orders VALUE",
    "--queue": "it is named without an option, as in mq produce emails VALUE",
    "--message": "the value is named without an option, as in mq produce orders VALUE",
    "-m": "the value is named without an option, as in mq produce orders VALUE",
    "--body": "the value is named without an option, as in mq produce emails VALUE",
    "--data": "the value is named without an option, as in mq produce orders VALUE",
    "--visibility-timeout": "--lease 30s",
    "--ack-timeout": "--lease 30s",
    "--max-receive-count": "--max-deliveries N",
    "--max-retries": "--max-deliveries N",
    "--dead-letter-queue": "--dlq QUEUE",
    "--retention.ms": "--retention 7d",
    "--replicas": "a store is one file on one machine: mq backup copies it",
    "--replication-factor": "a store is one file on one machine: mq backup copies it",
    "--routing-key": "-k KEY",
    "--consumer-group": "-g GROUP",
    "--format": "-o json, -o csv or -o tsv",
    "--version": "mq --version",
}


def own_words(noun: str, words: Sequence[str]) -> list[str] | None:
    """Return a command in mq's words for one whose first word is unknown, or None.

    `noun` is the group of commands that it was typed to, empty for `mq` itself. Raises BadInput
    with the command that is meant, where that is no other word for the same.
    """
    name, *rest = words
    if noun:
        return _of_noun(noun, name, rest)
    if name in _PLURALS:
        return [_PLURALS[name], *(rest or ["list"])]
    if (turned := noun_first(words)) != list(words):
        return turned
    if name == "tail":
        return _tail(rest)
    if name in _SAME:
        return [*_SAME[name], *rest]
    command = _NAMED.get(name)
    if command is None and name in _VERBS:
        command = f"mq topic {_VERBS[name]} {{}}, or mq queue {_VERBS[name]} {{}}"
    if command is not None:
        raise _unknown("mq", name, command, rest)
    return None


def noun_first(words: Sequence[str]) -> list[str]:
    """Turn `create topic NAME` into `topic create NAME`, and `get topics` into `topic list`."""
    verb, noun, *rest = [*words, "", ""][: max(len(words), 2)]
    subject = _noun(noun)
    if verb not in _VERBS or subject is None:
        return list(words)
    if _VERBS[verb] == "show" and not rest:
        # A thing may have the name of a kind.
        return [subject, "list"] if noun in _PLURALS or verb == "get" else list(words)
    return [subject, _VERBS[verb], *rest]


def meant_by_option(option: str) -> str:
    """Return the hint for an option of another tool, or an empty text."""
    return _OPTIONS.get(option, "")


def _of_noun(noun: str, name: str, rest: list[str]) -> list[str] | None:
    if (noun, name) in _NAMED_OF:
        raise _unknown(f"mq {noun}", name, _NAMED_OF[noun, name], rest)
    if name in _VERBS and _VERBS[name] != name:
        return [_VERBS[name], *rest]
    return None


def _noun(word: str) -> str | None:
    return word if word in _NOUNS else _PLURALS.get(word)


def _tail(rest: list[str]) -> list[str]:
    """Return `tail [-n N] [-f] TOPIC` as a read that follows; a queue refuses --from."""
    number = _LAST_SEEN
    if "-n" in rest[:-1]:
        at = rest.index("-n")
        number = rest[at + 1]
        rest = rest[:at] + rest[at + 2 :]
    others = [word for word in rest if word not in {"-f", "--follow"}]
    return ["consume", "--from", f"-{number}", "--follow", *others]


def _unknown(path: str, name: str, command: str, rest: Sequence[str]) -> BadInput:
    from shlex import quote

    subject = next((quote(word) for word in rest if not word.startswith("-")), "NAME")
    return BadInput(f"{path} has no command {name!r}", hint=command.replace("{}", subject))
