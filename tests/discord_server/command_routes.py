"""Application commands: bulk overwrite and listing, global and per server."""

from tests.discord_server.calls import Answer, Call, Route
from tests.discord_server.command_validation import CHAT, check_command_set
from tests.discord_server.errors import ApiError, Json, missing_access
from tests.discord_server.world import Guild, World

DAILY_CREATES = 200


async def put_global(call: Call) -> Answer:
    _check_application(call)
    world = call.server.world
    world.commands = _overwrite(call, world.commands, None)
    return Answer(list(world.commands.values()))


async def get_global(call: Call) -> Answer:
    _check_application(call)
    return Answer(list(call.server.world.commands.values()))


async def put_in_guild(call: Call) -> Answer:
    _check_application(call)
    guild = _guild(call)
    guild.commands = _overwrite(call, guild.commands, guild)
    return Answer(list(guild.commands.values()))


async def get_in_guild(call: Call) -> Answer:
    _check_application(call)
    return Answer(list(_guild(call).commands.values()))


def _overwrite(call: Call, known: dict[tuple[str, int], Json], guild: Guild | None) -> dict[tuple[str, int], Json]:
    """The new set; a command that keeps its name and kind keeps its id and is no creation."""
    world = call.server.world
    result: dict[tuple[str, int], Json] = {}
    for command in check_command_set(call.body):
        key = (command["name"], command.get("type") or CHAT)
        existing = known.get(key)
        if existing is None:
            _count_creation(call, guild)
        result[key] = _stored(world, command, existing, guild)
    return result


def _count_creation(call: Call, guild: Guild | None) -> None:
    scope = guild.id if guild else 0
    made = call.server.command_creations.get(scope, 0) + 1
    if made > DAILY_CREATES:
        raise ApiError(400, 30034, "Max number of daily application command creates has been reached (200)")
    call.server.command_creations[scope] = made


def _stored(world: World, command: Json, existing: Json | None, guild: Guild | None) -> Json:
    bits = command.get("default_member_permissions")
    stored = {
        **{key: value for key, value in command.items() if key != "dm_permission"},
        "id": existing["id"] if existing else str(world.new_id()),
        "application_id": str(world.application_id),
        "version": str(world.new_id()),
        "type": command.get("type") or CHAT,
        "description": command.get("description") or "",
        "default_member_permissions": None if bits is None else str(bits),
        "nsfw": bool(command.get("nsfw")),
    }
    if guild is not None:
        return stored | {"guild_id": str(guild.id), "contexts": None, "integration_types": [0], "dm_permission": False}
    contexts = command.get("contexts")
    if contexts is None and command.get("dm_permission") is False:
        contexts = [0]
    kinds = command.get("integration_types") or [0]
    return stored | {
        "contexts": contexts,
        "integration_types": kinds,
        "dm_permission": contexts is None or 1 in contexts,
    }


def _check_application(call: Call) -> None:
    if call.identifier("application") != call.server.world.application_id:
        raise ApiError(403, 20012, "You are not authorized to perform this action on this application")


def _guild(call: Call) -> Guild:
    guild = call.server.world.guilds.get(call.identifier("guild"))
    if guild is None or not guild.has_bot:
        raise missing_access()
    return guild


ROUTES = [
    Route("PUT", "/applications/{application}/commands", put_global),
    Route("GET", "/applications/{application}/commands", get_global),
    Route("PUT", "/applications/{application}/guilds/{guild}/commands", put_in_guild),
    Route("GET", "/applications/{application}/guilds/{guild}/commands", get_in_guild),
]
