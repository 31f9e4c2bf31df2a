"""What everyone's commands say of themselves, from the `[texts.<language>]` tables; their names stay English.

Such a command carries the key of its text. Once the cogs are loaded English takes the key's place, and with every
sync the other languages go to Discord, which shows each member the nearest one.
"""

from typing import Any

import discord
from discord import app_commands

from shared.texts import Texts

KEY = "text"


def by_key(key: str) -> app_commands.locale_str:
    """A text to be filled in once the texts are known."""
    return app_commands.locale_str(key, **{KEY: key})


def in_english(texts: Texts, text: app_commands.locale_str) -> app_commands.locale_str:
    """The same text with its English words; unchanged when it came by no key."""
    key = text.extras.get(KEY)
    return text if key is None else app_commands.locale_str(texts.say("en", key), **{KEY: key})


def fill_in_english(tree: app_commands.CommandTree[Any], texts: Texts) -> None:
    """The commands of the global list; it may be done again for the next client."""
    english = texts.table("en")
    for command in tree.walk_commands():
        command.description = english.get(command.description, command.description)
        if isinstance(command, app_commands.Command):
            said = {p.name: in_english(texts, p.locale_description) for p in command.parameters if p.locale_description}
            app_commands.describe(**said)(command)


class CommandTranslator(app_commands.Translator):
    """Answers the library's question for each text and each language that Discord knows."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        key = string.extras.get(KEY)
        return None if key is None else self._texts.translation(locale.value, key)
