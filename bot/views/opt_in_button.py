"""The button "Ask me in a week", on the standing message and as an offer."""

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.opting import opt_in_sentence
from bot.replies import Answer
from bot.views.dynamic_button import PREFIX, Handled, button, view_of
from shared.texts import Texts

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

OPT_IN_ID = f"{PREFIX}:optin"


class OptInButton(Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=OPT_IN_ID):
    access = "everyone"

    def __init__(self, label: str = "opt in") -> None:
        super().__init__(button(label, OPT_IN_ID, discord.ButtonStyle.primary))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls()

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        await answer.say(await opt_in_sentence(interaction, answer, source="button"))


def opt_in_view(texts: Texts, language: str | None) -> discord.ui.View:
    return view_of(OptInButton(texts.say(language, "opt_in_button")))
