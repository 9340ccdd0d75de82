"""YAML that was made to do harm is refused, and quickly."""

from __future__ import annotations

import time

import pytest

from store.topology.checks import validate
from store.topology.problems import Problems
from store.topology.reading import TopologyFile, read, typed
from tests.topology.conftest import told

MOST_SECONDS = 2.0


def laughs() -> str:
    lines = ["a: &a [x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join(lines)


HARMFUL = {
    "a billion laughs": (laughs(), "anchors are not allowed"),
    "merge keys that double": ("a: &a {b: c}\nd: {<<: [*a, *a]}", "merge keys are not allowed"),
    "an alias of itself": ("a: &a [*a]", "aliases are not allowed"),
    "5,000 brackets": ("[" * 5000, ""),
    "deep nesting in blocks": ("\n".join(" " * n + "a:" for n in range(1000)), "32 levels"),
    "deep nesting in a flow": ("{a: " * 40 + "}" * 40, "32 levels"),
    "a number of 900,000 digits": (
        "version: 1\nbindings: [{from: a, to: b, headers: {x: " + "9" * 900_000 + "}}]",
        "a number of 900000 digits",
    ),
    "a date that is none": ("version: 2024-99-99", "version '2024-99-99' is not known"),
    "300,000 events": ("[" + "a," * 300_000 + "]", "more than 100,000 YAML events"),
    "2 MiB": ("x" * (2 << 20), "larger than 1 MiB"),
    "a topology of 300,000 events in one line": (
        "version: 1\nbindings: [" + "a," * 300_000 + "]",
        "more than 100,000 YAML events",
    ),
    "a topology of 2 MiB in one line": (
        "version: 1\nname: " + "x" * (2 << 20),
        "larger than 1 MiB",
    ),
    "17 MiB of lines": ("version: 1\n" + "#\n" * (17 << 19), "larger than 16 MiB"),
    "500,000 lines that are no topology": ("- aaaa\n" * 500_000, "larger than 1 MiB"),
    "20,000 bare wildcards": (
        "version: 1\nbindings:\n" + "  - {from: a, to: b, key: #}\n" * 20_000,
        'quote it: "#"',
    ),
    "a tag that builds an object": ("!!python/object:os.system {}", "tags are not allowed"),
    "20,000 unknown keys": ("".join(f"k{n}: 1\n" for n in range(20_000)), "unknown key"),
    "4,000 bindings to nowhere": (
        "version: 1\nqueues:\n"
        + "".join(f"  q{n}:\n" for n in range(4_000))
        + "exchanges: {e: {type: fanout}}\nbindings:\n"
        + "".join(f"- {{from: e, to: x{n}}}\n" for n in range(4_000)),
        "there is no queue or topic",
    ),
    "a chain of 5,000 dead-letter queues": (
        "version: 1\nqueues:\n" + "".join(f"  q{n}: {{dlq: q{n + 1}}}\n" for n in range(5_000)),
        "there is no queue q5000",
    ),
    "a control character": ("a: \x01", "a character that YAML forbids"),
    "a quote that never ends": ("a: 'b", "not YAML"),
    "a tab as indentation": ("a:\n\tb: c", "not YAML: a tab can't indent, spaces can"),
    "two documents": ("version: 1\n---\nversion: 1", "more than one YAML document"),
    "a key that is a list": ("? [a]\n: b", "a key must be text"),
    "nothing": ("", "the file is empty"),
    "a text": ("hello", "a topology is a mapping"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_it_is_refused_within_two_seconds(name: str) -> None:
    text, expected = HARMFUL[name]
    start = time.process_time()
    problems = validate([TopologyFile("bad.yaml", text.encode())])
    assert time.process_time() - start < MOST_SECONDS
    assert any(expected in problem.message for problem in problems)


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    (problem,) = validate([TopologyFile("bad.yaml", b"version: 1\nname: \xff\n")])
    assert str(problem) == "bad.yaml:2:1: error: the file is not valid UTF-8"


@pytest.mark.parametrize("form", ["yaml", "named first", "json"])
def test_a_topology_with_a_line_for_each_thing_may_be_as_long_as_an_export(form: str) -> None:
    names = [f"queue-{number:05}-{'x' * 60}" for number in range(15_000)]
    if form == "json":
        text = '{"version":1,\n"queues":{' + ",\n".join(f'"{name}":{{}}' for name in names) + "}}"
    else:
        head = "version: 1\n" if form == "yaml" else "name: large\nversion: 1\n"
        text = f"{head}queues:\n" + "".join(f"  {name}: {{}}\n" for name in names)
    found = Problems()
    topology = read([TopologyFile("large", text.encode())], found)

    assert len(text) > 1 << 20
    assert [found.found, len(list(topology.of("queue")))] == [[], 15_000]


def test_a_key_that_stands_twice_is_refused() -> None:
    assert told("version: 1\nqueues:\n  a: {}\n  a: {}\n") == [
        "a.yaml:4:3: error: 'a' stands twice; first in line 3"
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-7", -7), ("+7", 7), ("017", 17), ("0o17", 15), ("0x1F", 31), ("1.5", 1.5),
        (".5", 0.5), ("1e3", 1000.0), ("true", True), ("FALSE", False), ("null", None), ("~", None),
        ("", None), ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"), ("1_000", "1_000"), ("0b1", "0b1"), (".inf", ".inf"),
    ],
)  # fmt: skip
def test_a_plain_header_value_has_the_type_of_yaml_1_2(text: str, value: object) -> None:
    found = typed(text, plain=True)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["1", "true", "null", ""])
def test_a_quoted_header_value_is_text(text: str) -> None:
    assert typed(text, plain=False) == text
