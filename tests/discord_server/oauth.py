"""Sign-in with Discord: the authorisation page, the token exchange with PKCE, bearer tokens.

There is no page to click: the scripted person (`user`) agrees, or refuses if `denies` is set.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from tests.discord_server.calls import Answer, Call, Route
from tests.discord_server.errors import Json, unauthorized
from tests.discord_server.world import User

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

SCOPES = {"identify", "email", "guilds", "guilds.members.read", "openid"}
CODE_SECONDS = 600.0
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass
class Grant:
    user: User
    scopes: frozenset[str]


@dataclass
class Code:
    user: User
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    issued_at: float


class OAuth:
    def __init__(self, server: "ServerCore") -> None:
        self._server = server
        self.client_secret = secrets.token_urlsafe(24)
        self.redirect_uris: set[str] = set()
        self.user: User | None = None
        """Who sits in front of the browser."""
        self.denies = False
        self._codes: dict[str, Code] = {}
        self._grants: dict[str, Grant] = {}

    async def authorize(self, request: web.Request) -> web.Response:
        """302 to the application; what is wrong with the application itself is shown, never redirected."""
        query = request.query
        problem = self._find_problem(dict(query))
        if problem is not None:
            return web.Response(status=400, text=problem)
        if self.denies or self.user is None:
            answer = {"error": "access_denied", "error_description": "The resource owner denied the request"}
        else:
            code = secrets.token_urlsafe(22)
            scopes = frozenset(query["scope"].split())
            now = self._server.monotonic()
            self._codes[code] = Code(self.user, scopes, query["redirect_uri"], query["code_challenge"], now)
            answer = {"code": code}
        location = f"{query['redirect_uri']}?{urlencode({**answer, 'state': query['state']})}"
        return web.Response(status=302, headers={"Location": location})

    def _find_problem(self, query: dict[str, str]) -> str | None:
        scopes = query.get("scope", "").split()
        checks = {
            "Unknown Application": query.get("client_id") == str(self._server.world.application_id),
            "Invalid OAuth2 redirect_uri": query.get("redirect_uri") in self.redirect_uris,
            "response_type must be code": query.get("response_type") == "code",
            "Invalid scope": bool(scopes) and set(scopes) <= SCOPES,
            "state is missing or short": len(query.get("state", "")) >= 16,
            "code_challenge_method must be S256": query.get("code_challenge_method") == "S256",
            "code_challenge is malformed": CHALLENGE.fullmatch(query.get("code_challenge", "")) is not None,
        }
        return next((problem for problem, is_fine in checks.items() if not is_fine), None)

    def find_grant(self, token: str) -> Grant:
        grant = self._grants.get(token)
        if grant is None:
            raise unauthorized()
        return grant

    def exchange(self, form: dict[str, str]) -> Answer:
        if form.get("grant_type") != "authorization_code":
            return Answer({"error": "unsupported_grant_type", "error_description": "Grant type is not supported"}, 400)
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or self._server.monotonic() - code.issued_at > CODE_SECONDS:
            return _invalid_grant('Invalid "code" in request.')
        if form.get("redirect_uri") != code.redirect_uri:
            return _invalid_grant('Invalid "redirect_uri" in request.')
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if not VERIFIER.fullmatch(verifier) or not hmac.compare_digest(digest, code.challenge):
            return _invalid_grant('Invalid "code_verifier" in request.')
        token = secrets.token_urlsafe(22)
        self._grants[token] = Grant(code.user, code.scopes)
        body: Json = {
            "token_type": "Bearer",
            "access_token": token,
            "expires_in": 604_800,
            "refresh_token": secrets.token_urlsafe(22),
            "scope": " ".join(sorted(code.scopes)),
        }
        return Answer(body)

    def revoke(self, token: str) -> None:
        self._grants.pop(token, None)

    def knows_client(self, call: Call, form: dict[str, str]) -> bool:
        """By HTTP Basic or by form fields, not by both halves mixed."""
        header = call.headers.get("Authorization", "")
        if header.startswith("Basic "):
            try:
                name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            except ValueError:
                return False
        else:
            name, secret = form.get("client_id", ""), form.get("client_secret", "")
        same_name = name == str(self._server.world.application_id)
        return same_name and hmac.compare_digest(secret, self.client_secret)


def _invalid_grant(description: str) -> Answer:
    return Answer({"error": "invalid_grant", "error_description": description}, 400)


def _form(call: Call) -> dict[str, str] | None:
    is_form = call.content_type == "application/x-www-form-urlencoded"
    return {key: str(value) for key, value in call.body.items()} if is_form else None


async def post_token(call: Call) -> Answer:
    form = _form(call)
    if form is None:
        return Answer({"error": "invalid_request", "error_description": "The body must be form-encoded"}, 400)
    if not call.server.oauth.knows_client(call, form):
        return Answer({"error": "invalid_client"}, 401)
    return call.server.oauth.exchange(form)


async def post_revoke(call: Call) -> Answer:
    form = _form(call)
    if form is None or not call.server.oauth.knows_client(call, form):
        return Answer({"error": "invalid_client"}, 401)
    call.server.oauth.revoke(form.get("token", ""))
    return Answer({})


ROUTES = [
    Route("POST", "/oauth2/token", post_token, "none"),
    Route("POST", "/oauth2/token/revoke", post_revoke, "none"),
]
