"""Routes about people, servers and the application itself."""

from tests.discord_server.calls import Answer, Call, Route
from tests.discord_server.errors import ApiError, missing_access, missing_permissions, unknown
from tests.discord_server.intents import GUILD_MEMBERS, application_flags
from tests.discord_server.payloads import channel_payload, guild_payload, member_payload, role_payload, user_payload
from tests.discord_server.permissions import MANAGE_ROLES, guild_permissions
from tests.discord_server.world import Guild, Member


async def get_me(call: Call) -> Answer:
    if call.user is not None:
        return _get_bearer_user(call)
    return Answer({**user_payload(call.server.world.bot), "mfa_enabled": False, "locale": "en-US", "verified": True})


def _get_bearer_user(call: Call) -> Answer:
    assert call.user is not None
    if "identify" not in call.scopes:
        raise missing_access()
    payload = {**user_payload(call.user), "locale": call.user.locale, "mfa_enabled": False}
    if "email" in call.scopes:
        payload |= {"email": call.user.email, "verified": call.user.email is not None}
    return Answer(payload)


async def get_my_guilds(call: Call) -> Answer:
    user = call.user or call.server.world.bot
    if call.user is not None and "guilds" not in call.scopes:
        raise missing_access()
    guilds = [guild for guild in call.server.world.guilds.values() if user.id in guild.members]
    return Answer(
        [
            {
                "id": str(guild.id),
                "name": guild.name,
                "icon": None,
                "owner": guild.owner is user,
                "permissions": str(guild_permissions(guild, guild.members[user.id])),
                "features": [],
            }
            for guild in guilds
        ]
    )


async def get_my_member(call: Call) -> Answer:
    """The signed-in person's member in a server, for the role check of a dashboard."""
    if call.user is None:
        raise ApiError(403, 20001, "Bots cannot use this endpoint")
    if "guilds.members.read" not in call.scopes:
        raise missing_access()
    guild = call.server.world.guilds.get(call.identifier("guild"))
    if guild is None or call.user.id not in guild.members:
        raise unknown("Guild", 10004)
    return Answer(member_payload(guild.members[call.user.id]))


async def get_application(call: Call) -> Answer:
    world = call.server.world
    return Answer(
        {
            "id": str(world.application_id),
            "name": world.bot.name,
            "icon": None,
            "description": "",
            "summary": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "owner": user_payload(world.application_owner),
            "team": None,
            "flags": application_flags(call.server.privileged_intents),
            "redirect_uris": sorted(call.server.oauth.redirect_uris),
            "integration_types_config": {"0": {}, "1": {}},
        }
    )


async def get_user(call: Call) -> Answer:
    user = call.server.world.users.get(call.identifier("user"))
    if user is None:
        raise unknown("User", 10013)
    return Answer(user_payload(user))


async def get_gateway(call: Call) -> Answer:
    return Answer({"url": call.server.gateway_url})


async def get_gateway_for_bot(call: Call) -> Answer:
    left = max(0, 1000 - len(call.server.gateway.identified_at))
    limit = {"total": 1000, "remaining": left, "reset_after": 86_400_000, "max_concurrency": 1}
    return Answer({"url": call.server.gateway_url, "shards": 1, "session_start_limit": limit})


async def get_guild(call: Call) -> Answer:
    guild = _guild(call)
    return Answer(guild_payload(guild, []))


async def get_guild_channels(call: Call) -> Answer:
    return Answer([channel_payload(channel) for channel in _guild(call).channels.values() if not channel.is_thread])


async def get_roles(call: Call) -> Answer:
    return Answer([role_payload(role) for role in _guild(call).roles.values()])


async def get_member(call: Call) -> Answer:
    return Answer(member_payload(_member(_guild(call), call)))


async def get_members(call: Call) -> Answer:
    """Listing all members needs the privileged intent to be enabled."""
    guild = _guild(call)
    if not call.server.privileged_intents & GUILD_MEMBERS:
        raise missing_access()
    limit = call.number("limit", 1, 1, 1000)
    after = int(call.query.get("after", "0"))
    members = sorted((m for m in guild.members.values() if m.user.id > after), key=lambda member: member.user.id)
    return Answer([member_payload(member) for member in members[:limit]])


async def change_role(call: Call) -> Answer:
    guild = _guild(call)
    member, role = _member(guild, call), guild.roles.get(call.identifier("role"))
    if role is None:
        raise unknown("Role", 10011)
    bot = guild.members[call.server.world.bot.id]
    highest = max((owned.position for owned in bot.roles), default=0)
    if not guild_permissions(guild, bot) & MANAGE_ROLES or role.position >= highest:
        raise missing_permissions()
    member.roles = [owned for owned in member.roles if owned is not role]
    if call.method == "PUT":
        member.roles.append(role)
    call.server.announce_member_update(member)
    return Answer(None, 204)


def _guild(call: Call) -> Guild:
    guild = call.server.world.guilds.get(call.identifier("guild"))
    if guild is None:
        raise unknown("Guild", 10004)
    if not guild.has_bot:
        raise missing_access()
    return guild


def _member(guild: Guild, call: Call) -> Member:
    identifier = call.identifier("user")
    if identifier not in call.server.world.users:
        raise unknown("User", 10013)
    if identifier not in guild.members:
        raise unknown("Member", 10007)
    return guild.members[identifier]


ROUTES = [
    Route("GET", "/users/@me", get_me),
    Route("GET", "/users/@me/guilds", get_my_guilds),
    Route("GET", "/users/@me/guilds/{guild}/member", get_my_member),
    Route("GET", "/oauth2/applications/@me", get_application),
    Route("GET", "/applications/@me", get_application),
    Route("GET", "/users/{user}", get_user),
    Route("GET", "/gateway", get_gateway, "none"),
    Route("GET", "/gateway/bot", get_gateway_for_bot),
    Route("GET", "/guilds/{guild}", get_guild),
    Route("GET", "/guilds/{guild}/channels", get_guild_channels),
    Route("GET", "/guilds/{guild}/roles", get_roles),
    Route("GET", "/guilds/{guild}/members", get_members),
    Route("GET", "/guilds/{guild}/members/{user}", get_member),
    Route("PUT", "/guilds/{guild}/members/{user}/roles/{role}", change_role),
    Route("DELETE", "/guilds/{guild}/members/{user}/roles/{role}", change_role),
]
