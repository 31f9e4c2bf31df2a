"""Which language a short text is written in, so that only English is scored as English.

Comes in: text as a person wrote it. Goes out: an ISO 639 code, or None when there is nothing to read.
The model (py3langid, in its wheel) is loaded at the first text that needs it: it costs about 100 MB.
"""

import functools
import re
import threading
from dataclasses import dataclass
from typing import Protocol

# Fewer candidates, fewer mistakes on short texts: of 140 languages, many have near-English spellings.
_CANDIDATES = """
    en de fr es pt it nl pl ru uk cs sk ro hu tr sv da no fi el bg hr sr sl lt lv et he ar fa ur hi bn ta te th vi
    id ms ja ko zh tl sw ca
"""

# Frequent in English and words of no other candidate; "is", "was", "of", "for" are left out (Dutch, Danish).
_ENGLISH_MARKERS = """
    the and this that it to with are have has not you your my but what how when where would could should which
    there from can't don't i'm it's i've isn't doesn't
"""
ENGLISH_MARKERS = frozenset(_ENGLISH_MARKERS.split())

_NOT_LETTERS = re.compile(r"[^\w']+|[\d_]+")


@dataclass(frozen=True)
class LanguageLimits:
    """`foreign_ratio`: how much likelier than English another language must be to be believed."""

    characters: int = 1_000
    foreign_ratio: float = 4.0
    marker_words: int = 3
    marker_share: float = 0.2


DEFAULT = LanguageLimits()


class _Identifier(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]: ...


def detect_language(text: str, limits: LanguageLimits = DEFAULT) -> str | None:
    """The likeliest code; English when it is nearly as likely as the first. Raises nothing on odd characters."""
    words = _NOT_LETTERS.sub(" ", text[: limits.characters]).replace("’", "'").split()
    if not words:
        return None
    if _has_english_markers(words, limits):
        return "en"
    ranking = _load_identifier().rank(" ".join(words).encode("utf-8", "replace").decode("utf-8"))
    best, probability = ranking[0]
    if probability < limits.foreign_ratio * dict(ranking).get("en", 0.0):
        return "en"
    return best


def _has_english_markers(words: list[str], limits: LanguageLimits) -> bool:
    """Saves the model for plain English, which is most of what arrives."""
    found = [word for word in map(str.lower, words) if word in ENGLISH_MARKERS]
    return len(set(found)) >= limits.marker_words and len(found) >= limits.marker_share * len(words)


_loading = threading.Lock()


def _load_identifier() -> _Identifier:
    with _loading:
        return _build_identifier()


@functools.cache
def _build_identifier() -> _Identifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES.split())
    found: _Identifier = identifier
    return found
