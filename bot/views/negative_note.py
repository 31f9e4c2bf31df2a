"""The buttons under a note about very negative feedback: Seen, Reply, Open."""

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.note_actions import mark_seen, may_reply
from bot.replies import Answer
from bot.views.dynamic_button import PREFIX, ROW_ID, Handled, button, view_of
from bot.views.words_modal import reply_modal
from shared.config import Settings
from shared.texts import Texts

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient


class SeenButton(
    Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=rf"{PREFIX}:note:seen:(?P<feedback>{ROW_ID})"
):
    """Marks the feedback as seen; the button then says so to everybody."""

    access = "operator"
    late = "update"
    counts_as_usage = False

    def __init__(self, feedback_id: str, label: str = "seen", *, is_seen: bool = False) -> None:
        super().__init__(button(label, f"{PREFIX}:note:seen:{feedback_id}"))
        self.item.disabled = is_seen
        self.feedback_id = feedback_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["feedback"])

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        runtime = interaction.client.runtime
        await mark_seen(runtime, self.feedback_id, interaction.user.id)
        can_reply = await may_reply(runtime, self.feedback_id)
        view = note_view(runtime.texts, runtime.settings, self.feedback_id, can_reply=can_reply, is_seen=True)
        await answer.change_view(view)


class ReplyButton(
    Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=rf"{PREFIX}:note:reply:(?P<feedback>{ROW_ID})"
):
    access = "operator"
    counts_as_usage = False

    def __init__(self, feedback_id: str, label: str = "reply") -> None:
        super().__init__(button(label, f"{PREFIX}:note:reply:{feedback_id}", discord.ButtonStyle.primary))
        self.feedback_id = feedback_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["feedback"])

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        if await may_reply(interaction.client.runtime, self.feedback_id):
            await answer.open(reply_modal(answer, self.feedback_id))
        else:
            await answer.say(answer.text("note_reply_impossible"))


def note_view(
    texts: Texts, settings: Settings, feedback_id: str, *, can_reply: bool, is_seen: bool = False
) -> discord.ui.View:
    label = texts.say(None, "note_seen_done" if is_seen else "note_seen")
    items: list[discord.ui.Item[Any]] = [SeenButton(feedback_id, label, is_seen=is_seen)]
    if can_reply:
        items.append(ReplyButton(feedback_id, texts.say(None, "note_reply")))
    address = f"{settings.base_url}/app/feedback/{feedback_id}"
    items.append(discord.ui.Button(label=texts.say(None, "note_open"), url=address))
    return view_of(*items)
