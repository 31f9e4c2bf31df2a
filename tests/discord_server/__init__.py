"""A strict stand-in for Discord on loopback: REST, gateway, sign-in; discord.py talks to it unchanged.

    async with DiscordServer() as server:
        guild = server.add_guild("Docs")
        channel = server.add_channel(guild, "war-room")
        ada = server.add_member("ada")
        ...  # start the bot on server.api_base, server.gateway_url, server.token
        outcome = await server.slash(ada, "feedback send", {"text": "nice"}, channel=channel)
        assert outcome.ephemeral

The rules it enforces stand in the modules that are named after them; faults are scripted through `server.faults`.
"""

from tests.discord_server import faults, intents, permissions
from tests.discord_server.driver import DiscordServer
from tests.discord_server.errors import ApiError, DriverError, NoAnswer, NotAllowed, UnknownCommand
from tests.discord_server.faults import Fault
from tests.discord_server.journal import Journal, RequestRecord
from tests.discord_server.outcome import InteractionOutcome, Modal
from tests.discord_server.world import Channel, Guild, Message, Role, User

__all__ = [
    "ApiError",
    "Channel",
    "DiscordServer",
    "DriverError",
    "Fault",
    "Guild",
    "InteractionOutcome",
    "Journal",
    "Message",
    "Modal",
    "NoAnswer",
    "NotAllowed",
    "RequestRecord",
    "Role",
    "UnknownCommand",
    "User",
    "faults",
    "intents",
    "permissions",
]
