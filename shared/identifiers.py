"""Identifiers: random, ordered by time where rows are listed, deterministic where repeats must meet."""

import base64
import hashlib
import secrets
import uuid
from datetime import datetime

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(now: datetime) -> str:
    """26 characters, sortable by time (48 bits of milliseconds, then 80 random bits)."""
    number = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def random_token() -> str:
    """256 random bits, URL-safe; only its digest is ever stored."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """SHA-256 of a random token, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def keyed_hash(key: bytes, *parts: str) -> str:
    """128 bits of keyed BLAKE2b (RFC 7693) over parts with their lengths, in hex; the key has at most 64 bytes."""
    encoded = [part.encode("utf-8", "replace") for part in parts]
    message = b"".join([b"%d:%b" % (len(raw), raw) for raw in encoded])
    return hashlib.blake2b(message, key=key, digest_size=16).hexdigest()


def fingerprint(*parts: str) -> str:
    """128 bits over parts with their lengths, in hex: equal parts, equal fingerprint."""
    return keyed_hash(b"warroom.fingerprint", *parts)


def message_nonce(outbox_id: int, instance: str = "") -> str:
    """The nonce of an outbox row: 25 characters, the longest that Discord takes.

    `instance` keeps two installations that share a channel apart.
    """
    digest = hashlib.sha256(f"{instance}:{outbox_id}".encode()).digest()
    return base64.b32encode(digest).decode()[:25]


def random_uuid() -> str:
    return str(uuid.uuid4())
