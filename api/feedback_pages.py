"""How feedback reads on the dashboard: rows of the list, the open item with the words that moved its score, chips."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from api.dashboard_address import View
from shared.deliver.plain_text import clean_line, remove_unseen
from shared.derive import inbox
from shared.derive.inbox import InboxFilter
from shared.store.models import Feedback, FeedbackStatus, Identity

FILTERS = ("sentiment", "source", "category", "status", "page", "words")
PATH = "/app/feedback"
SENTIMENT_TITLES = {
    "positive": "Positive",
    "neutral": "Neutral",
    "negative": "Negative",
    inbox.NOT_SCORED: "Not scored",
}
SOURCE_TITLES = {"web": "Web", "form": "Form", "api": "API", "discord": "Discord", "x": "X"}
STATUS_TITLES = {"new": "New", "seen": "Seen", "answered": "Answered", "closed": "Closed"}
REASON_TITLES = {
    "findability": "how easy it was to find",
    "clarity": "how clear it is",
    "accuracy": "whether it is right and works",
    "out_of_date": "out of date",
    "other": "something else",
}
PLATFORM_TITLES = {"discord": "Discord", "x": "X", "web": "the web"}
MOVES = {
    "new": (("seen", "Mark as seen"), ("answered", "Mark as answered"), ("closed", "Close")),
    "seen": (("answered", "Mark as answered"), ("closed", "Close"), ("new", "Mark as new")),
    "answered": (("closed", "Close"), ("new", "Mark as new")),
    "closed": (("new", "Open again"),),
}
EXPORT_COLUMNS = (
    "id",
    "received_at",
    "site",
    "source",
    "status",
    "score",
    "scale_min",
    "scale_max",
    "text",
    "category",
    "reason",
    "sentiment",
    "compound",
    "not_scored_reason",
    "language",
    "survey",
    "page",
    "element",
    "plan",
    "segment",
    "contact",
)


@dataclass(frozen=True)
class Chip:
    title: str
    address: str
    count: int = 0
    is_chosen: bool = False


@dataclass(frozen=True)
class Row:
    id: str
    address: str
    headline: str
    sentiment: str | None
    score: str
    category: str
    reason: str
    source: str
    page: str | None
    status: str
    received_at: datetime


@dataclass(frozen=True)
class TextPart:
    """A piece of the text; `moved` says how a word moved the score."""

    text: str
    moved: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Item:
    id: str
    title: str
    received_at: datetime
    parts: list[TextPart]
    facts: list[tuple[str, str]]
    page_address: str
    moves: tuple[tuple[str, str], ...]
    can_reply: bool
    platform: str
    no_reply: str


def read_filter(query: Mapping[str, str], view: View) -> InboxFilter:
    """The filter of an address; values that do not exist do not filter."""
    known = {
        "sentiment": inbox.SENTIMENTS,
        "source": inbox.SOURCES,
        "category": inbox.CATEGORIES,
        "status": inbox.STATUSES,
    }
    chosen = {name: query.get(name, "") if query.get(name, "") in values else "" for name, values in known.items()}
    words = {name: query.get(name, "").strip()[:200].replace("\0", "") for name in ("page", "words")}
    return InboxFilter(view.site.key, view.start, view.end, **chosen, **words)


def choices() -> dict[str, list[tuple[str, str]]]:
    return {
        "sentiment": list(SENTIMENT_TITLES.items()),
        "source": list(SOURCE_TITLES.items()),
        "category": [(name, name.capitalize()) for name in inbox.CATEGORIES],
        "status": list(STATUS_TITLES.items()),
    }


def status_chips(view: View, counts: Mapping[str, int], wanted: InboxFilter) -> list[Chip]:
    everything = Chip("All", view.link(PATH, status=""), sum(counts.values()), not wanted.status)
    single = [
        Chip(title, view.link(PATH, status=status), counts[status], wanted.status == status)
        for status, title in STATUS_TITLES.items()
    ]
    return [everything, *single]


def filter_chips(view: View, wanted: InboxFilter) -> list[Chip]:
    """What is filtered, as sentences; each link removes one."""
    sentences = {
        "sentiment": f"Sentiment is {SENTIMENT_TITLES.get(wanted.sentiment, '').lower()}",
        "source": f"Source is {SOURCE_TITLES.get(wanted.source, '')}",
        "category": f"Category is {wanted.category}",
        "page": f"Page is {wanted.page}",
        "words": f"Text has “{wanted.words}”",
    }
    return [Chip(text, view.link(PATH, **{name: ""})) for name, text in sentences.items() if getattr(wanted, name)]


def make_row(feedback: Feedback, view: View, keep: Mapping[str, str]) -> Row:
    score = say_score(feedback)
    return Row(
        id=feedback.id,
        address=view.link(f"{PATH}/{feedback.id}", **keep),
        headline=clean_line(feedback.text or "", 300)
        or (score[:1].upper() + score[1:] if score else "Nothing written"),
        sentiment=feedback.sentiment,
        score=score if feedback.text else "",
        category=feedback.category,
        reason=REASON_TITLES.get(feedback.reason or "", ""),
        source=SOURCE_TITLES.get(feedback.source, feedback.source),
        page=feedback.page,
        status=feedback.status,
        received_at=feedback.received_at,
    )


def make_item(feedback: Feedback, view: View, conversation: Identity | None) -> Item:
    return Item(
        id=feedback.id,
        title=STATUS_TITLES.get(feedback.status, feedback.status),
        received_at=feedback.received_at,
        parts=split_text(remove_unseen(feedback.text or ""), feedback.sentiment_words),
        facts=_facts(feedback),
        page_address=view.link(PATH, page=feedback.page) if feedback.page else "",
        moves=MOVES.get(feedback.status, MOVES[FeedbackStatus.SEEN.value]),
        can_reply=conversation is not None,
        platform=PLATFORM_TITLES.get(conversation.platform if conversation else "", ""),
        no_reply=_why_no_reply(feedback),
    )


def say_score(feedback: Feedback) -> str:
    """“4 of 5”, “9 of 10”, and yes or no on the scale 0 to 1."""
    if feedback.score is None:
        return ""
    if (feedback.scale_min, feedback.scale_max) == (0, 1):
        return "found it helpful" if feedback.score else "did not find it helpful"
    return (
        f"score {feedback.score:g} of {feedback.scale_max}"
        if feedback.scale_max is not None
        else f"score {feedback.score:g}"
    )


def split_text(text: str, words: list[list[object]]) -> list[TextPart]:
    """The text cut at the words that moved its score, each with how much."""
    weights = {str(word).lower(): float(str(weight)) for word, weight in words[:50] if str(word).strip()}
    if not weights:
        return [TextPart(text)] if text else []
    pattern = "|".join(re.escape(word) for word in sorted(weights, key=len, reverse=True))
    parts = []
    for piece in re.split(rf"(?<!\w)({pattern})(?!\w)", text, flags=re.IGNORECASE):
        weight = weights.get(piece.lower())
        if weight is None:
            parts.append(TextPart(piece))
        else:
            way = "lifted" if weight > 0 else "lowered"
            parts.append(TextPart(piece, f"{way} the score by {abs(weight):.1f}", "good" if weight > 0 else "bad"))
    return [part for part in parts if part.text]


def _facts(feedback: Feedback) -> list[tuple[str, str]]:
    if feedback.sentiment:
        sounded = f"{feedback.sentiment} ({feedback.compound:+.2f})" if feedback.compound is not None else ""
    else:
        sounded = f"not scored: {feedback.not_scored_reason}" if feedback.not_scored_reason else "not scored"
    removed = ", ".join(f"{count} × {kind.replace('_', ' ')}" for kind, count in feedback.redactions.items())
    facts = [
        ("Sentiment", sounded),
        ("Score", say_score(feedback)),
        ("Category", feedback.category),
        ("Reason", REASON_TITLES.get(feedback.reason or "", feedback.reason)),
        ("Source", SOURCE_TITLES.get(feedback.source, feedback.source)),
        ("Page", feedback.page),
        ("Part of the page", feedback.element),
        ("Survey", feedback.survey),
        ("Plan", feedback.plan),
        ("Segment", feedback.segment),
        ("Contact", feedback.contact),
        ("Language", feedback.language),
        ("Removed from it", removed),
    ]
    return [(name, value) for name, value in facts if value]


def _why_no_reply(feedback: Feedback) -> str:
    if feedback.contact:
        return "Its author left a contact above; there is no conversation to reply into from here."
    return "No reply from here: its author wrote without an open conversation."
