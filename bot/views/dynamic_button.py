"""What all our buttons share: they live in their custom id, so they work after a restart.

The id carries an opaque row id only; the handler checks that who pressed may use that row. A second press
is taken quietly. Every button declares who may use it.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import discord

from bot.discord_roles import require
from bot.replies import Answer, Late, answering

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

ROW_ID = "[0-9a-z]{26}"
PREFIX = "wr"


class Handled:
    """Mixed in before DynamicItem: role, time limit, errors and usage around `press`."""

    access: ClassVar[str]
    late: ClassVar[Late] = "new"
    counts_as_usage: ClassVar[bool] = True

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        client: WarroomClient = interaction.client
        async with answering(interaction, client.runtime, client.in_flight, self.late) as answer:
            if answer is None:
                return
            refusal = answer.text("error_not_allowed")
            await require(interaction, client.runtime.settings.discord, self.access, refusal)
            await self.press(interaction, answer)
            if self.counts_as_usage:
                client.dispatch("used", interaction)

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not say what a press does")


def button(
    label: str, custom_id: str, style: discord.ButtonStyle = discord.ButtonStyle.secondary, row: int | None = None
) -> discord.ui.Button[Any]:
    return discord.ui.Button(label=label[:80], custom_id=custom_id, style=style, row=row)


def view_of(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """A view that nobody needs to remember."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view
