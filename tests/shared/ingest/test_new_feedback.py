"""What may be sent as feedback: types, bounds, scales."""

from typing import Any

import pytest

from shared.config import load_settings
from shared.errors import InvalidInput
from shared.ingest.feedback import parse_feedback, parse_form

LIMITS = load_settings({}).limits


def problems(**fields: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        parse_feedback({"site": "docs", **fields}, LIMITS)
    return [problem.field for problem in refused.value.problems]


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "good"},
        {"score": 5},
        {"score": 4.0, "scale": "1-7"},
        {"score": 0, "scale": "0-10"},
        {"score": 1, "scale": "0-1"},
        {"score": 3, "scale_min": 1, "scale_max": 5},
        {"category": "praise"},
        {"text": "x" * 5000},
        {"text": "good", "unknown": {"a": [1]}},
        {"text": "good", "id": "a" * 64, "person": "0123456789abcdef", "language": "pt-BR"},
    ],
)
def test_good_feedback_is_taken(fields: dict[str, Any]) -> None:
    parse_feedback({"site": "docs", **fields}, LIMITS)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "text"),
        ({"text": "   "}, "text"),
        ({"category": "unsorted"}, "text"),
        ({"text": "x" * 5001}, "text"),
        ({"text": 5}, "text"),
        ({"text": ["a"]}, "text"),
        ({"score": 6}, "score"),
        ({"score": 0}, "score"),
        ({"score": 3.5}, "score"),
        ({"score": "4"}, "score"),
        ({"score": True}, "score"),
        ({"score": float("nan")}, "score"),
        ({"score": float("inf")}, "score"),
        ({"score": 8, "scale": "1-7"}, "score"),
        ({"score": 3, "scale": "2-4"}, "scale"),
        ({"score": 3, "scale_min": 1, "scale_max": 100}, "scale"),
        ({"text": "a", "scale": "1-5"}, "scale"),
        ({"text": "a", "category": "rant"}, "category"),
        ({"text": "a", "id": "short"}, "id"),
        ({"text": "a", "id": "x" * 65}, "id"),
        ({"text": "a", "person": "../etc"}, "person"),
        ({"text": "a", "language": "<b>"}, "language"),
        ({"text": "a", "contact": "x" * 201}, "contact"),
        ({"text": "a", "plan": "x" * 101}, "plan"),
        ({"text": "a", "survey": ""}, "survey"),
        ({"text": "a", "page": 7}, "page"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(fields: dict[str, Any], named: str) -> None:
    assert problems(**fields) == [named]


def test_several_mistakes_are_named_at_once() -> None:
    assert problems(score="a", category="b") == ["score", "category"]


def test_what_no_database_takes_is_left_out() -> None:
    assert parse_feedback({"site": "docs", "text": "a\x00b\ud800c"}, LIMITS).text == "abc"


def test_a_form_says_its_score_in_words_and_leaves_fields_empty() -> None:
    new = parse_form({"site": "docs", "text": "", "score": " 4 ", "scale": "1-5", "contact": ""}, LIMITS)
    assert (new.score, new.text, new.contact, new.bounds) == (4.0, None, None, (1, 5))


def test_a_form_without_a_score_needs_no_scale() -> None:
    assert parse_form({"site": "docs", "text": "good", "scale": "1-5"}, LIMITS).bounds is None


def test_a_form_with_a_wordy_score_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_form({"site": "docs", "score": "four"}, LIMITS)
    assert refused.value.problems[0].field == "score"
