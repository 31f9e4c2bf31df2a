"""The answer to one interaction: in time, private, in the user's language, once.

Discord forgets an interaction after 3 seconds. An `Answer` that has said nothing after 1.5 seconds defers
by itself, and everything said later goes through the deferral. `answering` counts what is in flight and
turns every error into a private sentence; what nobody expected gets a reference that is also in the log.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import aiohttp
import discord
from discord import app_commands

from bot.places import is_refused
from shared.deliver.discord_text import clean, truncate_utf16
from shared.errors import CannotStore, InvalidInput, WarroomError
from shared.runtime import Runtime

logger = logging.getLogger(__name__)

DEFER_AFTER_SECONDS = 1.5
CONTENT_LIMIT = 2_000
ANSWER_KEY = "warroom_answer"
Late = Literal["new", "update"]


class InFlight:
    """How many handlers run, so that a stop can wait for them."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_stopping = False

    @contextmanager
    def one(self) -> Iterator[None]:
        self._count += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._idle.set()

    async def wait(self, seconds: float) -> bool:
        """Whether all handlers ended in time."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Answer:
    """Says one thing at the right time; `late` is what a deferral promises: a new message, or an update of the old."""

    def __init__(self, interaction: discord.Interaction[Any], runtime: Runtime, late: Late = "new") -> None:
        self.interaction = interaction
        self._runtime = runtime
        self._late = late
        self._lock = asyncio.Lock()
        self._said = False
        self._promised_publicly = False  # deferred where everybody sees "is thinking"

    @staticmethod
    def of(interaction: discord.Interaction[Any]) -> "Answer":
        """The answer that `answering` opened for this interaction."""
        answer: Answer = interaction.extras[ANSWER_KEY]
        return answer

    @property
    def language(self) -> str:
        return str(self.interaction.locale.value)

    def text(self, key: str, count: int | None = None, **values: object) -> str:
        return self._runtime.texts.say(self.language, key, count, **values)

    async def defer(self, *, private: bool = True) -> None:
        """At once, when the work may be slow; it fixes whether only the user sees the answer."""
        async with self._lock:
            if not self.interaction.response.is_done():
                thinking = self._late == "new"
                await self.interaction.response.defer(ephemeral=private and thinking, thinking=thinking)
                self._promised_publicly = thinking and not private

    async def say(
        self,
        content: str | None = None,
        *,
        view: discord.ui.View | None = None,
        embed: discord.Embed | None = None,
        file: discord.File | None = None,
        private: bool = True,
    ) -> None:
        """The answer, or what follows it."""
        parts = _parts(content, view, embed)
        async with self._lock:
            if not self.interaction.response.is_done():
                await self.interaction.response.send_message(ephemeral=private, **parts, **_file(file))
            elif self._late == "new" and not self._said and self._is_thinking():
                attachments = [file] if file else []
                await self.interaction.edit_original_response(**parts, attachments=attachments)
            else:
                await self.interaction.followup.send(ephemeral=private, **parts, **_file(file))
            self._said = True

    async def replace(self, content: str, view: discord.ui.View | None = None) -> None:
        """Changes the message whose button was pressed; says it anew where there is none."""
        content = truncate_utf16(content, CONTENT_LIMIT)
        async with self._lock:
            if not self.interaction.response.is_done() and self.interaction.message is not None:
                await self.interaction.response.edit_message(content=content, view=view, embeds=[])
                self._said = True
                return
            if self._late == "update" and self.interaction.message is not None:
                await self.interaction.edit_original_response(content=content, view=view, embeds=[])
                self._said = True
                return
        await self.say(content, view=view)

    async def change_view(self, view: discord.ui.View) -> None:
        """Changes only the buttons of the message whose button was pressed."""
        async with self._lock:
            if self.interaction.response.is_done():
                await self.interaction.edit_original_response(view=view)
            else:
                await self.interaction.response.edit_message(view=view)
            self._said = True

    async def open(self, modal: discord.ui.Modal) -> bool:
        """Shows a form; False when it is too late for one (a form can only be the first answer)."""
        async with self._lock:
            if self.interaction.response.is_done():
                return False
            modal.stop()  # keeps the library from storing it: one listener takes all submissions
            await self.interaction.response.send_modal(modal)
            self._said = True
            return True

    async def explain(self, error: BaseException) -> None:
        """The private sentence of an error; never raises."""
        sentence = self._sentence(error)
        try:
            if self._promised_publicly and not self._said:
                await self._withdraw()
            await self.say(sentence)
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as failure:
            logger.warning("an answer could not be given: %s", type(failure).__name__)

    async def _withdraw(self) -> None:
        """Takes back the public "is thinking": what follows can then be for the user alone."""
        async with self._lock:
            await self.interaction.delete_original_response()
            self._said = True

    def _is_thinking(self) -> bool:
        return self.interaction.response.type is discord.InteractionResponseType.deferred_channel_message

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, CannotStore):
            return self.text("error_cannot_store")
        if isinstance(error, InvalidInput):
            reasons = [f"{problem.field}: {problem.reason}" for problem in error.problems]
            return clean("\n".join([str(error), *reasons]), CONTENT_LIMIT)
        if isinstance(error, WarroomError):
            return truncate_utf16(str(error), CONTENT_LIMIT)
        if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
            return self.text("error_command_changed")
        reference = secrets.token_hex(4)
        logger.error("a handler failed, reference %s", reference, exc_info=error)
        return self.text("error_generic", reference=reference)


def _parts(content: str | None, view: discord.ui.View | None, embed: discord.Embed | None) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if content is not None:
        parts["content"] = truncate_utf16(content, CONTENT_LIMIT)
    if view is not None:
        parts["view"] = view
    if embed is not None:
        parts["embed"] = embed
    return parts


def _file(file: discord.File | None) -> dict[str, Any]:
    return {"file": file} if file else {}


@asynccontextmanager
async def answering(
    interaction: discord.Interaction[Any], runtime: Runtime, in_flight: InFlight, late: Late = "new"
) -> AsyncIterator[Answer | None]:
    """Around every handler. Yields None when it must not run: while stopping, or in a server that is not ours."""
    answer = Answer(interaction, runtime, late)
    interaction.extras[ANSWER_KEY] = answer
    if refusal := _refusal(interaction, runtime, in_flight):
        await answer.say(answer.text(refusal))
        yield None
        return
    with in_flight.one():
        watchdog = asyncio.create_task(_defer_in_time(answer, runtime))
        try:
            yield answer
        except Exception as error:  # the border of every handler: the user must hear something
            await answer.explain(error)
        finally:
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)


def _refusal(interaction: discord.Interaction[Any], runtime: Runtime, in_flight: InFlight) -> str | None:
    if in_flight.is_stopping:
        return "error_restarting"
    return "error_not_here" if is_refused(interaction, runtime.settings) else None


async def _defer_in_time(answer: Answer, runtime: Runtime) -> None:
    await runtime.clock.sleep(DEFER_AFTER_SECONDS)
    await answer.defer()
