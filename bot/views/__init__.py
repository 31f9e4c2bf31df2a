"""Buttons and forms: one file per component. All buttons are listed here, for `add_dynamic_items`."""

from typing import Any

import discord

from bot.views.erase_button import EraseButton
from bot.views.negative_note import ReplyButton, SeenButton
from bot.views.opt_in_button import OptInButton
from bot.views.score_buttons import AnswerButton, NeverButton, ScoreButton, WordsButton

BUTTONS: tuple[type[discord.ui.DynamicItem[discord.ui.Button[Any]]], ...] = (
    OptInButton,
    ScoreButton,
    NeverButton,
    WordsButton,
    AnswerButton,
    SeenButton,
    ReplyButton,
    EraseButton,
)
