"""Strict JSON: both ways agree, and no body takes long."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.ingest.strict_json import parse_json, parse_json_fast, parse_json_mildly

DEPTH = 16
KIB_64 = 65536
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def outcome(parse: Any, body: bytes) -> Any:
    try:
        return parse(body, DEPTH)
    except InvalidInput as error:
        return str(error)


def parse_strictly(body: bytes, depth: int) -> Any:
    return parse_json(body, depth, unique_keys=False)


@given(VALUES, st.booleans())
def test_what_is_json_comes_back(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse_json_fast(body, 64) == parse_json(body, 64) == value


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()[:-1]))
def test_the_fast_way_judges_like_the_strict_one(body: bytes) -> None:
    assert outcome(parse_json_fast, body) == outcome(parse_strictly, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1e999}',
        b'{"a":-1e999}',
        b'{"a":NaN}',
        b'{"a":9223372036854775808}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'"\\ud800"',
        b'"\\u0000"',
        b'{"\\u0000":1}',
        b"[" * 17 + b"]" * 17,
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b"[" * 30_000,
        b"\xff",
        b"",
        b"{} {}",
    ],
)
def test_neither_way_takes_it(body: bytes) -> None:
    for parse in (parse_json_fast, parse_strictly):
        with pytest.raises(InvalidInput) as refused:
            parse(body, DEPTH)
        assert refused.value.problems[0].reason


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        (b'{"a":9223372036854775808,"b":1}', {"a": "9223372036854775808", "b": 1}),
        (b'{"a":-9223372036854775808,"b":9223372036854775807}', {"a": "-9223372036854775808", "b": 2**63 - 1}),
        (b'{"a":' + b"9" * 5000 + b"}", {"a": "9" * 5000}),
        (b'{"a":1e999,"b":NaN,"c":-Infinity}', {"a": "1e999", "b": None, "c": None}),
        (b'["\\ud83d","\\ude00\\ud83d","\\ud83d\\ude00"]', ["\ufffd", "\ufffd\ufffd", "\U0001f600"]),
        (b'{"a\\u0000b\\ud800":"\\u0000c"}', {"ab\ufffd": "c"}),
        (b"[" * 17 + b"]" * 17 + b" ", [[[[[[[[[[[[[[[[None]]]]]]]]]]]]]]]]),
        (b'[1,{"a":' * 9 + b"2" + b"}]" * 9, None),
    ],
)
def test_what_no_database_can_keep_is_mended(body: bytes, mended: Any) -> None:
    found = parse_json_mildly(body, DEPTH)
    assert found == mended or mended is None
    assert parse_json(json.dumps(found).encode(), DEPTH) == found


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'"\xed\xa0\x80"', b"{} {}", b"[" * 30_000, b"[" * 9000 + b"]" * 9000]
)
def test_what_is_no_json_is_not_mended(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_json_mildly(body, DEPTH)
    assert refused.value.problems[0].reason


@given(VALUES)
def test_what_needs_no_mending_stays_as_it_is(value: Any) -> None:
    assert parse_json_mildly(json.dumps(value).encode(), 64) == value


def test_a_bracket_in_a_text_is_no_nesting() -> None:
    body = json.dumps({"a": "[" * 100 + '\\"{'}).encode()
    assert parse_json_fast(body, DEPTH) == parse_json(body, DEPTH)


def test_of_a_key_given_twice_the_last_counts_or_none_does() -> None:
    assert parse_json_fast(b'{"a":1,"a":2}', DEPTH) == {"a": 2}
    with pytest.raises(InvalidInput, match="twice"):
        parse_json(b'{"a":1,"a":2}', DEPTH)


@pytest.mark.parametrize(
    "piece", [b'\\"', b'"', b"[", b"{", b"\\", b'"a', b"\\u", b"9", b"1e9", b'{"a":', b"[],", b"\xc3"]
)
def test_no_body_takes_long(piece: bytes) -> None:
    started = time.process_time()
    for body in (piece * (KIB_64 // len(piece)), b'"' + piece * (KIB_64 // len(piece)), b'["' + piece * 9000):
        outcome(parse_json_fast, body)
        outcome(parse_strictly, body)
        outcome(parse_json_mildly, body)
    assert time.process_time() - started < 4.0  # quadratic scanning took 16 s for one of these
