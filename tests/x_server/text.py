"""What X reads in a text: its weighted length, links, mentions and stop words."""

import re
import unicodedata

MAX_WEIGHTED_LENGTH = 280
URL_WEIGHT = 23

# twitter-text, configuration 3: these ranges weigh 1, everything else 2.
LIGHT_RANGES = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))

# A bare domain is a link too, and priced as one. X knows every top-level domain; the common ones are enough here.
_TLDS = "com|org|net|io|dev|app|co|ai|me|info|eu|de|fr|es|it|nl|uk|us|ca|in|jp|xyz|page|site|link|gg|ly|to|gle|test"
_URL = re.compile(
    rf"https?://[^\s]+|(?<![\w@./-])(?:[a-z0-9][a-z0-9-]*\.)+(?:{_TLDS})\b(?:/[^\s]*)?(?![\w.]*@)", re.IGNORECASE
)

_BASE = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u2190-\u21ff]"
_SHADE = "[\ufe0f\U0001f3fb-\U0001f3ff]*"
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_BASE}{_SHADE}(?:\u200d(?:{_BASE}|[\u2640\u2642]){_SHADE})*"
)

STOP_WORDS = {"stop", "unsubscribe", "cancel", "end", "quit", "opt out", "optout"}


def measure_weight(text: str) -> int:
    """The length X counts: 23 for a link, 2 for an emoji however it is composed, 1 or 2 for the rest."""
    text = unicodedata.normalize("NFC", text)
    without_urls, urls = _URL.subn("", text)
    rest, emojis = _EMOJI.subn("", without_urls)
    return urls * URL_WEIGHT + emojis * 2 + sum(_weigh(ord(character)) for character in rest)


def has_url(text: str) -> bool:
    return _URL.search(text) is not None


def find_mentions(text: str) -> set[str]:
    """The mentioned usernames in lower case; the @ of a mail address is none."""
    return {name.lower() for name in re.findall(r"(?<![\w@.])@(\w{1,15})(?!\w)", text)}


def is_stop_word(text: str) -> bool:
    return text.strip().strip(".!").lower() in STOP_WORDS


def fold(text: str) -> str:
    """The form in which X compares texts for duplicates."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _weigh(code_point: int) -> int:
    return 1 if any(low <= code_point <= high for low, high in LIGHT_RANGES) else 2
