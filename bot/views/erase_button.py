"""The confirmation of /privacy erase."""

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.replies import Answer
from bot.views.dynamic_button import PREFIX, Handled, button, view_of
from shared.store.models import Platform
from shared.texts import Texts

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

ERASE_ID = f"{PREFIX}:erase"
SELF = "self"  # on record: who asked is what is being erased


class EraseButton(Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=ERASE_ID):
    """Erases who pressed it, nobody else; it is no usage, or erasing would leave a new trace."""

    access = "everyone"
    late = "update"
    counts_as_usage = False

    def __init__(self, label: str = "erase") -> None:
        super().__init__(button(label, ERASE_ID, discord.ButtonStyle.danger))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls()

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        runtime = interaction.client.runtime
        await runtime.eraser.erase(Platform.DISCORD.value, str(interaction.user.id), SELF)
        await answer.replace(answer.text("erase_done"))


def erase_view(texts: Texts, language: str | None) -> discord.ui.View:
    return view_of(EraseButton(texts.say(language, "erase_confirm_button")))
