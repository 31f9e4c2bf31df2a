"""All submissions of our forms, whether they were opened by this process or by the one before.

No form is ever stored by the library, so this listener is the only one who answers them.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, get_args

import discord
from discord.ext import commands

from bot.discord_roles import require
from bot.ephemeral_prompt import ask, claim_question
from bot.note_actions import remember_conversation, send_reply
from bot.places import community_id, site_of
from bot.prompt_answers import SCALE, add_words, direct_channel_id, discord_sender
from bot.replies import Answer, Late, answering
from bot.views.opt_in_button import opt_in_view
from bot.views.words_modal import CATEGORY_FIELD, SCORE_FIELD, TEXT_FIELD, Submission, read_submission
from shared.errors import CannotStore, InvalidInput
from shared.ingest.feedback import NewFeedback
from shared.ingest.feedback.new_feedback import Category
from shared.ingest.identities import find_identity
from shared.store.models import Platform

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

ACCESS = {"send": "everyone", "words": "everyone", "reply": "operator"}


class FormsCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        submission = read_submission(interaction.data or {})
        if submission is None or submission.purpose not in ACCESS:
            return
        late: Late = "update" if submission.purpose == "words" and interaction.message else "new"
        async with answering(interaction, self.client.runtime, self.client.in_flight, late) as answer:
            if answer is not None:
                await self._take(interaction, answer, submission)

    async def _take(
        self, interaction: discord.Interaction["WarroomClient"], answer: Answer, submission: Submission
    ) -> None:
        settings = self.client.runtime.settings.discord
        await require(interaction, settings, ACCESS[submission.purpose], answer.text("error_not_allowed"))
        if submission.purpose == "send":
            await self._take_feedback(interaction, answer, submission)
        elif submission.purpose == "words":
            await add_words(interaction, answer, submission.row, submission.value(TEXT_FIELD) or "")
            await answer.replace(answer.text("thanks"))
        else:
            text = submission.value(TEXT_FIELD) or ""
            await send_reply(self.client.runtime, submission.row, text, interaction.user.id, submission.nonce)
            await answer.say(answer.text("note_reply_done"))

    async def _take_feedback(
        self, interaction: discord.Interaction["WarroomClient"], answer: Answer, submission: Submission
    ) -> None:
        """Stores, thanks, and then either asks what is due or offers to ask in a week."""
        text, score = submission.value(TEXT_FIELD), submission.value(SCORE_FIELD)
        if text is None and score is None:
            raise InvalidInput(answer.text("error_nothing_said"))
        site = await site_of(self.client.runtime, interaction.guild_id, interaction.user.id)
        new = NewFeedback(
            site=site.key,
            text=text,
            score=float(score) if score else None,
            scale=SCALE if score else None,
            category=chosen_category(submission),
        )
        runtime = self.client.runtime
        guild_id = community_id(runtime.settings, interaction.guild_id)
        key = f"interaction:{interaction.id}"
        direct_id = direct_channel_id(interaction)
        sender = discord_sender(interaction.user.id, key, answer.language, guild_id, direct_id)
        await runtime.feedback.take(new, sender)
        if direct_id is not None:
            with suppress(CannotStore):  # the feedback is stored; the next one in this conversation tells the same
                await remember_conversation(runtime, interaction.user.id, direct_id)
        question = await claim_question(interaction, answer)
        if question is None and await self._may_offer(interaction.user.id):
            view = opt_in_view(self.client.runtime.texts, answer.language)
            await answer.say(f"{answer.text('thanks')}\n{answer.text('opt_in_offer')}", view=view)
        else:
            await answer.say(answer.text("thanks"))
        if question is not None:
            await ask(interaction, answer, question)

    async def _may_offer(self, user_id: int) -> bool:
        """Who neither said yes nor no yet."""
        async with self.client.runtime.store.read() as session:
            known = await find_identity(session, Platform.DISCORD.value, str(user_id))
        return known is None or (known[1].opted_in_at is None and known[1].opted_out_at is None)


def chosen_category(submission: Submission) -> Category | None:
    """The category of the list; the submission comes from outside, so it is checked."""
    chosen = submission.value(CATEGORY_FIELD)
    return next((known for known in get_args(Category) if known == chosen), None)
