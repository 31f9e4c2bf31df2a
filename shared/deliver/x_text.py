"""Text for X: how long X says it is, and how to make it fit.

Comes in: text. Goes out: its weighted length (twitter-text, configuration v3: 280; Latin and most alphabets weigh 1,
other characters and each emoji 2, an address 23), the text cut to fit, or untrusted text that addresses nobody.
"""

import re
import unicodedata

from shared.deliver.plain_text import ELLIPSIS, remove_unseen

MAX_WEIGHTED_LENGTH = 280
ADDRESS_WEIGHT = 23

# config/v3.json of twitter-text: code points that weigh 100 of 100; all others weigh 200.
_LIGHT_RANGES = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))

_ADDRESS = r"https?://[^\s…]{0,4000}[^\s….,:;!?'\"()\[\]]"
_BARE_ADDRESS = (
    r"(?<![\w@.-])(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w@-])(?:/[^\s…]{0,2000}[^\s….,:;!?'\"()])?"
)
_PICTURE = r"[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u2300-\u23ff\u3030\u303d\u3297\u3299©®™]"
_EMOJI = (
    r"[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    rf"|{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]{{0,2}}(?:\u200d{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]{{0,2}}){{0,5}}"
)
_PIECE = re.compile(
    rf"(?P<address>{_ADDRESS})|(?P<bare>{_BARE_ADDRESS})|(?P<emoji>{_EMOJI})|(?P<other>.)", re.DOTALL | re.ASCII
)
_SUMMONS = re.compile(r"([@＠#＃$])(?=\w)")


def fit(text: str, limit: int = MAX_WEIGHTED_LENGTH) -> str:
    """Cut between words' characters, never inside an address or an emoji."""
    pieces = _split(text)
    if sum(weight for _, weight in pieces) <= limit:
        return "".join(piece for piece, _ in pieces)
    kept, room = 0, limit - weighted_length(ELLIPSIS)
    while kept < len(pieces) and pieces[kept][1] <= room:
        room -= pieces[kept][1]
        kept += 1
    while kept >= 0:
        shortened = "".join(piece for piece, _ in pieces[:kept]).rstrip() + ELLIPSIS
        # What stands before the cut may read differently once its neighbour is gone.
        if weighted_length(shortened) <= limit:
            return shortened
        kept -= 1
    return ""


def weighted_length(text: str) -> int:
    """As X counts; where its reading of a bare domain is not certain, the larger number."""
    return sum(weight for _, weight in _split(text))


def has_address(text: str) -> bool:
    """Whether X would make a link of a part of it."""
    return any(match["address"] or match["bare"] for match in _PIECE.finditer(unicodedata.normalize("NFC", text)))


def clean(text: str) -> str:
    """Untrusted text: nobody is mentioned, no tag is joined, nothing is invisible."""
    return _SUMMONS.sub(r"\1 ", remove_unseen(text)).strip()


def _split(text: str) -> list[tuple[str, int]]:
    normal = unicodedata.normalize("NFC", text)
    return [(match[0], _weigh(match)) for match in _PIECE.finditer(normal)]


def _weigh(match: re.Match[str]) -> int:
    if match["address"]:
        return ADDRESS_WEIGHT
    if match["bare"]:
        return max(ADDRESS_WEIGHT, sum(map(_weigh_character, match["bare"])))
    return 2 if match["emoji"] else _weigh_character(match[0])


def _weigh_character(character: str) -> int:
    return 1 if any(first <= ord(character) <= last for first, last in _LIGHT_RANGES) else 2
