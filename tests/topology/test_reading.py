"""What is wrong with a topology is told with its place, all at once, and with a way out."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from store.model.groups import GroupConfig
from store.model.queues import QueueConfig
from store.model.settings import settings_of
from store.model.shares import ShareConfig
from store.model.topics import TopicConfig
from store.topology.kinds import KINDS
from store.topology.problems import Problems
from store.topology.reading import read
from tests.topology.conftest import EXAMPLE, source, told

HEAD = "version: 1\n"
CONFIGS: dict[type[NamedTuple], str] = {
    TopicConfig: "topic",
    QueueConfig: "queue",
    GroupConfig: "group",
    ShareConfig: "share",
}


def test_a_sound_topology_has_no_problems() -> None:
    assert told(EXAMPLE) == []


def test_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    found = told(
        """\
        version: 2
        queues:
          emails: {leas: 1m, dlq: emails.dql}
          emails.dlq: {lease: soon}
        """
    )
    assert found == [
        "a.yaml:1:10: error: version '2' is not known; this is 1",
        "a.yaml:3:12: error: unknown key 'leas': did you mean 'lease'?",
        "a.yaml:3:27: error: dlq: there is no queue emails.dql: did you mean 'emails.dlq'?",
        "a.yaml:4:23: error: lease: 'soon' is not a duration: write it as 250ms, 30s, 5m, 12h, 7d,"
        " or in ISO-8601 as PT30S or P1DT2H",
    ]


WRONG = {
    "an unknown key, with the nearest": (
        "topics: {orders: {retenton: 7d}}",
        "2:19: error: unknown key 'retenton': did you mean 'retention'?",
    ),
    "a section with a typo": (
        "queue: {a: {}}",
        "2:1: error: unknown key 'queue': did you mean 'queues'?",
    ),
    "a setting without a value": (
        "queues: {a: {dlq: }}",
        "2:19: error: dlq is empty: leave it out, and it has its default",
    ),
    "a flag that YAML 1.1 would have taken": (
        "queues: {a: {fifo: yes}}",
        "2:20: error: fifo: 'yes' is neither true nor false",
    ),
    "a list where one value stands": (
        "queues: {a: {lease: [5s]}}",
        "2:21: error: lease is one value, not a list",
    ),
    "a name that is not usable": (
        "queues: {a b: {}}",
        "2:10: error: not a usable queue name: 'a b': names have 1 to 249 of A-Z a-z 0-9 . _ -"
        " and begin with a letter, digit or _; write it as a%20b",
    ),
    "a name that is empty": (
        "queues: {'': {}}",
        "2:10: error: not a usable queue name: '': names have 1 to 249 of A-Z a-z 0-9 . _ - and"
        " begin with a letter, digit or _",
    ),
    "a number out of range": (
        "topics: {a: {partitions: 0}}",
        "2:10: error: a topic has 1 to 10000 partitions, not 0: partitions bound how many members"
        " of a group can work at once",
    ),
    "FIFO with priorities": (
        "queues: {a: {fifo: true, priorities: 3}}",
        "2:10: error: a FIFO queue has no priorities: they would break its order: leave out fifo"
        " or priorities",
    ),
    "a limit that leads nowhere": (
        "queues: {a: {max_deliveries: 3}}",
        "2:10: error: a delivery limit needs a place for what exceeds it: dlq QUEUE keeps it,"
        " drop_exhausted loses it on purpose, max_deliveries none sets no limit",
    ),
    "a queue and a DLQ of two types": (
        "queues: {a: {fifo: true, dlq: b}, b: {}}",
        "2:31: error: a is a FIFO queue and its DLQ b is a standard queue: a queue and its DLQ must"
        " be of one type",
    ),
    "a DLQ that lets another queue in": (
        "queues: {a: {dlq: b}, b: {redrive_allow: [c]}}",
        "2:19: error: queue b does not let a dead-letter into it: its redrive_allow is c",
    ),
    "an exchange without a type": (
        "exchanges: {e: {}}",
        "2:13: error: exchange e needs type",
    ),
    "an exchange as a DLQ without its prefix": (
        "exchanges: {e: {type: fanout}}\nqueues: {a: {dlq: e}}",
        "3:19: error: dlq: e is an exchange: write exchange:e",
    ),
    "a binding of an unknown exchange": (
        "queues: {a: {}}\nbindings: [{from: e, to: a}]",
        "3:19: error: from: there is no exchange e",
    ),
    "a binding to a share": (
        "topics: {t: {}}\nshares: {s: {topic: t}}\nexchanges: {e: {type: fanout}}\n"
        "bindings: [{from: e, to: s}]",
        "5:26: error: to: s is a share, not a queue or topic",
    ),
    "a binding to none, which is a name there": (
        "exchanges: {e: {type: fanout}}\nbindings: [{from: e, to: none}]",
        "3:26: error: to: there is no queue or topic none",
    ),
    "a DLQ of a share that is an exchange": (
        "topics: {t: {}}\nexchanges: {e: {type: fanout}}\n"
        "shares: {s: {topic: t, dlq: 'exchange:e'}}",
        "4:29: error: dlq: there is no queue exchange:e",
    ),
    "a group that would send nothing to its DLQ": (
        "queues: {q: {}}\ngroups: {g: {dlq: q, max_deliveries: none}}",
        "3:38: error: max_deliveries can't be none beside a dlq: a number, or leave it out for 5",
    ),
    "a share that begins where it has been": (
        "topics: {t: {}}\nshares: {s: {topic: t, from: committed}}",
        "3:30: error: from: a new share has committed nothing: earliest, latest, -N, 15m, a date",
    ),
    "two queues as one DLQ": (
        "queues: {a: {}, b: {}, c: {dlq: [a, b]}}",
        "2:33: error: dlq is one value, not a list",
    ),
    "two queues as one DLQ in one text": (
        'queues: {a: {}, b: {}, c: {dlq: "a,b"}}',
        "2:33: error: dlq: there is no queue a,b",
    ),
    "a binding that begins in a queue": (
        "queues: {a: {}}\nbindings: [{from: a, to: a}]",
        "3:19: error: from: a is a queue, not an exchange",
    ),
    "a group of something that is no topic": (
        "queues: {a: {}}\ngroups: {g: {topics: [a]}}",
        "3:22: error: topics: a is a queue, not a topic",
    ),
    "a name that two kinds have": (
        "topics: {a: {}}\nqueues: {a: {}}",
        "3:10: error: a is a topic already (a.yaml:2:10): topics, queues and shares have one name"
        " space",
    ),
    "the same binding twice": (
        "queues: {a: {}}\nexchanges: {e: {type: headers}}\n"
        "bindings:\n- {from: e, to: a, headers: {x: 1, y: 2}}\n"
        "- {from: e, to: a, headers: {y: 2, x: 1}}",
        '6:3: error: binding e -> a headers {"x":1,"y":2} is declared twice; first at a.yaml:5:3',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_told_with_its_place_and_a_way_out(name: str) -> None:
    text, expected = WRONG[name]
    assert told(HEAD + text) == [f"a.yaml:{expected}"]


@pytest.mark.parametrize("wildcard", ["#", "*"])
@pytest.mark.parametrize(
    "binding",
    ["{{from: e, to: a, key: {} }}", "{{from: e, key: {}, to: a}}", "from: e\n  to: a\n  key: {}"],
)
def test_a_bare_wildcard_is_to_be_quoted(wildcard: str, binding: str) -> None:
    text = HEAD + "queues: {a: {}}\nexchanges: {e: {type: topic}}\nbindings:\n- "
    found = told(text + binding.format(wildcard))
    assert len(found) == 1
    assert f"a bare {wildcard} begins" in found[0]
    assert f'quote it: "{wildcard}"' in found[0]


def test_behind_a_bare_wildcard_the_other_problems_are_told_with_their_places() -> None:
    assert told(
        """\
        version: 1
        exchanges: {e: {type: topic}}
        bindings:
        - {from: e, to: "exchange:e", key: *.created, mach: any}
        - {from: e, to: nowhere, key: "#"}
        """
    ) == [
        'a.yaml:4:36: error: a bare * begins an alias in YAML: quote it: "*"',
        "a.yaml:4:47: error: unknown key 'mach': did you mean 'match'?",
        "a.yaml:5:17: error: to: there is no queue or topic nowhere",
    ]


def test_files_hold_together_only_with_one_another() -> None:
    first = HEAD + "queues: {emails: {dlq: dead}}"
    second = HEAD + "queues: {dead: {}}"
    assert told(first, second) == []
    assert told(first) == ["a.yaml:2:24: error: dlq: there is no queue dead"]


def test_what_two_files_declare_is_refused_in_the_second() -> None:
    text = HEAD + "queues: {emails: {}}"
    assert told(text, text) == [
        "b.yaml:2:10: error: queue emails is declared twice; first at a.yaml:2:10"
    ]


def test_dead_letters_in_a_circle_are_a_warning() -> None:
    assert told(HEAD + "queues: {x: {dlq: a}, a: {dlq: b}, b: {dlq: a}}") == [
        "a.yaml:2:32: warning: dead letters go in a circle: a -> b -> a; a message that would go"
        " round stays where it is"
    ]


def test_headers_where_nothing_looks_at_them_are_a_warning() -> None:
    text = "queues: {a: {}}\nexchanges: {e: {type: topic}}\n"
    assert told(HEAD + text + "bindings: [{from: e, to: a, key: k, headers: {x: 1}}]") == [
        "a.yaml:4:46: warning: e is a topic exchange, which does not look at headers"
    ]


def test_a_dlq_alone_means_five_deliveries() -> None:
    topology = read([source(HEAD + "queues: {a: {dlq: b}, b: {}}")], Problems())
    queue = topology.get("queue", "a")
    assert queue is not None
    assert queue.settings["max_deliveries"] == "5"


def test_settings_that_mean_the_same_are_the_same() -> None:
    topology = read(
        [source(HEAD + "topics: {a: {retention: 168h, cleanup: [delete, compact]}}")], Problems()
    )
    topic = topology.get("topic", "a")
    assert topic is not None
    assert (topic.settings["retention"], topic.settings["cleanup"]) == ("7d", "compact,delete")


@pytest.mark.parametrize("config", CONFIGS)
def test_every_setting_of_a_thing_is_a_key(config: type[NamedTuple]) -> None:
    assert settings_of(config).keys() <= KINDS[CONFIGS[config]].notations.keys()


def test_a_topology_is_named_by_itself_or_else_by_its_file() -> None:
    named = source("version: 1\nname: shop\nqueues: {a: {}}", "deploy/prod.yaml")
    unnamed = source("version: 1\nqueues: {b: {}}", "deploy/prod.yaml")
    topology = read([named, unnamed], Problems())
    assert [thing.label for thing in topology] == ["shop", "prod"]
