"""How often the scorer agrees with people, on texts of three kinds (see tests/data/sentiment_dev/README.md).

Macro-F1 and share of wrong signs, dev halves, "not scored" counted as neutral:
plain VADER at 0.05    stackoverflow .732 / .039   pullrequests .479 / .130   tweets .687 / .010
this scorer at 0.05    stackoverflow .81  / .018   pullrequests .62  / .09    tweets .72  / .015
"""

import json
from pathlib import Path
from statistics import pstdev

import pytest

from shared.derive.kpis.wording import SPREADS
from shared.derive.sentiment import score_sentiment

_FOLDER = Path(__file__).parents[2] / "data" / "sentiment_dev"
_LABELS = ("positive", "neutral", "negative")


@pytest.mark.parametrize(
    ("name", "least_f1", "most_wrong_signs"),
    [("stackoverflow", 0.78, 0.025), ("pullrequests", 0.59, 0.11), ("tweets", 0.70, 0.02)],
)
def test_labels_agree_with_people(name: str, least_f1: float, most_wrong_signs: float) -> None:
    rows = [json.loads(line) for line in (_FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]
    pairs = [(row["label"], score_sentiment(row["text"]).label or "neutral") for row in rows]
    wrong_signs = sum(set(pair) == {"positive", "negative"} for pair in pairs) / len(pairs)
    assert measure_macro_f1(pairs) >= least_f1
    assert wrong_signs <= most_wrong_signs


def test_hardly_any_english_text_is_taken_for_another_language() -> None:
    rows = [
        json.loads(line) for path in sorted(_FOLDER.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]
    refused = sum(score_sentiment(row["text"]).not_scored_reason == "language" for row in rows)
    assert refused / len(rows) < 0.01


def test_changes_are_judged_by_a_spread_that_texts_have() -> None:
    """Pull requests .40, Stack Overflow .55, tweets .53: the widest counts, so that chance is never told as change."""
    spreads = []
    for path in sorted(_FOLDER.glob("*.jsonl")):
        scores = [score_sentiment(json.loads(line)["text"]).compound for line in path.read_text("utf-8").splitlines()]
        spreads.append(pstdev([score for score in scores if score is not None]))
    assert min(spreads) < SPREADS["compound"] == pytest.approx(max(spreads), abs=0.01)


def measure_macro_f1(pairs: list[tuple[str, str]]) -> float:
    scores = []
    for label in _LABELS:
        both = sum(person == label == scorer for person, scorer in pairs)
        either = sum((person == label) + (scorer == label) for person, scorer in pairs)
        scores.append(2 * both / either)
    return sum(scores) / len(scores)
