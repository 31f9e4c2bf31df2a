"""What happens to feedback before it is stored: personal data out, then the score; off the loop, before the unit."""

import asyncio
from dataclasses import dataclass
from typing import Any

from shared.config import LimitSettings, SentimentSettings
from shared.derive.sentiment import NO_TEXT, SentimentLimits, score_sentiment
from shared.guard.redaction import redact
from shared.guard.request_traces import remove_traces
from shared.identifiers import keyed_hash
from shared.ingest.event_fields import NOT_OF_AN_ID, clean_page
from shared.ingest.event_properties import clean_free_text
from shared.ingest.feedback.new_feedback import NewFeedback

NAMES = ("survey", "plan", "segment")
CHARACTERS_A_SECOND = 250_000  # fifty of the longest texts, many times what the limits let in


@dataclass(frozen=True)
class PreparedText:
    """`columns` are the values of a feedback row that follow from its text."""

    text: str | None
    columns: dict[str, Any]


def clean_fields(new: NewFeedback, limits: LimitSettings, key: bytes) -> NewFeedback:
    """The feedback whose fields beside its words hold no query, address or secret; `contact` is what was meant."""
    texts = {name: clean_free_text(text).strip() or None for name in NAMES if (text := getattr(new, name))}
    element = new.element and clean_free_text(new.element)
    page = clean_page(new.page, limits.page_characters)
    return new.model_copy(update={**texts, "element": element, "page": page, "id": _clean_id(new.id, key)})


def _clean_id(sent: str | None, key: bytes) -> str | None:
    """An id is random; what tells more is known again by a keyed hash."""
    is_plain = sent is None or (NOT_OF_AN_ID.search(sent) is None and clean_free_text(sent) == sent)
    return sent if is_plain or sent is None else keyed_hash(key, "feedback id", sent)


class Preparation:
    """Prepares one text at a time, off the loop, and rests after it as long as its length asks for.

    Python in another thread takes the loop's time: limits are counted only when a text is prepared, and a flood of
    long ones must not keep everybody's events waiting. The rest delays the next text only.
    """

    def __init__(self) -> None:
        self._free = asyncio.Lock()

    async def prepare(self, text: str | None, rules: SentimentSettings, language: str | None) -> PreparedText:
        if text is None:
            return redact_and_score(text, rules, language)
        await self._free.acquire()
        try:
            return await asyncio.to_thread(redact_and_score, text, rules, language)
        finally:
            asyncio.get_running_loop().call_later(len(text) / CHARACTERS_A_SECOND, self._free.release)


def redact_and_score(text: str | None, rules: SentimentSettings, language: str | None) -> PreparedText:
    """Scores what is kept, so that the same text always has the same score."""
    if text is None or not text.strip():
        return PreparedText(None, {"text": None, "language": language, "not_scored_reason": NO_TEXT})
    redacted = redact(remove_traces(text.strip()).strip())
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
