"""The question itself: five score buttons, "Don't ask me again", and "Add words" afterwards."""

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot import prompt_answers
from bot.replies import Answer
from bot.views.dynamic_button import PREFIX, ROW_ID, Handled, button, view_of
from bot.views.words_modal import words_modal
from shared.config import Settings
from shared.deliver.discord_text import clean
from shared.texts import Texts

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

SCORES = range(1, 6)


class ScoreButton(
    Handled,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"{PREFIX}:score:(?P<prompt>{ROW_ID}):(?P<score>[1-5])",
):
    """Stores the score, then opens the form for words; the stored score stands whatever happens to the form."""

    access = "everyone"

    def __init__(self, prompt_id: str, score: int) -> None:
        super().__init__(button(str(score), f"{PREFIX}:score:{prompt_id}:{score}", row=0))
        self.prompt_id = prompt_id
        self.score = score

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["prompt"], int(match["score"]))

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        feedback_id = await prompt_answers.take_score(interaction, answer, self.prompt_id, self.score)
        if feedback_id is None:
            await answer.replace(answer.text("prompt_already"))
            return
        view = words_view(interaction.client.runtime.texts, answer.language, feedback_id)
        if await answer.open(words_modal(answer, feedback_id)):
            await prompt_answers.show_thanks(interaction, answer.text("thanks_score"), view)
        else:
            await answer.say(answer.text("thanks_score"), view=view)


class NeverButton(
    Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=rf"{PREFIX}:never:(?P<prompt>{ROW_ID})"
):
    """Ends the question for good."""

    access = "everyone"
    late = "update"

    def __init__(self, prompt_id: str, label: str = "never") -> None:
        super().__init__(button(label, f"{PREFIX}:never:{prompt_id}", row=1))
        self.prompt_id = prompt_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["prompt"])

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        await prompt_answers.never_again(interaction, answer, self.prompt_id)
        await answer.replace(answer.text("opt_out_done"))


class WordsButton(
    Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=rf"{PREFIX}:words:(?P<feedback>{ROW_ID})"
):
    """Opens the form for words again."""

    access = "everyone"

    def __init__(self, feedback_id: str, label: str = "words") -> None:
        super().__init__(button(label, f"{PREFIX}:words:{feedback_id}", discord.ButtonStyle.primary))
        self.feedback_id = feedback_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["feedback"])

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        await answer.open(words_modal(answer, self.feedback_id))


class AnswerButton(
    Handled, discord.ui.DynamicItem[discord.ui.Button[Any]], template=rf"{PREFIX}:answer:(?P<prompt>{ROW_ID})"
):
    """In the feedback channel, when direct messages are closed: shows the question to its owner only."""

    access = "everyone"

    def __init__(self, prompt_id: str, label: str = "answer") -> None:
        super().__init__(button(label, f"{PREFIX}:answer:{prompt_id}", discord.ButtonStyle.primary))
        self.prompt_id = prompt_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["prompt"])

    async def press(self, interaction: discord.Interaction["WarroomClient"], answer: Answer) -> None:
        runtime = interaction.client.runtime
        prompt = await prompt_answers.open_question(interaction, answer, self.prompt_id)
        if prompt is None:
            await answer.say(answer.text("prompt_already"))
            return
        question = question_text(runtime.texts, runtime.settings, answer.language, prompt.site)
        await answer.say(question, view=question_view(runtime.texts, answer.language, prompt.id))


def question_text(
    texts: Texts, settings: Settings, language: str | None, site: str, key: str = "prompt_question"
) -> str:
    """The question with what its ends mean."""
    known = settings.site(site)
    question = texts.say(language, key, site=clean(known.name if known else site, 200))
    return f"{question}\n1 = {texts.say(language, 'prompt_low')} · 5 = {texts.say(language, 'prompt_high')}"


def question_view(texts: Texts, language: str | None, prompt_id: str) -> discord.ui.View:
    scores = [ScoreButton(prompt_id, score) for score in SCORES]
    return view_of(*scores, NeverButton(prompt_id, texts.say(language, "prompt_never")))


def words_view(texts: Texts, language: str | None, feedback_id: str) -> discord.ui.View:
    return view_of(WordsButton(feedback_id, texts.say(language, "thanks_words_button")))


def answer_view(texts: Texts, language: str | None, prompt_id: str) -> discord.ui.View:
    return view_of(AnswerButton(prompt_id, texts.say(language, "fallback_open")))
