"""Untrusted text for Discord: it looks as it was written and does nothing.

Comes in: text as a person wrote it and a limit of Discord. Goes out: text without markdown, mentions, links,
timestamps or commands, at most `limit` UTF-16 units long after escaping (the stricter reading of Discord's limits).
"""

import re

from shared.deliver.plain_text import ELLIPSIS, remove_unseen

# Discord shows any escaped punctuation as itself. "/" and ":" are here for "</", "<t:", "<id:" and "https://".
_ESCAPED = frozenset("\\`*_~|[]()<>#@:/")
_MASS_MENTION = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
# A backslash does not break "@everyone", the whole word stays in the text; a full-width sign does.
_HARMLESS_AT = "＠"


def clean(text: str, limit: int = 2_000) -> str:
    """Removes what is not seen, escapes, then cuts between characters, never inside an escape."""
    # Nothing after this many characters can be shown; invisible ones may stand before those that can.
    seen = remove_unseen(text[: 8 * limit + 64]).strip()
    pieces = [_escape(character) for character in _MASS_MENTION.sub(_HARMLESS_AT, seen)]
    return _fit_pieces(pieces, limit)


def truncate_utf16(text: str, limit: int) -> str:
    """Our own text (not escaped), cut with an ellipsis, never inside a surrogate pair."""
    return _fit_pieces(list(text), limit)


def utf16_length(text: str) -> int:
    """As Discord's clients count."""
    return len(text) + sum(character > "\uffff" for character in text)


def _escape(character: str) -> str:
    return "\\" + character if character in _ESCAPED else character


def _fit_pieces(pieces: list[str], limit: int) -> str:
    if sum(map(utf16_length, pieces)) <= limit:
        return "".join(pieces)
    if limit < 1:
        return ""
    room = limit - utf16_length(ELLIPSIS)
    kept: list[str] = []
    for piece in pieces:
        room -= utf16_length(piece)
        if room < 0:
            break
        kept.append(piece)
    while kept and kept[-1].isspace():
        kept.pop()
    return "".join(kept) + ELLIPSIS
