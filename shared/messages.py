"""Typed messages: what an outbox row says, before any channel turns it into a post.

Payloads hold plain numbers, words and series; a picture is drawn when the message is sent. Text that
people wrote is in here as it was stored; each channel escapes it with its own one function.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter


class Doubt(StrEnum):
    """What happens when it is unknown whether a message arrived (see README, "Delivery")."""

    NEVER_RESEND = "never_resend"  # a prompt: at most once
    RESEND = "resend"  # an alert: at least once, same nonce
    LOOK_THEN_RESEND = "look_then_resend"  # a summary or a post on X: look at the channel first


class Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _moment_or_day(value: object) -> object:
    """A stored midnight must come back as a moment, not as a day."""
    return datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else value


class Point(Payload):
    """One value of a series; `value` is null where the metric is undefined."""

    at: Annotated[date | datetime, BeforeValidator(_moment_or_day)]
    value: float | None


class Series(Payload):
    """A line of a chart."""

    name: str
    unit: str
    points: list[Point]
    previous: list[Point] = []


class Figure(Payload):
    """One metric of a post: value and counts, against the period before."""

    kpi: str
    title: str
    unit: str
    direction: Literal["up", "down", "none"]
    value: float | None
    count: int | None = None  # cases the value rests on
    numerator: int | None = None
    denominator: int | None = None
    previous: float | None = None
    previous_count: int | None = None  # cases the previous value rests on
    reason: str | None = None  # why there is no value


class QuotedFeedback(Payload):
    """Words of somebody, without a name."""

    feedback_id: str
    text: str
    why: Literal["most positive", "most negative", "newest", "reported"]
    compound: float | None = None
    score: float | None = None
    scale_max: int | None = None
    source: str = ""
    page: str | None = None
    removed: bool = False


class NegativeFeedback(Payload):
    """Somebody is very unhappy: told at once, with buttons Seen / Reply / Open."""

    kind: Literal["negative_feedback"] = "negative_feedback"
    site: str
    quote: QuotedFeedback
    category: str
    received_at: datetime
    words: list[tuple[str, float]] = []
    can_reply: bool = False


class Summary(Payload):
    """The daily or weekly summary of one site."""

    kind: Literal["summary"] = "summary"
    site: str
    site_name: str
    period: Literal["daily", "weekly"]
    start: date
    end: date  # inclusive
    zone: str
    figures: list[Figure]
    categories: dict[str, int]
    words: list[tuple[str, int]]  # most-used words so far
    quotes: list[QuotedFeedback]
    asked: dict[str, int]  # eligible, opted_in, asked, answered
    open_alerts: list[str]
    chart: Series | None = None
    missed: int = 0  # older periods that were not reported


class AlertPost(Payload):
    """An alert fired, changed or ended."""

    kind: Literal["alert"] = "alert"
    phase: Literal["fired", "updated", "resolved"]
    alert_id: str
    site: str
    rule: str
    severity: Literal["P1", "P2", "P3"]
    figure: Figure
    compare: Literal["below", "above", "drop", "rise"]
    threshold: float
    expected: float | None = None
    window_hours: int
    fired_at: datetime
    resolved_at: datetime | None = None
    definition: str
    chart: Series | None = None
    reply_to_outbox: int | None = None  # the row of the first post


class Notice(Payload):
    """Something about Warroom itself that the team must know."""

    kind: Literal["notice"] = "notice"
    site: str = ""
    title: str
    text: str
    severity: Literal["info", "warning", "bad"] = "info"


class PromptDirect(Payload):
    """The day-7 question as a direct message, on Discord or X."""

    kind: Literal["prompt_direct"] = "prompt_direct"
    prompt_id: str
    identity_id: str
    site: str
    language: str | None = None
    opens_conversation: bool = False  # counts against the caps of opening


class PromptFallback(Payload):
    """A button in the community's feedback channel, when direct messages are closed."""

    kind: Literal["prompt_fallback"] = "prompt_fallback"
    prompt_id: str
    identity_id: str
    site: str
    guild_id: str
    channel_id: str
    language: str | None = None


class DirectReply(Payload):
    """The team's answer, or thanks, into an open conversation."""

    kind: Literal["direct_reply"] = "direct_reply"
    identity_id: str
    text: str
    feedback_id: str | None = None
    prompt_id: str | None = None
    offer_words: bool = False
    confirms_stop: bool = False  # X: the one message that may follow a STOP


class XReply(Payload):
    """One templated reply to a mention."""

    kind: Literal["x_reply"] = "x_reply"
    in_reply_to: str
    text: str
    feedback_id: str | None = None


class PostRemoval(Payload):
    """Edits one of our posts so that erased words are gone from it."""

    kind: Literal["post_removal"] = "post_removal"
    outbox_id: int
    channel_id: str
    message_id: str


Message = Annotated[
    NegativeFeedback
    | Summary
    | AlertPost
    | Notice
    | PromptDirect
    | PromptFallback
    | DirectReply
    | XReply
    | PostRemoval,
    Field(discriminator="kind"),
]
MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)

WAR_ROOM = "war_room"

DOUBT: dict[str, Doubt] = {
    "negative_feedback": Doubt.RESEND,
    "summary": Doubt.LOOK_THEN_RESEND,
    "alert": Doubt.RESEND,
    "notice": Doubt.RESEND,
    "prompt_direct": Doubt.NEVER_RESEND,
    "prompt_fallback": Doubt.NEVER_RESEND,
    "direct_reply": Doubt.RESEND,
    "x_reply": Doubt.LOOK_THEN_RESEND,
    "post_removal": Doubt.RESEND,
}

LATE_AFTER_MINUTES: dict[str, int] = {
    "x_reply": 24 * 60,
}


def parse_message(payload: object) -> Message:
    """The typed message of a stored payload."""
    return MESSAGE.validate_python(payload)
