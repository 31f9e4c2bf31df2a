"""Turns the one wording of a message into a Discord embed: escaped, within every limit, with a chart if it has one."""

import io
import logging
from collections.abc import Sequence

import discord

from shared.deliver.charts import alt_text, draw_chart
from shared.deliver.discord_text import clean, truncate_utf16
from shared.deliver.war_room import Post
from shared.messages import Series
from shared.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

CHART_FILE = "chart.png"
TITLE_LIMIT, DESCRIPTION_LIMIT, LINE_LIMIT = 256, 4_096, 1_200
ALT_LIMIT = 1_024
LABEL_LIMIT = 40
MARKER = "ref "
MARKER_CHARACTERS = 12
COLOURS = {"info": 0x0B5CAD, "good": 0x0B7A5C, "warning": 0x7A5200, "bad": 0xA11D0F}


def marker(nonce: str | None) -> str:
    """What stands in the footer, so that a post is found again when its answer was lost."""
    return f"{MARKER}{(nonce or '')[:MARKER_CHARACTERS]}"


def make_embed(post: Post, nonce: str | None = None) -> discord.Embed:
    """Title, lines, colour and, for a row of the outbox, its marker."""
    embed = _embed(post.title, [_styled(line) for line in post.lines], str(post.severity))
    if nonce is not None:
        embed.set_footer(text=marker(nonce))
    return embed


def plain_embed(title: str, lines: Sequence[str], severity: str = "info") -> discord.Embed:
    """Every line escaped: what people wrote looks as they wrote it and does nothing."""
    return _embed(title, [clean(line, LINE_LIMIT) for line in lines], severity)


def _embed(title: str, written: Sequence[str], severity: str) -> discord.Embed:
    return discord.Embed(
        title=clean(title, TITLE_LIMIT),
        description=truncate_utf16("\n".join(written), DESCRIPTION_LIMIT),
        colour=COLOURS.get(severity, COLOURS["info"]),
    )


def _styled(line: str) -> str:
    """Escaped; people's words as a quotation, and what a line is about in bold: “**Page views:** 1,234”."""
    if line.startswith("“"):
        return f"> {clean(line, LINE_LIMIT)}"
    label, colon, rest = line.partition(": ")
    if not colon or len(label) > LABEL_LIMIT or not label.strip():
        return clean(line, LINE_LIMIT)
    return f"**{clean(label, LINE_LIMIT)}:** {clean(rest, LINE_LIMIT)}"


async def draw(worker: Worker, post: Post) -> discord.File | None:
    """The chart of a post, if it has one."""
    if post.chart is None:
        return None
    return await draw_series(worker, post.chart, post.title, post.alt_text)


async def draw_series(worker: Worker, series: Series, title: str, words: str | None = None) -> discord.File | None:
    """A chart as a file with alternative text; without a picture the words still go out."""
    try:
        picture = await worker.run(draw_chart, series.model_dump(mode="json"), title)
    except WorkerFailed:
        logger.warning("a chart could not be drawn")
        return None
    return discord.File(
        io.BytesIO(picture), CHART_FILE, description=truncate_utf16(words or alt_text(series), ALT_LIMIT)
    )


def with_chart(embed: discord.Embed, chart: discord.File | None) -> discord.Embed:
    if chart is not None:
        embed.set_image(url=f"attachment://{CHART_FILE}")
    return embed
