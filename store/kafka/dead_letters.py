"""Dead letters of topics: listed, looked at, and sent back once.

A log keeps its records, so a redrive leaves a mark: the offsets of a group named after the topic,
committed in one transaction with the records that are sent back. A second redrive goes on behind
it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, cast

from confluent_kafka import Consumer, Message as KafkaMessage, TopicPartition as KafkaPartition

from store import model
from store.crash import crash_point
from store.engine.features import Feature, lacking
from store.kafka import letters
from store.kafka.ages import first_times
from store.kafka.groups import REDRIVE_MARK, ClusterGroups
from store.kafka.headers import Pairs
from store.kafka.letters import Death, default_name
from store.kafka.records import Outgoing
from store.kafka.transactions import KafkaTransaction
from store.model import letter_groups
from store.model.dead_letters import Choice, DeadLetterGroup, DeadLetterQueue, Moved, Redrive
from store.model.errors import BadInput, Hint, NotFound
from store.model.groups import TopicPartition

if TYPE_CHECKING:
    from store.model.messages import Message

_PAGE = 500
# The most offsets in which letters are counted one by one.
_COUNTED = 10_000


class ClusterDeadLetters(ClusterGroups):
    """Topics of dead letters."""

    def dead_letter_queue(self, queue: str) -> str:
        """Return the topic if it holds dead letters, else the one that is named after it."""
        topics = self._topic_partitions()
        if queue in topics and letters.is_named(queue):
            return queue
        named = next((name for name in letters.names_for(queue) if name in topics), None)
        if named is not None:
            return named
        self._partition_count(queue)
        if next(self._letters(queue, {}), None) is not None:
            return queue
        raise BadInput(
            f"{queue} holds no dead letters, and there is no topic {default_name(queue)}",
            hint=Hint("{} shows those there are", model.looks.ShowDeadLetters()),
        )

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Return the topics that have the name of dead letters, with what is above their marks."""
        topics = self._topic_partitions()
        names = [name for name in topics if letters.is_named(name)]
        marks = self._marks(names)
        places = [(name, number) for name in names for number in range(topics[name])]
        bounds = self._bounds(places)
        first = {p: max(bounds[p][0], marks.get(p, 0)) for p in places}
        left = {p: max(0, bounds[p][1] - first[p]) for p in places}
        times = first_times(self._clients, {p: first[p] for p in places if left[p]})
        return [
            DeadLetterQueue(
                name,
                self._count(name, marks, sum(left[name, number] for number in range(topics[name]))),
                tuple(one for one in [letters.source_named(name)] if one in topics),
                min((times[p] for p in places if p[0] == name and p in times), default=None),
            )
            for name in names
        ]

    def dead_letters(
        self, queue: str, choice: Choice | None = None, limit: int | None = None, *, after: int = -1
    ) -> list[Message]:
        """Return the dead letters of a topic that were not sent back, partition by partition."""
        name = self.dead_letter_queue(queue)
        chosen: list[Message] = []
        for message in self._letters(name, self._marks_after(name, after)):
            letter = letters.letter_of(message)
            if letter is not None and (choice is None or choice(letter)):
                chosen.append(letter)
                if limit is not None and len(chosen) >= limit:
                    break
        return chosen

    def dead_letter_groups(
        self, queue: str, field: letter_groups.Field, choice: Choice | None = None
    ) -> list[DeadLetterGroup]:
        """Count the dead letters by `reason`, `source` or `error`, the largest group first."""
        return letter_groups.group(self.dead_letters(queue, choice), field)

    def redrive_preview(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Return the moves that `redrive` would make: the next letters above the mark."""
        if choice is not None:
            raise lacking(self, Feature.DLQ_CHOICE)
        name = self.dead_letter_queue(queue)
        following = self._next_letters(name, limit)
        return Redrive(None, [_moved(one, self._target(one, to)) for one in following])

    def redrive(
        self,
        queue: str,
        to: str | None = None,
        choice: Choice | None = None,
        limit: int | None = None,
    ) -> Redrive:
        """Send dead letters back to their topics, or to `to`, each once; see `redrive_more`."""
        planned = self.redrive_preview(queue, to, choice, limit).moved
        return self.redrive_more(self.dead_letter_queue(queue), range(len(planned)), to)

    def redrive_planned(
        self, queue: str, planned: Sequence[Moved], to: str | None = None
    ) -> Redrive:
        """Send back as many letters as are planned."""
        return self.redrive_more(queue, range(len(planned)), to)

    def redrive_more(
        self, queue: str, sequences: Sequence[int], to: str | None = None, batch: int | None = None
    ) -> Redrive:
        """Send back the next letters above the mark, as many as there are numbers.

        The records and the new mark are one transaction: a letter is sent back once, however often
        this is called or killed. They go to their own partition, without the headers of their
        death, and stay in the topic until its retention ends. Raises `NotFound` for a letter whose
        source is gone, and `BadInput` for one that does not tell it; nothing is sent back then.
        """
        # Ends what an earlier redrive left open, so that the mark is right from here on.
        self._producers.named(f"{REDRIVE_MARK}{queue}")
        following = self._next_letters(queue, len(sequences))
        ready = [(self._target(one, to), self._anew(one, to)) for one in following]
        if not ready:
            return Redrive(None, [])
        marks = {(queue, one.partition() or 0): (one.offset() or 0) + 1 for one in following}
        transaction = KafkaTransaction(self._producers, f"{REDRIVE_MARK}{queue}")
        with transaction:
            for topic in dict.fromkeys(target for target, _ in ready):
                transaction.produce_outgoing(
                    topic, [one for target, one in ready if target == topic]
                )
            crash_point("redrive.produced")
            offsets = [KafkaPartition(*place, offset) for place, offset in marks.items()]
            transaction.mark(self._marking(queue), offsets)
        return Redrive(
            None,
            [_moved(letter, topic) for letter, (topic, _) in zip(following, ready, strict=True)],
        )

    def require_dead_letters(self, group: str, topic: str) -> None:
        """Raise `NotFound` where records that keep failing have no topic to go to."""
        name = default_name(topic)
        if not self._count_partitions(name):
            raise NotFound(
                f"topic {name}, for dead letters of {topic}, does not exist",
                Hint("{}", model.actions.create("topic", name)),
            )

    def _close_dead_letters(self) -> None:
        if "_markers" in self.__dict__:
            for consumer in self._markers.values():
                consumer.close()

    @cached_property
    def _markers(self) -> dict[str, Consumer]:
        return {}

    def _marking(self, topic: str) -> Consumer:
        """Return a consumer that stands for the group of a topic's mark, and never joins it."""
        if topic not in self._markers:
            self._markers[topic] = self._clients.consumer({"group.id": f"{REDRIVE_MARK}{topic}"})
        return self._markers[topic]

    def _marks(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return how far topics were redriven, by partition."""
        committed = self._commits.committed([f"{REDRIVE_MARK}{topic}" for topic in topics])
        return {
            (topic, number): offset
            for group, offsets in committed.items()
            for (topic, number), offset in offsets.items()
            if group == f"{REDRIVE_MARK}{topic}"
        }

    def _marks_after(self, topic: str, sequence: int) -> dict[TopicPartition, int]:
        """Return where to begin in each partition for the letters above the mark and a sequence."""
        marks = self._marks([topic])
        if sequence < 0:
            return marks
        partition, offset = letters.place_of(sequence)
        passed = {(topic, number): sys.maxsize for number in range(partition)}
        here = topic, partition
        return {**marks, **passed, here: max(marks.get(here, 0), offset + 1)}

    def _letters(self, topic: str, marks: Mapping[TopicPartition, int]) -> Iterator[KafkaMessage]:
        """Yield the letters of a topic above its mark, up to its present ends."""
        for number in range(self._partition_count(topic)):
            offset = marks.get((topic, number), 0)
            _, end = self._reads.bounds(topic, number)
            while offset < end and (page := self._reads.read(topic, number, offset, _PAGE)):
                for message in page:
                    if letters.death_of(message) is not None:
                        yield message
                offset = (page[-1].offset() or 0) + 1

    def _count(self, topic: str, marks: Mapping[TopicPartition, int], most: int) -> int:
        """Count the letters above the mark, from so many on by their offsets, gaps included."""
        return most if most > _COUNTED else sum(1 for _ in self._letters(topic, marks))

    def _next_letters(self, topic: str, most: int | None) -> list[KafkaMessage]:
        return list(islice(self._letters(topic, self._marks([topic])), most))

    def _target(self, letter: KafkaMessage, to: str | None) -> str:
        death = letters.death_of(letter)
        target = to or (death.topic if death is not None else "")
        if not target:
            raise BadInput(
                f"{_address(letter)} does not say where it died", Hint("give {target TOPIC}")
            )
        self._partition_count(target)
        return target

    def _anew(self, letter: KafkaMessage, to: str | None) -> Outgoing:
        """Return a letter as it was before it died; a share's letter may have headers alone."""
        death = letters.death_of(letter)
        assert death is not None
        source, partition = letter, death.partition
        if letter.key() is None and letter.value() is None and death.offset is not None:
            source = self._original(letter, death)
        # Its own partition, unless the target has no such one: then its key decides.
        own = None
        if to in {None, death.topic} and partition is not None:
            own = partition if partition < self._partition_count(death.topic) else None
        time = source.timestamp()[1] if death.timestamp is None else death.timestamp
        headers = letters.without_death(cast("Pairs", source.headers() or []))
        return Outgoing(source.value(), source.key(), headers, time, own)

    def _original(self, letter: KafkaMessage, death: Death) -> KafkaMessage:
        """Return the record of a letter without contents, which may still be in its log."""
        place = death.topic, death.partition or 0
        found = self._reads.read(*place, death.offset or 0, 1)
        if found and found[0].offset() == death.offset:
            return found[0]
        raise NotFound(
            f"{_address(letter)} has no contents, and {death.source} is not in its log any more",
            hint="errors.deadletterqueue.copy.record.enable=true of the share keeps them",
        )


def _address(message: KafkaMessage) -> str:
    return f"{message.topic()}/{message.partition()}@{message.offset()}"


def _moved(letter: KafkaMessage, target: str) -> Moved:
    topic, partition, offset = str(letter.topic()), letter.partition() or 0, letter.offset() or 0
    size = len(letter.key() or b"") + len(letter.value() or b"")
    return Moved(letters.id_of(topic, partition, offset), _address(letter), target, size)
