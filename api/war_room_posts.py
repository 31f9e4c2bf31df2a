"""The War Room as the dashboard shows it: what every channel tells the team, and each voice as it arrives.

Messages come from the one feed of all channels. A voice that an instant note told about stands there once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from api.feedback_pages import SOURCE_TITLES, say_score
from api.rendering import draw, render_text
from shared.config import Settings
from shared.deliver.plain_text import clean_line
from shared.deliver.war_room import FEED_KINDS, FeedItem, read_feed
from shared.derive import inbox
from shared.identifiers import fingerprint
from shared.messages import NegativeFeedback
from shared.store.models import Feedback, FeedbackStatus
from shared.texts import Texts

POSTS = 30
VOICE = "voice"
KIND_TITLES = {
    VOICE: "Voices",
    "negative_feedback": "Very unhappy",
    "alert": "Alerts",
    "summary": "Summaries",
    "notice": "Notices",
}
DELIVERY = {
    "pending": "on its way to the team's channel",
    "claimed": "being sent",
    "sent": "sent",
    "uncertain": "perhaps sent: the connection broke",
    "dead": "could not be sent",
    "skipped": "not sent: too late",
}
QUOTE_MARK = "“"


@dataclass(frozen=True)
class Line:
    """A line of a post; `starts_group` sets it apart from those above."""

    text: str
    is_quote: bool = False
    starts_group: bool = False


@dataclass(frozen=True)
class ShownPost:
    """`mark` changes whenever anything that is shown changes."""

    key: str  # m and the number of a message, or f and the id of feedback
    title: str
    lines: list[Line]
    tone: str
    created_at: datetime
    zone: str
    site_name: str
    svg: Markup
    facts: str
    delivery: str
    status: str
    feedback_id: str
    is_unseen: bool
    can_reply: bool
    mark: str

    @property
    def order(self) -> int:
        """Milliseconds; larger is newer."""
        return int(self.created_at.timestamp() * 1000)

    @property
    def once(self) -> str:
        """A reply from this post is sent once however often the button is pressed on this state of it."""
        return f"{self.key}-{self.mark}"


@dataclass(frozen=True)
class Wanted:
    """Which messages a page shows, and where it begins: before a message and before a voice."""

    kind: str = ""
    site: str = ""
    before_message: int | None = None
    before_voice: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of messages; none when only voices are wanted."""
        if self.kind == VOICE:
            return ()
        return (self.kind,) if self.kind in FEED_KINDS else FEED_KINDS

    @property
    def with_voices(self) -> bool:
        return self.kind in ("", VOICE)


@dataclass(frozen=True)
class Page:
    """Posts, newest first; `older` is where the next page begins, if there is one."""

    posts: list[ShownPost]
    older: tuple[str, str] | None


async def load_page(session: AsyncSession, settings: Settings, texts: Texts, wanted: Wanted) -> Page:
    """Messages and voices merged by time."""
    feed: list[FeedItem] = []
    if wanted.kinds:
        before, site = wanted.before_message, wanted.site or None
        feed = await read_feed(
            session, settings, texts, before_id=before, kinds=wanted.kinds, site=site, limit=POSTS + 1
        )
    voices: list[Feedback] = []
    if wanted.with_voices:
        voices = await inbox.list_quiet_feedback(session, wanted.site, POSTS + 1, wanted.before_voice)
    statuses = await _statuses(session, [feedback_of(item) for item in feed])
    posts = [make_post(item, settings, statuses) for item in feed]
    posts += [make_voice(voice, settings) for voice in voices]
    posts.sort(key=lambda post: (post.created_at, post.key), reverse=True)
    shown = posts[:POSTS]
    if len(posts) == len(shown):
        return Page(shown, None)
    messages = [post.key[1:] for post in shown if post.key.startswith("m")]
    said = [post.key[1:] for post in shown if post.key.startswith("f")]
    last_message = messages[-1] if messages else str(wanted.before_message or "")
    return Page(shown, (last_message, said[-1] if said else wanted.before_voice))


