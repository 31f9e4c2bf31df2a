"""What a real client would let a person type: finds the command, checks who sees it, turns values into options."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.discord_server import permissions
from tests.discord_server.command_validation import CHAT, GROUP, SUBCOMMAND
from tests.discord_server.errors import DriverError, Json, NotAllowed, UnknownCommand
from tests.discord_server.lengths import utf16_length
from tests.discord_server.payloads import member_payload, partial_channel_payload, role_payload, user_payload
from tests.discord_server.posting import store_attachment
from tests.discord_server.world import Channel, Role, User

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)


def find_command(server: "ServerCore", name: str, kind: int, channel: Channel, user: User) -> tuple[Json, bool]:
    """The command and whether it is there only because the person installed the application."""
    guild, key = channel.guild, (name, kind)
    if guild is not None and guild.has_bot and key in guild.commands:
        command = guild.commands[key]
    elif key in server.world.commands:
        command = server.world.commands[key]
    else:
        known = sorted(name for name, _ in [*server.world.commands, *(guild.commands if guild else [])])
        raise UnknownCommand(f"/{name} was never synced here; synced are {known}")
    by_user_install = _check_context(server, command, channel, user)
    if guild is not None:
        _check_permissions(server, command, channel, user)
    return command, by_user_install


def _check_context(server: "ServerCore", command: Json, channel: Channel, user: User) -> bool:
    context = 0 if channel.guild else 1
    if command.get("guild_id") is None and command["contexts"] is not None and context not in command["contexts"]:
        raise NotAllowed(f"/{command['name']} is not offered in context {context}, only in {command['contexts']}")
    has_bot = channel.guild.has_bot if channel.guild else server.world.shares_guild(user)
    if has_bot and 0 in command["integration_types"]:
        return False
    if user.has_installed and 1 in command["integration_types"]:
        return True
    raise NotAllowed(f"/{command['name']} is not installed where {user.name} tries to use it")


def _check_permissions(server: "ServerCore", command: Json, channel: Channel, user: User) -> None:
    bits = server.world.permissions_in(channel, user)
    if not bits & permissions.VIEW_CHANNEL:
        raise NotAllowed(f"{user.name} cannot see {channel.name}")
    if not bits & permissions.USE_APPLICATION_COMMANDS:
        raise NotAllowed(f"{user.name} may not use commands in {channel.name}")
    needed = command["default_member_permissions"]
    if needed is None or bits & permissions.ADMINISTRATOR:
        return
    if int(needed) == 0 or int(needed) & ~bits:
        raise NotAllowed(f"/{command['name']} is hidden from {user.name}: default_member_permissions {needed}")


def find_leaf(command: Json, words: list[str]) -> Json:
    """The sub-command that the remaining words name."""
    node = command
    for word in words:
        inner = [option for option in node.get("options") or [] if option["type"] in (SUBCOMMAND, GROUP)]
        found = next((option for option in inner if option["name"] == word), None)
        if found is None:
            raise UnknownCommand(f"{node['name']} has no {word}; it has {[option['name'] for option in inner]}")
        node = found
    if any(option["type"] in (SUBCOMMAND, GROUP) for option in node.get("options") or []):
        raise UnknownCommand(f"/{command['name']} cannot be used without a sub-command")
    return node


class CommandInput:
    """Checks values against the declared options and collects what they resolve to."""

    def __init__(self, server: "ServerCore", channel: Channel, user: User) -> None:
        self._server = server
        self._channel = channel
        self._user = user
        self.resolved: dict[str, dict[str, Json]] = {}

    def build(self, command: Json, words: list[str], values: Mapping[str, Any], focused: str | None = None) -> Json:
        leaf = find_leaf(command, words)
        options = self._options(leaf, values, focused)
        node = command
        path: list[Json] = []
        for word in words:
            node = next(option for option in node["options"] if option["name"] == word)
            path.append(node)
        for step in reversed(path):
            options = [{"name": step["name"], "type": step["type"], "options": options}]
        data: Json = {"id": command["id"], "name": command["name"], "type": CHAT}
        if options:
            data["options"] = options
        if command.get("guild_id"):
            data["guild_id"] = command["guild_id"]
        if self.resolved:
            data["resolved"] = self.resolved
        return data

    def _options(self, leaf: Json, values: Mapping[str, Any], focused: str | None) -> list[Json]:
        declared = {option["name"]: option for option in leaf.get("options") or []}
        unknown = set(values) - set(declared)
        if unknown:
            raise DriverError(f"{leaf['name']} has no options {sorted(unknown)}; it has {sorted(declared)}")
        if focused is None:
            missing = [name for name, option in declared.items() if option.get("required") and values.get(name) is None]
            if missing:
                raise DriverError(f"{leaf['name']} needs {missing}")
        elif not declared.get(focused, {}).get("autocomplete"):
            raise DriverError(f"{focused} of {leaf['name']} has no autocomplete")
        result = []
        for name, value in values.items():
            option = declared[name]
            entry: Json = {"name": name, "type": option["type"]}
            if name == focused:
                result.append({**entry, "value": str(value), "focused": True})
            elif value is not None:
                result.append({**entry, "value": self._value(option, value)})
        return result

    def _value(self, option: Json, value: Any) -> Any:
        kind, name = option["type"], option["name"]
        if kind in (USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT):
            return self._resolve(kind, value)
        expected: dict[int, type | tuple[type, ...]] = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}
        if not isinstance(value, expected[kind]) or (kind != BOOLEAN and isinstance(value, bool)):
            raise DriverError(f"{name} takes {expected[kind]}, not {value!r}")
        choices = option.get("choices")
        if choices and value not in [choice["value"] for choice in choices]:
            raise DriverError(f"{name} offers {[choice['value'] for choice in choices]}, not {value!r}")
        size: Any = utf16_length(value) if isinstance(value, str) else value
        low, high = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
        ceiling: Any = option.get(high) if option.get(high) is not None else (6000 if kind == STRING else 2**53)
        if (option.get(low) is not None and size < option[low]) or size > ceiling:
            raise DriverError(f"{name} is out of its limits: {value!r}")
        return value

    def _resolve(self, kind: int, value: Any) -> str:
        if kind == ATTACHMENT:
            attachment = store_attachment(self._server, *value)
            self._put("attachments", attachment)
            return str(attachment["id"])
        if isinstance(value, User) and kind in (USER, MENTIONABLE):
            self.add_user(value)
        elif isinstance(value, Channel) and kind == CHANNEL:
            self._put("channels", partial_channel_payload(self._server.world, value, self._user))
        elif isinstance(value, Role) and kind in (ROLE, MENTIONABLE):
            self._put("roles", role_payload(value))
        else:
            raise DriverError(f"an option of type {kind} does not take {value!r}")
        return str(value.id)

    def add_user(self, user: User) -> None:
        self._put("users", user_payload(user))
        guild = self._channel.guild
        if guild is not None and user.id in guild.members:
            bits = str(self._server.world.permissions_in(self._channel, user))
            member = {**member_payload(guild.members[user.id], with_user=False), "permissions": bits}
            self.resolved.setdefault("members", {})[str(user.id)] = member

    def _put(self, kind: str, payload: Json) -> None:
        self.resolved.setdefault(kind, {})[str(payload["id"])] = payload
