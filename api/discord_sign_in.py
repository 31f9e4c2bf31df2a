"""Signing in with Discord: OAuth2 code with PKCE, then the member's roles on the War Room server.

Comes in: the browser's return with code and state. Goes out: who it is and which role they reach.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

from shared.config import Settings
from shared.deliver.egress import Egress, origin_of
from shared.errors import NotAllowed, NotSignedIn
from shared.guard.roles import has_discord_roles, role_of_discord
from shared.identifiers import random_token

API_BASE = "https://discord.com/api/v10"
AUTHORIZE_URL = "https://discord.com/oauth2/authorize"
SCOPES = "identify guilds.members.read"
RETURN_PATH = "/app/sign-in/discord"
TRY_AGAIN = "The sign-in with Discord did not work. Please start it again."
NO_ROLE = "Your roles on the team's Discord server do not open the dashboard. Ask an admin for a sign-in link."


@dataclass(frozen=True)
class Attempt:
    """One try: both values stay in the browser's own cookie until Discord sends it back."""

    state: str
    verifier: str

    @classmethod
    def begin(cls) -> "Attempt":
        return cls(random_token(), random_token())

    @classmethod
    def from_cookie(cls, value: str) -> "Attempt | None":
        state, _, verifier = value.partition(".")
        return cls(state, verifier) if len(state) >= 32 and len(verifier) >= 32 else None

    @property
    def cookie(self) -> str:
        return f"{self.state}.{self.verifier}"


@dataclass(frozen=True)
class DiscordMember:
    id: str
    name: str
    role: str


def is_offered(settings: Settings) -> bool:
    """Whether the configuration allows signing in with Discord."""
    discord = settings.discord
    has_client = bool(discord.client_id and settings.secrets.discord_client_secret)
    return has_client and bool(discord.war_room_guild) and has_discord_roles(discord)


def authorize_address(settings: Settings, attempt: Attempt) -> str:
    """Where the browser is sent to agree."""
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    base = settings.discord.api_base
    query = {
        "client_id": settings.discord.client_id,
        "redirect_uri": settings.base_url + RETURN_PATH,
        "response_type": "code",
        "scope": SCOPES,
        "state": attempt.state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "prompt": "none",
    }
    return f"{origin_of(base) + '/oauth2/authorize' if base else AUTHORIZE_URL}?{urlencode(query)}"


async def finish(settings: Settings, egress: Egress, attempt: Attempt | None, state: str, code: str) -> DiscordMember:
    """Who came back; raises when the state is not this browser's, Discord refuses, or no role reaches."""
    if attempt is None or not code or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise NotSignedIn(TRY_AGAIN)
    token = await _exchange(settings, egress, attempt, code)
    guild = settings.discord.war_room_guild
    url = f"{settings.discord.api_base or API_BASE}/users/@me/guilds/{guild}/member"
    answer = await egress.get_json(url, {"Authorization": f"Bearer {token}"})
    if answer.status == 404:
        raise NotAllowed(NO_ROLE)
    user = answer.data.get("user")
    if answer.status != 200 or not isinstance(user, dict) or not str(user.get("id", "")).isdecimal():
        raise NotSignedIn(TRY_AGAIN)
    role = role_of_discord(_ids(answer.data.get("roles")), settings.discord)
    if role is None:
        raise NotAllowed(NO_ROLE)
    return DiscordMember(str(user["id"]), _name_of(user), role)


async def _exchange(settings: Settings, egress: Egress, attempt: Attempt, code: str) -> str:
    secret = settings.secrets.discord_client_secret
    form = {
        "client_id": settings.discord.client_id,
        "client_secret": secret.get_secret_value() if secret else "",
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": settings.base_url + RETURN_PATH,
        "code_verifier": attempt.verifier,
    }
    answer = await egress.post_form(f"{settings.discord.api_base or API_BASE}/oauth2/token", form)
    token = answer.data.get("access_token")
    if answer.status != 200 or not isinstance(token, str):
        raise NotSignedIn(TRY_AGAIN)
    return token


def _ids(raw: object) -> list[int]:
    return [int(value) for value in raw if str(value).isdecimal()] if isinstance(raw, list) else []


def _name_of(user: dict[str, object]) -> str:
    """The shown name as one printable line; Discord names are other people's text."""
    name = str(user.get("global_name") or user.get("username") or "")
    return "".join(c for c in name if c.isprintable()).strip()[:40] or "Discord member"
