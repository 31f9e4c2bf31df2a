"""Roles of the team, from the one that may least to the one that may most, and who has which on Discord."""

from collections.abc import Iterable

from shared.config import ROLES, DiscordSettings

ROLE_ORDER: tuple[str, ...] = ROLES


def reaches(role: str | None, needed: str) -> bool:
    """Whether a role is the needed one or above it; nobody reaches an unknown role."""
    if role not in ROLE_ORDER or needed not in ROLE_ORDER:
        return False
    return ROLE_ORDER.index(role) >= ROLE_ORDER.index(needed)


def role_of_discord(role_ids: Iterable[int], settings: DiscordSettings) -> str | None:
    """The highest role that these Discord role ids give, if any."""
    held = set(role_ids)
    for role in reversed(ROLE_ORDER):
        if held.intersection(getattr(settings, f"{role}_roles")):
            return role
    return None


def has_discord_roles(settings: DiscordSettings) -> bool:
    """Whether any Discord role is configured as one of the team's."""
    return any(getattr(settings, f"{role}_roles") for role in ROLE_ORDER)
