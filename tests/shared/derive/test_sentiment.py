import random
import time
from collections.abc import Callable

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from shared.derive import sentiment
from shared.derive.sentiment import LANGUAGE, NO_TEXT, SCORING_FAILED, SentimentLimits, score_sentiment


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thanks, the guide is excellent!", "positive"),
        ("I like the docs", "positive"),
        ("I don’t like it", "negative"),
        ("The search is useless and annoying.", "negative"),
        ("it doesn't work", "negative"),
        ("IT DOESN'T WORK", "negative"),
        ("i LIKE the docs", "positive"),
        ("The importer works well", "positive"),
        ("lgtm", "positive"),
        ("the build is flaky", "negative"),
        ("Where do I set the timeout value, please?", "neutral"),
        ("How do I kill the process on error?", "neutral"),
        ("broken link", "negative"),
        ("ｇｒｅａｔ", "positive"),
        ("go\u200bod", "positive"),
    ],
)
def test_english_text_gets_a_label(text: str, label: str) -> None:
    assert score_sentiment(text).label == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("👍🏽", "positive"),
        ("❤️", "positive"),
        ("😡😡", "negative"),
        (":)", "positive"),
        (":-(", "negative"),
        ("+1", "positive"),
    ],
)
def test_emoji_and_emoticons_alone_are_scored_in_no_language(text: str, label: str) -> None:
    score = score_sentiment(text)
    assert (score.label, score.language) == (label, None)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("die Doku ist gut", "de"),
        ("Ich finde die neue Version leider viel zu langsam", "de"),
        ("no funciona", "es"),
        ("c'est une documentation trop compliquée", "fr"),
        ("не работает", "ru"),
        ("動きません", "ja"),
        ("gracias, muy útil 👍", "es"),
    ],
)
def test_other_languages_are_named_and_not_scored(text: str, language: str) -> None:
    score = score_sentiment(text)
    assert (score.label, score.compound, score.language, score.not_scored_reason) == (None, None, language, LANGUAGE)


@pytest.mark.parametrize(
    "text", ["", "   ", "\u200b", "5/5", "???", "https://example.com/awful", "```\nawful hate\n```"]
)
def test_text_without_words_of_its_own_is_not_scored(text: str) -> None:
    assert score_sentiment(text).not_scored_reason == NO_TEXT


@pytest.mark.parametrize(
    "noise",
    [
        "`hate_awful` ",
        "```\nterrible awful\n``` ",
        "https://example.com/hate/awful ",
        "WWW.example.com/hate/awful ",
        "~~~\nterrible awful\n~~~ ",
        "@hate-awful ",
        "<:awful:123456789012345678> ",
        "> I hate this awful thing\n",
        "\ud83d ",
    ],
)
def test_code_quotes_addresses_and_mentions_move_nothing(noise: str) -> None:
    assert score_sentiment(noise + "thanks for the guide").compound == score_sentiment("thanks for the guide").compound


def test_words_that_moved_it_come_strongest_first() -> None:
    words = score_sentiment("The guide is good, the examples are excellent and the search is awful, awful").words
    assert [word for word, _ in words] == ["excellent", "awful", "good"]


def test_at_most_eight_words_are_named() -> None:
    assert (
        len(score_sentiment("good great excellent awesome awful terrible hate love happy sad nice thanks").words) == 8
    )


class FullAnalyzer(sentiment._DeveloperAnalyzer):
    """Shows VADER all words each time, as it asks for."""

    _negation_check = staticmethod(SentimentIntensityAnalyzer._negation_check)
    _special_idioms_check = staticmethod(SentimentIntensityAnalyzer._special_idioms_check)


def test_few_words_shown_score_as_all_of_them() -> None:
    pieces = ["good", "bad", "great", "NOT", "never", "so", "this", "without", "doubt", "least", "at", "very", "no"]
    pieces += ["or", "nor", "isn't", "the", "step", "kind", "of", "sort", "bomb", "bus", "cut", "mustard", "hand", "to"]
    pieces += ["mouth", "yeah", "right", "die", "for", "upper", "ass", "fails", "slow", "but", "love", "WORST", ":)"]
    few, all_of_them = sentiment._DeveloperAnalyzer(), FullAnalyzer()
    chance = random.Random(3)
    for length in (1, 2, 3, 4, 5, 6, 8, 20, 60) * 20:
        text = " ".join(chance.choices(pieces, k=length))
        assert few.polarity_scores(text) == all_of_them.polarity_scores(text), text  # type: ignore[no-untyped-call]


def test_a_failing_scorer_is_a_reason(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(text: str, limits: SentimentLimits) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(sentiment, "_score", fail)
    assert score_sentiment("good").not_scored_reason == SCORING_FAILED


@pytest.mark.parametrize(
    "make",
    [
        lambda: "😀" * 2_000,
        lambda: "😀" * 500,
        lambda: "good table " * 6_000,
        lambda: "no ok " * 11_000,
        lambda: "but good " * 7_000,
        lambda: "x" * 65_536,
        lambda: "```" * 21_000,
        lambda: "`a" * 32_000,
        lambda: "<@" * 32_000,
        lambda: ">\n" * 32_000,
        lambda: "a" + "\u0301\u0323" * 32_000,
        lambda: "\ud800" * 65_536,
    ],
)
def test_vader_never_reads_more_than_the_caps(make: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    analyzer = sentiment._load_analyzer()
    read: list[str] = []
    original = type(analyzer).polarity_scores

    def polarity_scores(self: object, text: str) -> object:
        read.append(text)
        return original(analyzer, text)

    monkeypatch.setattr(type(analyzer), "polarity_scores", polarity_scores)
    score_sentiment(make())
    for text in read:
        assert len(text) <= 4_100
        assert len(text.split()) <= 200
        assert sum(character in analyzer.emojis for character in text) <= 40


@pytest.mark.parametrize("piece", ["😀", "good table ", "no ok ", "`a", "a\u0301\u0323\u0301", "x"])
def test_ten_times_the_text_takes_at_most_ten_times_as_long(piece: str) -> None:
    full = (piece * 65_536)[:65_536]
    few, many = (_fastest(lambda text=text: score_sentiment(text)) for text in (full[:6_553], full))
    assert many < 10 * few + 0.005


def _fastest(action: Callable[[], object]) -> float:
    durations = []
    for _ in range(3):
        started = time.thread_time()
        action()
        durations.append(time.thread_time() - started)
    return min(durations)
