"""What happens to a text before it is stored: personal data out, then the score; off the loop, before the unit."""

import asyncio
from dataclasses import dataclass
from typing import Any

from shared.config import SentimentSettings
from shared.derive.sentiment import NO_TEXT, SentimentLimits, score_sentiment
from shared.guard.redaction import redact


@dataclass(frozen=True)
class PreparedText:
    """`columns` are the values of a feedback row that follow from its text."""

    text: str | None
    columns: dict[str, Any]


async def prepare_text(text: str | None, rules: SentimentSettings, language: str | None) -> PreparedText:
    return await asyncio.to_thread(redact_and_score, text, rules, language)


def redact_and_score(text: str | None, rules: SentimentSettings, language: str | None) -> PreparedText:
    """Scores what is kept, so that the same text always has the same score."""
    if text is None or not text.strip():
        return PreparedText(None, {"text": None, "language": language, "not_scored_reason": NO_TEXT})
    redacted = redact(text.strip())
    limits = SentimentLimits(characters=rules.text_characters, words=rules.text_words, emoji=rules.emoji)
    score = score_sentiment(redacted.text, limits)
    columns = {
        "text": redacted.text,
        "redactions": dict(redacted.counts),
        "language": score.language or language,
        "sentiment": score.label,
        "compound": score.compound,
        "sentiment_words": [list(pair) for pair in score.words],
        "not_scored_reason": score.not_scored_reason,
    }
    return PreparedText(redacted.text, columns)
