"""What scripted people do: use commands, press, choose, fill in forms, write.

Each act is checked as a real client would check it; what no real person could do raises DriverError in the test.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.discord_server import permissions
from tests.discord_server.command_input import CommandInput, find_command
from tests.discord_server.command_validation import CHAT, MESSAGE, USER
from tests.discord_server.component_validation import BUTTON
from tests.discord_server.errors import DriverError, NoAnswer, NotAllowed
from tests.discord_server.form_input import check_choice, fill_modal, find_component
from tests.discord_server.outcome import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, InteractionOutcome, Modal
from tests.discord_server.payloads import message_payload
from tests.discord_server.posting import post_message
from tests.discord_server.server import ServerCore
from tests.discord_server.world import Channel, Guild, Message, User

Values = Mapping[str, Any]


class DiscordServer(ServerCore):
    """The server with its people; `expect_answer=False` returns the outcome also if nothing came in time."""

    async def slash(
        self,
        user: User,
        command: str,
        options: Values | None = None,
        *,
        guild: Guild | None = None,
        channel: Channel | None = None,
        locale: str | None = None,
        expect_answer: bool = True,
        timeout: float = 15.0,
    ) -> InteractionOutcome:
        """Uses a command; with neither server nor channel it is used in the direct messages with the bot."""
        where = self.place_of(user, guild, channel)
        root, *words = command.removeprefix("/").split()
        declared, by_install = find_command(self, root, CHAT, where, user)
        data = CommandInput(self, where, user).build(declared, words, options or {})
        outcome = self.interactions.open(COMMAND, user, where, data, locale=locale, by_user_install=by_install)
        return await self.settle(outcome, expect_answer, timeout)

    async def autocomplete(
        self,
        user: User,
        command: str,
        option: str,
        text: str,
        *,
        options: Values | None = None,
        guild: Guild | None = None,
        channel: Channel | None = None,
        expect_answer: bool = True,
    ) -> InteractionOutcome:
        """Types into an option; the suggestions are in `outcome.choices`."""
        where = self.place_of(user, guild, channel)
        root, *words = command.removeprefix("/").split()
        declared, by_install = find_command(self, root, CHAT, where, user)
        data = CommandInput(self, where, user).build(declared, words, {**(options or {}), option: text}, option)
        outcome = self.interactions.open(AUTOCOMPLETE, user, where, data, by_user_install=by_install)
        return await self.settle(outcome, expect_answer, 15.0)

    async def message_command(
        self, user: User, name: str, message: Message, *, expect_answer: bool = True
    ) -> InteractionOutcome:
        """A command from the menu of a message, which brings the message whole."""
        where = message.channel
        declared, by_install = find_command(self, name, MESSAGE, where, user)
        target = str(message.id)
        resolved = {"messages": {target: message_payload(self.world, message)}}
        data = {"id": declared["id"], "name": name, "type": MESSAGE, "target_id": target, "resolved": resolved}
        if declared.get("guild_id"):
            data["guild_id"] = declared["guild_id"]
        outcome = self.interactions.open(COMMAND, user, where, data, by_user_install=by_install)
        return await self.settle(outcome, expect_answer, 15.0)

    async def user_command(
        self, user: User, name: str, target: User, *, channel: Channel, expect_answer: bool = True
    ) -> InteractionOutcome:
        """A command from the menu of a person."""
        declared, by_install = find_command(self, name, USER, channel, user)
        form = CommandInput(self, channel, user)
        form.add_user(target)
        data = {
            "id": declared["id"],
            "name": name,
            "type": USER,
            "target_id": str(target.id),
            "resolved": form.resolved,
        }
        if declared.get("guild_id"):
            data["guild_id"] = declared["guild_id"]
        outcome = self.interactions.open(COMMAND, user, channel, data, by_user_install=by_install)
        return await self.settle(outcome, expect_answer, 15.0)

    async def press(
        self,
        user: User,
        message: Message | InteractionOutcome,
        name: str,
        *,
        expect_answer: bool = True,
    ) -> InteractionOutcome:
        """Presses a button, named by custom id or label."""
        shown = self.visible_message(user, message)
        component = find_component(shown.components, name)
        if component["type"] != BUTTON:
            raise DriverError(f"{name!r} is a select: use choose")
        data = {"custom_id": component["custom_id"], "component_type": BUTTON, "id": component["id"]}
        outcome = self.interactions.open(COMPONENT, user, shown.channel, data, source=shown)
        return await self.settle(outcome, expect_answer, 15.0)

    async def press_forged(
        self, user: User, message: Message, custom_id: str, *, expect_answer: bool = True
    ) -> InteractionOutcome:
        """A button that is not on the message: of an old version, or an id that somebody made up."""
        data = {"custom_id": custom_id, "component_type": BUTTON, "id": 1}
        outcome = self.interactions.open(COMPONENT, user, message.channel, data, source=message)
        return await self.settle(outcome, expect_answer, 15.0)

    async def choose(
        self,
        user: User,
        message: Message | InteractionOutcome,
        name: str,
        values: Sequence[str],
        *,
        expect_answer: bool = True,
    ) -> InteractionOutcome:
        """Chooses values of a select, named by custom id or placeholder."""
        shown = self.visible_message(user, message)
        component = find_component(shown.components, name)
        if component["type"] == BUTTON:
            raise DriverError(f"{name!r} is a button: use press")
        check_choice(component, list(values))
        data = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component["id"],
            "values": list(values),
            "resolved": {},
        }
        outcome = self.interactions.open(COMPONENT, user, shown.channel, data, source=shown)
        return await self.settle(outcome, expect_answer, 15.0)

    async def submit_modal(
        self,
        user: User,
        modal: Modal | InteractionOutcome,
        values: Values,
        *,
        expect_answer: bool = True,
    ) -> InteractionOutcome:
        """Fills in and sends a form; `values` go by custom id or label. A refused form stays open, as for real."""
        form = modal.modal if isinstance(modal, InteractionOutcome) else modal
        if form is None:
            raise DriverError("no modal was opened")
        if form.user is not user or not form.is_open:
            raise NotAllowed(f"the form {form.title!r} is not open on the screen of {user.name}")
        data = {"custom_id": form.custom_id, "components": fill_modal(form.components, values), "resolved": {}}
        origin = form.opened_by
        outcome = self.interactions.open(
            MODAL_SUBMIT, user, origin.channel, data, source=origin.source, by_user_install=origin.by_user_install
        )
        outcome = await self.settle(outcome, expect_answer, 15.0)
        form.is_open = outcome.timed_out
        return outcome

    def user_message(
        self,
        user: User,
        channel: Channel,
        text: str,
        mentions: Sequence[User] = (),
        *,
        reply_to: Message | None = None,
    ) -> Message:
        """Somebody writes; mentions are put in front of the text."""
        bits = self.world.permissions_in(channel, user)
        needed = permissions.SEND_MESSAGES_IN_THREADS if channel.is_thread else permissions.SEND_MESSAGES
        if not bits & needed:
            raise NotAllowed(f"{user.name} may not write in {channel.name}")
        written = " ".join([*(user.mention for user in mentions), text])
        return post_message(self, channel, user, {"content": written}, {}, reference=reply_to)

    def dm(self, user: User, text: str, *, reply_to: Message | None = None) -> Message:
        """Somebody writes to the bot in private."""
        if not self.world.is_reachable(user):
            raise NotAllowed(f"{user.name} shares no server with the bot")
        channel = self.world.direct_channel(user)
        return post_message(self, channel, user, {"content": text}, {}, reference=reply_to)

    def place_of(self, user: User, guild: Guild | None, channel: Channel | None) -> Channel:
        if channel is None and guild is not None:
            channel = next((one for one in guild.channels.values() if not one.is_thread), None)
            if channel is None:
                raise DriverError(f"{guild.name} has no channel")
        if channel is None:
            return self.world.direct_channel(user)
        if channel.guild is not None and user.id not in channel.guild.members:
            raise NotAllowed(f"{user.name} is not in {channel.guild.name}")
        return channel

    def visible_message(self, user: User, message: Message | InteractionOutcome) -> Message:
        shown = message.message if isinstance(message, InteractionOutcome) else message
        if shown.deleted:
            raise DriverError("the message is gone")
        if shown.visible_to not in (None, user):
            raise NotAllowed(f"{user.name} does not see this ephemeral message")
        channel = shown.channel
        is_there = channel.recipient is user or self.world.permissions_in(channel, user) & permissions.VIEW_CHANNEL
        if not is_there:
            raise NotAllowed(f"{user.name} does not see {channel.name}")
        return shown

    async def settle(self, outcome: InteractionOutcome, expect_answer: bool, timeout: float) -> InteractionOutcome:
        """Waits for the first answer, and after a deferral for its content."""
        window = self.interactions.answer_within_seconds
        try:
            await self.wait_for(lambda: outcome.response is not None, window + 0.05)
        except TimeoutError:
            if expect_answer:
                hint = "" if self.gateway.is_connected else " (no bot is connected)"
                raise NoAnswer(f"the application did not respond{hint}; refused: {outcome.refusals}") from None
            return outcome
        if outcome.is_thinking:
            try:
                await self.wait_for(lambda: outcome.is_complete, timeout)
            except TimeoutError:
                if expect_answer:
                    raise NoAnswer("the application deferred and then said nothing") from None
        return outcome
