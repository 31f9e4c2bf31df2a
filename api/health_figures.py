"""What the Health page says: the account of events, reasons in words, sites, the use of the API, and the storage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from api import overview_figures
from api.dashboard_address import View
from shared.clock import local_day
from shared.config import Settings
from shared.deliver.charts import alt_text
from shared.deliver.svg_chart import svg_spark
from shared.derive import kpis
from shared.derive.api_usage import RouteUse, load_api_usage
from shared.derive.intake_health import Account, load_account, load_received
from shared.messages import Series
from shared.store.dialect import database_bytes
from shared.store.models import ApiKey

TILES = ("schema_validity", "coverage", "intake_error_rate", "ingestion_lag_p95")
QUIET = timedelta(hours=24)  # a site that sent before and is silent for so long is shown as broken
REASONS: Mapping[str, tuple[str, str]] = {
    "bot": ("Known bots", "Crawlers and automated browsers, known by their name."),
    "gpc": ("Global Privacy Control", "The browser asks every site not to pass anything on."),
    "dnt": ("Do Not Track", "The browser asks not to be tracked."),
    "limit": ("Over the limit", "More in one minute than a visitor or a key may send; see [limits] in the settings."),
    "invalid": ("Not as declared", "A field or property is missing or wrong; the answer said which."),
    "too_many_names": ("Too many new names", "More undeclared names on one day than limits.custom_names allows."),
    "cannot_store": ("Could not be stored", "The store was busy, full or away. Who sends it again is counted again."),
    "cut_off": ("Cut off", "Warroom stopped while this was being stored. It may be in the store nevertheless."),
    "not_allowed": ("Key of another site", "The key that was shown belongs to another site."),
    "too_old": ("Too long ago", "Said to have happened more than 400 days ago, or 7 days without a key."),
    "too_large": ("Too large", "A body above its limit, or a request with too many messages: those count one by one."),
    "not_an_event": ("No event", "Another client's message that is no event, such as a trait of a user."),
    "import": ("Not taken from an import", "Rows of an imported file that are no event; the import said which."),
    "unknown_site": ("Unknown site", "The tag names a site that is not configured."),
    "unreadable": ("Not readable", "A body that is no JSON or has no events; it counts as one."),
    "error": ("A fault of ours", "Something unexpected went wrong; the log says what."),
}


@dataclass(frozen=True)
class DropRow:
    title: str
    meaning: str
    count: int
    bar: float  # percent of the longest


@dataclass(frozen=True)
class SiteRow:
    """A site with its newest event; `state` says in a word whether it sends."""

    name: str
    key: str
    newest: datetime | None
    state: str
    tone: str
    received: int


@dataclass(frozen=True)
class UseRow:
    use: RouteUse
    half: str
    p95: str
    keys: list[str]


@dataclass(frozen=True)
class Storage:
    size: str
    free: str  # empty where the database is elsewhere


async def load_tiles(session: AsyncSession, view: View, now: datetime) -> list[overview_figures.Tile]:
    tiles = []
    for name in TILES:
        figure = await overview_figures.load_figure(session, name, view, now)
        points = await kpis.series(session, name, view.site.key, view.start, view.end)
        tiles.append(overview_figures.make_tile(figure, view, is_chosen=False, points=points))
    return tiles


async def draw_received(session: AsyncSession, view: View) -> Markup:
    """The small curve beside the equation."""
    points = await load_received(session, view.site.key, view.start, view.end)
    if len(points) < 2 or not any(point.value for point in points):
        return Markup("")
    words = alt_text(Series(name="Events received a day", unit="count", points=points))
    return Markup(svg_spark(points, words))  # noqa: S704 - drawn by us, escapes its words itself


def drop_rows(account: Account) -> list[DropRow]:
    """The reasons in words; one that nobody put into words stands as it is."""
    most = max(account.drops.values(), default=1)
    rows = []
    for reason, count in account.drops.items():
        title, meaning = REASONS.get(reason, (reason.replace("_", " ").capitalize(), ""))
        rows.append(DropRow(title, meaning, count, round(100 * count / most, 1)))
    return rows


async def load_sites(session: AsyncSession, settings: Settings, view: View, now: datetime) -> list[SiteRow]:
    """Every site: when the last event came and how many did in the period."""
    rows = []
    for site in settings.all_sites():
        newest = await overview_figures.newest_event(session, site.key, local_day(now, site.zone))
        account = await load_account(session, site.key, view.start, view.end)
        state, tone = state_of(newest, now)
        rows.append(SiteRow(site.name, site.key, newest, state, tone, account.received))
    return rows


def state_of(newest: datetime | None, now: datetime) -> tuple[str, str]:
    """A word for how long the last event is ago, and its tone."""
    if newest is None:
        return "no event yet", "muted"
    return ("silent", "bad") if now - newest > QUIET else ("sends", "good")


async def load_uses(session: AsyncSession, view: View) -> list[UseRow]:
    """The use of the API in the period, with the names of the keys."""
    names = {key.id: key.name for key in (await session.execute(select(ApiKey))).scalars()}
    uses = await load_api_usage(session, view.start, view.end)
    return [
        UseRow(use, _within(use.half_within_ms), _within(use.p95_within_ms), _key_names(use, names)) for use in uses
    ]


def _key_names(use: RouteUse, names: Mapping[str, str]) -> list[str]:
    return [f"{names.get(key_id, 'a removed key')} ({kpis.short_number(count)})" for key_id, count in use.keys.items()]


def _within(milliseconds: float) -> str:
    return "over 60 s" if milliseconds == float("inf") else kpis.duration(milliseconds)


async def load_storage(session: AsyncSession, settings: Settings) -> Storage:
    """How large the database is, and how much room its disk has while that is ours."""
    free = bytes_in_words(psutil.disk_usage(str(settings.store.data_dir)).free) if settings.uses_sqlite else ""
    return Storage(bytes_in_words(await database_bytes(session)), free)


def bytes_in_words(size: float) -> str:
    """“812 kB”, “12.4 MB”, “3.1 GB”."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
