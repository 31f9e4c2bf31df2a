"""/inbox recent and search: what people wrote, newest first, without names."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.channels.discord_posts import plain_embed
from bot.replies import Answer
from bot.team_commands import chosen_site, is_private, suggest_site, team
from shared.deliver.discord_text import truncate_utf16
from shared.derive.inbox import InboxFilter, list_feedback
from shared.store.models import Feedback

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

MOST, USUAL = 20, 10
TEXT_SHOWN = 300
SEARCH_CHARACTERS = 100


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class InboxCog(commands.GroupCog, group_name="inbox", group_description="What people told us"):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="The newest feedback", extras=team("viewer"))
    @app_commands.describe(count="How many (at most 20)", site="Which site")
    @app_commands.autocomplete(site=suggest_site)
    async def recent(
        self,
        interaction: discord.Interaction["WarroomClient"],
        count: app_commands.Range[int, 1, MOST] = USUAL,
        site: str | None = None,
    ) -> None:
        await self._show(interaction, "Newest feedback", None, count, site)

    @app_commands.command(description="Feedback with these words", extras=team("analyst"))
    @app_commands.describe(words="Words in the text", site="Which site")
    @app_commands.autocomplete(site=suggest_site)
    async def search(
        self,
        interaction: discord.Interaction["WarroomClient"],
        words: app_commands.Range[str, 2, SEARCH_CHARACTERS],
        site: str | None = None,
    ) -> None:
        await self._show(interaction, f"Feedback with “{words}”", words, USUAL, site)

    async def _show(
        self,
        interaction: discord.Interaction["WarroomClient"],
        title: str,
        words: str | None,
        count: int,
        site: str | None,
    ) -> None:
        answer = Answer.of(interaction)
        await answer.defer(private=is_private(interaction))
        where = chosen_site(self.client.runtime.settings, site)
        wanted = InboxFilter(site=where.key, words=words or "")
        async with self.client.runtime.store.read() as session:
            found = await list_feedback(session, wanted, count)
        lines = [describe_feedback(feedback) for feedback in found] or [answer.text("inbox_nothing")]
        await answer.say(embed=plain_embed(title, lines), private=is_private(interaction))


def describe_feedback(feedback: Feedback) -> str:
    """When, how it sounds, the score with its scale, where from, and the words."""
    facts = [f"{feedback.received_at:%Y-%m-%d %H:%M}", feedback.source]
    if feedback.score is not None:
        facts.append(f"{feedback.score:g} of {feedback.scale_max}")
    if feedback.sentiment:
        facts.append(feedback.sentiment)
    if feedback.category != "unsorted":
        facts.append(feedback.category)
    if feedback.page:
        facts.append(feedback.page)
    words = f": “{truncate_utf16(' '.join(feedback.text.split()), TEXT_SHOWN)}”" if feedback.text else ""
    return " · ".join(facts) + words
