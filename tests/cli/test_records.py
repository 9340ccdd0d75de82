"""Records in and out: framings, envelopes, headers, formats and conditions."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mq.text.conditions import parse_conditions
from mq.text.envelope_inputs import event_time, parse_envelope
from mq.text.envelopes import RECORD
from mq.text.format_string import compile_format, parse_delimiter
from mq.text.framing import LARGEST_RECORD, Framing, InputForm, read_records
from mq.text.headers import format_header, parse_headers
from mq.text.strict_json import MISSING, ValuePath
from store.model.errors import BadInput
from store.model.topics import NewRecord, Record

NOW = 1_700_000_000_000
header_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
)
records = st.builds(
    Record,
    topic=st.just("orders"),
    partition=st.integers(0, 9),
    offset=st.integers(0, 2**40),
    timestamp=st.integers(0, 253_402_300_799_999),
    key=st.none() | st.binary(),
    headers=st.dictionaries(st.text(st.characters(codec="utf-8")), header_values),
    value=st.none() | st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode),
)


def record(value: bytes | None = b"v", key: bytes | None = None, **headers: Any) -> Record:
    return Record("orders", 2, 4711, NOW, key, headers, value)


def read(data: bytes, form: InputForm | None = None) -> list[NewRecord]:
    return [found for _, found in read_records(io.BytesIO(data), form or InputForm())]


def values(data: bytes, framing: Framing) -> list[Any]:
    return [found.value for found in read(data, InputForm(framing))]


class TestFraming:
    def test_lines_end_at_newlines_and_nowhere_else(self) -> None:
        assert values(b"a\r\n\n\0b\xff", Framing.LINES) == [b"a\r", b"", b"\0b\xff"]

    def test_a_newline_at_the_end_begins_no_record(self) -> None:
        assert values(b"a\n", Framing.LINES) == [b"a"]

    def test_nothing_holds_no_record(self) -> None:
        assert values(b"", Framing.LINES) == []

    def test_nul_lets_newlines_stand_in_values(self) -> None:
        assert values(b"a\nb\0c\0", Framing.NUL) == [b"a\nb", b"c"]

    def test_whole_is_one_record(self) -> None:
        assert values(b"a\nb\n", Framing.WHOLE) == [b"a\nb\n"]

    def test_blank_lines_between_envelopes_mean_nothing(self) -> None:
        data = b'{"value":"a"}\n\n \r\n{"value":"b"}'
        form = InputForm(Framing.NDJSON)
        found = list(read_records(io.BytesIO(data), form))
        assert [(line, new.value) for line, new in found] == [(1, b"a"), (4, b"b")]

    @given(st.lists(st.binary(max_size=8).map(lambda data: data.replace(b"\n", b"")), max_size=8))
    def test_lines_come_back_however_the_stream_is_cut(self, lines: list[bytes]) -> None:
        class Drops(io.BytesIO):
            def read1(self, _size: int | None = -1, /) -> bytes:
                return self.read(1)

        data = b"".join(line + b"\n" for line in lines)
        found = [new.value for _, new in read_records(Drops(data), InputForm())]
        assert found == lines

    def test_it_reads_no_further_than_it_must(self) -> None:
        class Endless(io.BytesIO):
            def read1(self, _size: int | None = -1, /) -> bytes:
                return b"line\n"

        stream = read_records(Endless(), InputForm())
        assert next(stream) == (1, NewRecord(b"line"))

    @pytest.mark.parametrize("framing", [Framing.LINES, Framing.WHOLE])
    def test_a_record_beyond_64_mib_is_refused(self, framing: Framing) -> None:
        with pytest.raises(BadInput, match="64 MiB"):
            read(bytes(LARGEST_RECORD + 1), InputForm(framing))


class TestKeys:
    def test_a_key_ends_at_the_first_delimiter(self) -> None:
        form = InputForm(key_delimiter=b":")
        assert read(b"k:v:w\n", form) == [NewRecord(b"v:w", b"k")]

    def test_a_line_without_the_delimiter_has_no_key(self) -> None:
        assert read(b"v\n", InputForm(key_delimiter=b"\t")) == [NewRecord(b"v")]

    @pytest.mark.parametrize(
        ("value", "key"),
        [
            (b'{"user":{"id":"u1"}}', "u1"),
            (b'{"user":{"id":12}}', "12"),
            (b'{"user":{"id":true}}', "true"),
            (b'{"user":{"id":null}}', None),
        ],
    )
    def test_a_key_comes_out_of_a_json_value(self, value: bytes, key: str | None) -> None:
        form = InputForm(key_from=ValuePath("value.user.id"))
        assert read(value, form) == [NewRecord(value, key)]

    def test_a_path_steps_into_lists_too(self) -> None:
        assert ValuePath("value.items.1").find({"items": ["a", "b"]}) == "b"
        assert ValuePath(f"value.items.{'9' * 5000}").find({"items": ["a"]}) is MISSING

    def test_a_value_without_the_field_is_refused_with_its_line(self) -> None:
        form = InputForm(key_from=ValuePath("value.id"))
        with pytest.raises(BadInput, match=r"line 2: there is no value\.id"):
            read(b'{"id":1}\n{"x":1}\n', form)

    @pytest.mark.parametrize("path", ["id", "value", "value.", "values.id", "value..id", ""])
    def test_a_path_has_to_lead_into_the_value(self, path: str) -> None:
        with pytest.raises(BadInput):
            ValuePath(path)

    def test_two_sources_of_a_key_are_refused(self) -> None:
        with pytest.raises(BadInput):
            InputForm(key_delimiter=b":", key_from=ValuePath("value.id")).checked()
        with pytest.raises(BadInput):
            InputForm(Framing.NDJSON, key_delimiter=b":").checked()


class TestEventTimes:
    @pytest.mark.parametrize(
        ("given", "milliseconds"),
        [
            ("2023-11-14T22:13:20Z", NOW),
            (1_700_000_000, NOW),
            (1_700_000_000.25, NOW + 250),
            (1_700_000_000_123, NOW + 123),
            ("1700000000", NOW),
        ],
    )
    def test_it_is_iso_text_or_a_number_by_its_digits(self, given: Any, milliseconds: int) -> None:
        assert event_time(given) == milliseconds

    @pytest.mark.parametrize("given", [True, 0, 12, 1e300, "15m", "", [], "noon", -1_700_000_000])
    def test_anything_else_is_refused(self, given: Any) -> None:
        with pytest.raises(BadInput):
            event_time(given)

    def test_it_comes_out_of_a_json_value(self) -> None:
        form = InputForm(timestamp_from=ValuePath("value.at"))
        value = b'{"at":1700000000}'
        assert read(value, form) == [NewRecord(value, timestamp=NOW)]


class TestEnvelopesIn:
    def parsed(self, line: str) -> NewRecord:
        return parse_envelope(line.encode())

    def test_only_the_value_is_needed(self) -> None:
        assert self.parsed('{"value":"v"}') == NewRecord(b"v")

    def test_null_is_a_tombstone(self) -> None:
        assert self.parsed('{"value":null,"key":"k"}') == NewRecord(None, b"k")

    @pytest.mark.parametrize(
        ("value", "stored"),
        [
            ('{ "a" : [1, 2.50, "x  y"] }', '{"a":[1,2.50,"x  y"]}'),
            ("[ ]", "[]"),
            ("12345678901234567890.10", "12345678901234567890.10"),
            ("true", "true"),
            ('{"value": 1, "b":"\\"} : "}', '{"value":1,"b":"\\"} : "}'),
        ],
    )
    def test_other_json_is_stored_as_its_compact_text_digit_by_digit(
        self, value: str, stored: str
    ) -> None:
        line = f'{{ "key" : "a:b,c", "value" : {value} , "headers" : {{}} }}'
        assert self.parsed(line).value == stored.encode()

    def test_time_partition_and_typed_headers_are_honoured(self) -> None:
        line = (
            '{"value":"v","timestamp":"2023-11-14T22:13:20.000Z","partition":3,'
            '"headers":{"a":"1","b":1,"c":true,"d":null}}'
        )
        headers: dict[str, Any] = {"a": "1", "b": 1, "c": True, "d": None}
        assert self.parsed(line) == NewRecord(b"v", None, headers, NOW, 3)

    def test_what_our_own_output_adds_is_ignored(self) -> None:
        line = '{"topic":"t","offset":7,"value":"v","deliveries":2,"receipt":"r","state":"ready"}'
        assert self.parsed(line) == NewRecord(b"v")

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("", "not JSON"),
            ("[]", "not an object"),
            ("{}", "'value' is missing"),
            ('{"value":"a","value":"b"}', "'value' stands twice"),
            ('{"value":{"a":1,"a":2}}', "'a' stands twice"),
            ('{"value":NaN}', "NaN is not JSON"),
            ('{"value":[-Infinity]}', "-Infinity is not JSON"),
            ('{"value":"v"} x', "not JSON"),
            ('{"value":"v","valeu":1}', "unknown field 'valeu'"),
            ('{"value":"v","value_base64":"dg=="}', "both value and value_base64"),
            ('{"value":"v","key":"k","key_base64":"aw=="}', "both key and key_base64"),
            ('{"value_base64":"d g="}', "value_base64 is not Base64"),
            ('{"value_base64":null}', "value_base64 is not Base64"),
            ('{"value":"v","key":1}', "neither text nor null"),
            ('{"value":"\\ud800"}', "surrogate"),
            ('{"value":"v","timestamp":"noon"}', "not a time"),
            ('{"value":"v","partition":-1}', "not a partition"),
            ('{"value":"v","partition":true}', "not a partition"),
            ('{"value":"v","headers":[]}', "not an object"),
            ('{"value":"v","headers":{"a":{"base64":"?"}}}', "not Base64"),
            ('{"value":"v","headers":{"a":1e999}}', "beyond"),
            ('{"value":"v","headers":{"a":99999999999999999999}}', "64 bits"),
            ('{"value":"v","headers":{"a":"\\udfff"}}', "surrogate"),
            pytest.param('{"value":' + "9" * 5000 + "}", "too many digits", id="huge number"),
            pytest.param('{"value":' + "[" * 100_000, "nested too deeply", id="deep nesting"),
        ],
    )
    def test_what_is_wrong_is_refused_with_its_line(self, line: str, message: str) -> None:
        data = b'{"value":"good"}\n' + (line or " x").encode()
        with pytest.raises(BadInput, match="line 2: .*" + message.replace("[", r"\[")):
            read(data, InputForm(Framing.NDJSON))

    def test_bytes_that_are_not_utf_8_are_refused(self) -> None:
        with pytest.raises(BadInput, match="not valid UTF-8 at byte 10"):
            parse_envelope(b'{"value":"\xff"}')

    def test_an_unknown_field_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(BadInput) as caught:
            self.parsed('{"priorty":1}')
        assert caught.value.hint == "did you mean 'priority'?"


class TestEnvelopesOut:
    def test_the_fields_stand_in_their_fixed_order(self) -> None:
        document = RECORD.document(record(b"v", b"k", a="b"))
        assert json.dumps(document) == (
            '{"topic": "orders", "partition": 2, "offset": 4711, '
            '"timestamp": "2023-11-14T22:13:20.000Z", "key": "k", "headers": {"a": "b"}, '
            '"value": "v"}'
        )

    def test_bytes_that_are_not_utf_8_take_the_base64_fields(self) -> None:
        document = RECORD.document(record(b"\xff", b"\xfe"))
        assert (document["value_base64"], document["key_base64"]) == ("/w==", "/g==")
        assert not {"value", "key"} & document.keys()

    def test_no_key_and_no_value_are_null(self) -> None:
        document = RECORD.document(record(None))
        assert (document["key"], document["value"]) == (None, None)

    @given(records)
    def test_what_is_written_reads_back_byte_by_byte(self, given: Record) -> None:
        line = RECORD.line(given)
        assert line.isascii()
        assert line.count(b"\n") == 1
        again = parse_envelope(line)
        assert (again.key, again.value, again.timestamp) == (
            given.key,
            given.value,
            given.timestamp,
        )
        assert again.partition == given.partition
        assert repr(again.headers) == repr(given.headers)


class TestHeaders:
    def test_they_are_text_typed_or_null(self) -> None:
        assert parse_headers(["a=1", "b:=1", "c", "d=", "e:=true", "f=x=y:=z"]) == {
            "a": "1",
            "b": 1,
            "c": None,
            "d": "",
            "e": True,
            "f": "x=y:=z",
        }

    @pytest.mark.parametrize("item", ["", "=a", ":=1", "a:=x", "a:={}", "a:=NaN", "a:=1e999"])
    def test_what_is_no_header_is_refused(self, item: str) -> None:
        with pytest.raises(BadInput):
            parse_headers([item])

    def test_a_header_given_twice_is_refused(self) -> None:
        with pytest.raises(BadInput):
            parse_headers(["a=1", "a=2"])

    @given(
        st.text(st.characters(codec="utf-8", exclude_characters="=:"), min_size=1), header_values
    )
    def test_a_formatted_header_reads_back_as_itself(self, name: str, value: Any) -> None:
        assert repr(parse_headers([format_header(name, value)])) == repr({name: value})


class TestFormat:
    def test_every_field_has_its_letter(self) -> None:
        line = compile_format(r"%t %p %o %k %s %h %T %d %%\t\\\x41\n")
        assert line(record(b"v", b"k", a="b", c=1, d=None)) == (
            b"orders 2 4711 k v a=b,c:=1,d 1700000000000 - %\t\\A\n"
        )

    def test_no_key_and_no_value_are_empty(self) -> None:
        assert compile_format("[%k][%s]")(record(None)) == b"[][]"

    def test_payloads_are_byte_exact_in_a_pipe(self) -> None:
        assert compile_format("%s")(record(b"\xff\x1b\0")) == b"\xff\x1b\0"

    def test_payloads_are_harmless_on_a_terminal_and_the_format_is_as_given(self) -> None:
        line = compile_format(r"\x1b[1m%k %s %h", terminal=True)
        shown = line(record(b"\x1b\na\xff", b"\n", h="\x9b"))
        assert shown == b"\x1b[1m" + rb"\x0a \x1b" + b"\na" + rb"\xff h=\x9b"

    @pytest.mark.parametrize("text", ["%", "%x", "\\", "\\q", r"\x4", r"\xgg"])
    def test_what_the_notation_does_not_know_is_refused(self, text: str) -> None:
        with pytest.raises(BadInput):
            compile_format(text)

    def test_a_delimiter_takes_the_same_escapes(self) -> None:
        assert parse_delimiter(r"\t%\x00") == b"\t%\0"


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            ("key = k1", True),
            ("key=k1", True),
            ("key != k1", False),
            ("key ~ ^k[0-9]$", True),
            ("key !~ 1", False),
            ("offset >= 4711", True),
            ("offset < 900", False),
            ("partition = 2", True),
            ("topic = orders", True),
            ("timestamp < 2024-01-01T00:00:00Z", True),
            ("timestamp >= 15m", True),
            ("age > 15m", False),
            ("age <= 0s", True),
            ("headers.region = eu", True),
            ("headers.tries = 1", True),
            ("headers.tries = 1.0", True),
            ("headers.tries > 0.5", True),
            ("headers.tries = one", False),
            ("headers.fragile = true", True),
            ("headers.none = null", True),
            ("headers.absent = null", True),
            ("headers.absent = x", False),
            ("headers.absent != x", True),
            ("headers.absent < 1", False),
            ("headers.absent ~ .", False),
            ("headers.absent !~ .", True),
            ("value.total > 99.5", True),
            ("value.user.name = Ada L", True),
            ("value.tags = [1,2]", True),
            ("value.tags.0 = 1", True),
            ("value.nothing = 1", False),
            ("value ~ Ada", True),
        ],
    )
    def test_a_field_is_compared_by_its_kind(self, condition: str, holds: bool) -> None:
        value = b'{"total":100,"user":{"name":"Ada L"},"tags":[1,2]}'
        given = record(value, b"k1", region="eu", tries=1, fragile=True, none=None)
        assert parse_conditions([condition], NOW)(given) is holds

    def test_several_conditions_must_all_hold(self) -> None:
        assert not parse_conditions(["partition = 2", "offset = 1"], NOW)(record())
        assert parse_conditions([], NOW)(record())

    def test_a_value_that_is_not_json_has_no_fields(self) -> None:
        assert not parse_conditions(["value.a = 1"], NOW)(record(b"text"))

    @pytest.mark.parametrize(
        "condition", ["", "key", "= 1", "kye = 1", "key ~ (", "timestamp > noon", "age > 5"]
    )
    def test_what_is_no_condition_is_refused(self, condition: str) -> None:
        with pytest.raises(BadInput):
            parse_conditions([condition], NOW)

    def test_an_unknown_field_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(BadInput) as caught:
            parse_conditions(["kye = 1"], NOW)
        assert caught.value.hint == "did you mean key?"