def make_lines(lines: Sequence[str]) -> list[Line]:
    """Empty lines become space above the next one; quotes are shown as such."""
    found, starts_group = [], False
    for line in lines:
        if line:
            found.append(Line(line, line.startswith(QUOTE_MARK), starts_group))
        starts_group = not line
    return found


def make_voice(feedback: Feedback, settings: Settings) -> ShownPost:
    """One voice: its words, how it sounded, where it came from."""
    site = settings.site(feedback.site)
    name = site.name if site else feedback.site
    score, words = say_score(feedback), clean_line(feedback.text or "", 600)
    sounded = (feedback.sentiment or "not scored") if words else ""
    facts = [score if words else "", sounded, feedback.category, SOURCE_TITLES.get(feedback.source, feedback.source)]
    lines = [Line(f"“{words}”", is_quote=True)] if words else []
    is_answer = (feedback.scale_min, feedback.scale_max) == (0, 1)
    tone = {"positive": "good", "negative": "warning"}.get(feedback.sentiment or "", "info")
    return ShownPost(
        key=f"f{feedback.id}",
        title="Somebody wrote" if words else f"Somebody {score}" if is_answer else f"Somebody gave {score}",
        lines=lines,
        tone=tone,
        created_at=feedback.received_at,
        zone=site.zone if site else settings.war_room.zone,
        site_name=name,
        svg=Markup(""),
        facts=" · ".join(fact for fact in (*facts, feedback.page) if fact),
        delivery="",
        status=feedback.status,
        feedback_id=feedback.id,
        is_unseen=feedback.status == FeedbackStatus.NEW,
        can_reply=bool(feedback.reply_to),
        mark=fingerprint(feedback.status, words, score, *facts)[:16],
    )


def make_post(item: FeedItem, settings: Settings, statuses: dict[str, str]) -> ShownPost:
    site = settings.site(item.site)
    feedback_id = feedback_of(item)
    status = statuses.get(feedback_id, "")
    message = item.message
    post = item.post
    return ShownPost(
        key=f"m{item.id}",
        title=post.title,
        lines=make_lines(post.lines),
        tone=post.severity,
        created_at=item.created_at,
        zone=site.zone if site else settings.war_room.zone,
        site_name=site.name if site else item.site,
        svg=draw(post.chart, f"post-{item.id}-chart") if post.chart else Markup(""),
        facts="",
        delivery=DELIVERY.get(item.state, item.state),
        status=status,
        feedback_id=feedback_id if status else "",
        is_unseen=status == FeedbackStatus.NEW,
        can_reply=isinstance(message, NegativeFeedback) and message.can_reply,
        mark=fingerprint(item.state, status, post.title, *post.lines)[:16],
    )


def feedback_of(item: FeedItem) -> str:
    """The feedback that a note is about, while its author has not erased it."""
    message = item.message
    return message.quote.feedback_id if isinstance(message, NegativeFeedback) and not message.quote.removed else ""


def state_of(posts: Sequence[ShownPost]) -> str:
    """One short word for everything that is shown: equal words, equal pages."""
    return fingerprint(*(f"{post.key}:{post.mark}" for post in posts))[:20]


def render_posts(posts: Sequence[ShownPost], csrf: str, back: str, may_act: bool) -> str:
    return "".join(
        render_text("dashboard/post.html", post=post, csrf=csrf, back=back, may_act=may_act) for post in posts
    )


async def _statuses(session: AsyncSession, ids: Sequence[str]) -> dict[str, str]:
    wanted = [feedback_id for feedback_id in ids if feedback_id]
    if not wanted:
        return {}
    rows = await session.execute(select(Feedback.id, Feedback.status).where(col(Feedback.id).in_(wanted)))
    return {feedback_id: status for feedback_id, status in rows}
