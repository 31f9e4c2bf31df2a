"""Verifies OAuth 1.0a HMAC-SHA1 signatures (RFC 5849, section 3.4) as X does: over its public address, not ours."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

PUBLIC_ORIGIN = "https://api.twitter.com"
REQUIRED = {
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_token",
}
CLOCK_TOLERANCE_SECONDS = 300


@dataclass(frozen=True)
class Credentials:
    """What the app's settings need; the keyword arguments of `tweepy.asynchronous.AsyncClient`."""

    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    bearer_token: str


def make_credentials(user_id: str) -> Credentials:
    """Fresh keys; the access token starts with the account's id, which tweepy reads from it."""
    return Credentials(
        consumer_key=secrets.token_urlsafe(18),
        consumer_secret=secrets.token_urlsafe(36),
        access_token=f"{user_id}-{secrets.token_hex(20)}",
        access_token_secret=secrets.token_urlsafe(32),
        bearer_token=f"AAAA{secrets.token_urlsafe(60)}",
    )


@dataclass
class SignatureVerifier:
    """Checks signed requests of one account and remembers their nonces."""

    credentials: Credentials
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def find_fault(self, authorization: str, method: str, raw_path: str, query: str) -> str | None:
        """Why the request is not the account's, or None when the signature is good."""
        values = parse_authorization(authorization)
        if values is None or not values.keys() >= REQUIRED:
            return "the Authorization header lacks OAuth values"
        if values["oauth_signature_method"] != "HMAC-SHA1" or values.get("oauth_version", "1.0") != "1.0":
            return "not OAuth 1.0 with HMAC-SHA1"
        if values["oauth_consumer_key"] != self.credentials.consumer_key:
            return "unknown consumer key"
        if values["oauth_token"] != self.credentials.access_token:
            return "unknown access token"
        stamp = values["oauth_timestamp"]
        if not stamp.isdigit() or abs(int(stamp) - time.time()) > CLOCK_TOLERANCE_SECONDS:
            return "the timestamp is out of bounds"
        if (stamp, values["oauth_nonce"]) in self._seen:
            return "the nonce was used before"
        expected = sign(self.credentials, method, raw_path, query, values)
        if not hmac.compare_digest(expected, values["oauth_signature"]):
            return "the signature does not match"
        self._seen.add((stamp, values["oauth_nonce"]))
        return None


def parse_authorization(header: str) -> dict[str, str] | None:
    """The values of an `OAuth k="v", …` header, percent-decoded; None when it is not one."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "oauth":
        return None
    values: dict[str, str] = {}
    for part in rest.split(","):
        key, equals, value = part.strip().partition("=")
        if not equals or len(value) < 2 or value[0] != '"' or value[-1] != '"' or key in values:
            return None
        values[unquote(key)] = unquote(value[1:-1])
    values.pop("realm", None)
    return values


def sign(credentials: Credentials, method: str, raw_path: str, query: str, oauth: dict[str, str]) -> str:
    """The signature the request must carry; a JSON body is not signed."""
    pairs = [*parse_qsl(query, keep_blank_values=True), *oauth.items()]
    encoded = sorted((_escape(key), _escape(value)) for key, value in pairs if key != "oauth_signature")
    parameters = "&".join(f"{key}={value}" for key, value in encoded)
    base = "&".join((method.upper(), _escape(PUBLIC_ORIGIN + raw_path), _escape(parameters)))
    key = f"{_escape(credentials.consumer_secret)}&{_escape(credentials.access_token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def _escape(text: str) -> str:
    return quote(text, safe="~-._")
