"""Gateway intents: their bits, which need approval, which event needs which."""

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
KNOWN = (1 << 26) - 1

BY_EVENT = {
    "GUILD_CREATE": GUILDS,
    "GUILD_DELETE": GUILDS,
    "CHANNEL_CREATE": GUILDS,
    "CHANNEL_UPDATE": GUILDS,
    "CHANNEL_DELETE": GUILDS,
    "THREAD_CREATE": GUILDS,
    "THREAD_UPDATE": GUILDS,
    "GUILD_ROLE_CREATE": GUILDS,
    "GUILD_MEMBER_ADD": GUILD_MEMBERS,
    "GUILD_MEMBER_REMOVE": GUILD_MEMBERS,
    "GUILD_MEMBER_UPDATE": GUILD_MEMBERS,
}
"""Message events depend on where they happen; an event that is not listed comes always."""


def required_intent(name: str, data: dict[str, object]) -> int:
    if name.startswith("MESSAGE_"):
        return GUILD_MESSAGES if data.get("guild_id") else DIRECT_MESSAGES
    return BY_EVENT.get(name, 0)


def application_flags(enabled: int) -> int:
    """The "limited" flags of an application that has not been reviewed."""
    flags = 1 << 13 if enabled & GUILD_PRESENCES else 0
    flags |= 1 << 15 if enabled & GUILD_MEMBERS else 0
    return flags | (1 << 19 if enabled & MESSAGE_CONTENT else 0)
