"""Turns the one wording of a message into a Discord embed: escaped, within every limit, with a chart if it has one."""

import io
import logging

import discord

from shared.deliver.charts import draw_chart
from shared.deliver.discord_text import clean, truncate_utf16
from shared.deliver.war_room import Post
from shared.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

CHART_FILE = "chart.png"
TITLE_LIMIT, DESCRIPTION_LIMIT, LINE_LIMIT = 256, 4_096, 1_200
ALT_LIMIT = 1_024
MARKER = "ref "
MARKER_CHARACTERS = 12
COLOURS = {"info": 0x0B5CAD, "good": 0x0B7A5C, "warning": 0x7A5200, "bad": 0xA11D0F}


def marker(nonce: str | None) -> str:
    """What stands in the footer, so that a post is found again when its answer was lost."""
    return f"{MARKER}{(nonce or '')[:MARKER_CHARACTERS]}"


def make_embed(post: Post, nonce: str | None) -> discord.Embed:
    """Title, lines and footer of a post."""
    lines = [clean(line, LINE_LIMIT) for line in post.lines]
    embed = discord.Embed(
        title=clean(post.title, TITLE_LIMIT),
        description=truncate_utf16("\n".join(lines), DESCRIPTION_LIMIT),
        colour=COLOURS.get(str(post.severity), COLOURS["info"]),
    )
    embed.set_footer(text=marker(nonce))
    return embed


async def draw(worker: Worker, post: Post) -> discord.File | None:
    """The chart as a file with alternative text; without a picture the words still go out."""
    if post.chart is None:
        return None
    try:
        picture = await worker.run(draw_chart, post.chart.model_dump(mode="json"), post.title)
    except WorkerFailed:
        logger.warning("a chart could not be drawn")
        return None
    return discord.File(io.BytesIO(picture), CHART_FILE, description=truncate_utf16(post.alt_text or "", ALT_LIMIT))


def with_chart(embed: discord.Embed, chart: discord.File | None) -> discord.Embed:
    if chart is not None:
        embed.set_image(url=f"attachment://{CHART_FILE}")
    return embed
