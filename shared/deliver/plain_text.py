"""Untrusted text for the console and the log, and what every renderer removes first.

Comes in: text as a person wrote it. Goes out: one line without anything that a terminal or a log reader
would obey, or (`remove_unseen`) the same text without what cannot be seen.
"""

import functools
import re
import unicodedata

MARKS_PER_CHARACTER = 2
ELLIPSIS = "…"

_LINE_BREAKS = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_MANY_LINE_BREAKS = re.compile(r"\n(?:[ \t]*\n){3,}")
# Letters by category, blank by looks: Hangul fillers, the empty Braille cell, Khmer inherent vowels.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5\u034f")


def clean_line(text: str, limit: int = 500) -> str:
    """One line of at most `limit` characters, cut with an ellipsis."""
    # What is removed does not count, but the work on it is bounded.
    line = " ".join(remove_unseen(text[: 8 * limit + 64]).split())
    if len(line) <= limit:
        return line
    return line[: limit - 1].rstrip() + ELLIPSIS if limit > 0 else ""


def remove_unseen(text: str) -> str:
    """No control, zero-width, bidirectional or unpaired characters; few marks on a letter; at most three line breaks.

    Line breaks of all kinds become a line feed, a tab becomes a space.
    """
    kept: list[str] = []
    marks = 0
    for character in _LINE_BREAKS.sub("\n", text).replace("\t", " "):
        is_seen, is_mark = _judge(character)
        if not is_seen:
            continue
        marks = marks + 1 if is_mark else 0
        if marks <= MARKS_PER_CHARACTER:
            kept.append(character)
    return _MANY_LINE_BREAKS.sub("\n\n\n", "".join(kept))


@functools.lru_cache(maxsize=4_096)
def _judge(character: str) -> tuple[bool, bool]:
    category = unicodedata.category(character)
    is_seen = character == "\n" or (category not in ("Cc", "Cf", "Cs", "Co") and character not in _BLANK_LETTERS)
    return is_seen, category in ("Mn", "Me")
