"""How a text feels: positive, neutral or negative, and which words said so. The only home of VADER.

Comes in: text as a person wrote it. Goes out: a label, VADER's compound number (-1 to 1) and the words that
moved it; or no label and the reason. Only English is scored: VADER calls every other language neutral.
VADER looks at all words again for each of some of them; here it is shown the few that it asks for, so that the time
grows with the length only. Its input is capped all the same (upstream is quadratic for emoji too).
"""

import functools
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    NEGATE,
    SPECIAL_CASES,
    SentimentIntensityAnalyzer,
    SentiText,
)

from shared.derive.developer_lexicon import (
    ADDED_WORDS,
    ALSO_FOREIGN_WORDS,
    EMOJI,
    LEXICON_VERSION,
    NEUTRAL_WORDS,
    PHRASES,
)
from shared.derive.language import detect_language

Label = Literal["positive", "neutral", "negative"]
SCORER_VERSION = f"vader-3.3.2+{LEXICON_VERSION}"
NO_TEXT = "no text"
LANGUAGE = "language"
SCORING_FAILED = "scoring failed"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SentimentLimits:
    """Caps before scoring, and the compound value from which a text has a sign."""

    characters: int = 4_000
    words: int = 200
    emoji: int = 40
    threshold: float = 0.05
    short_text_letters: int = 20
    words_shown: int = 8


DEFAULT = SentimentLimits()


@dataclass(frozen=True)
class SentimentScore:
    """`label` and `compound` are None exactly when `not_scored_reason` is set."""

    label: Label | None
    compound: float | None
    words: tuple[tuple[str, float], ...] = ()
    language: str | None = None
    not_scored_reason: str | None = None


def score_sentiment(text: str, limits: SentimentLimits = DEFAULT) -> SentimentScore:
    """Never raises: a text that breaks the scorer is "not scored", the feedback itself must not be lost."""
    try:
        return _score(text, limits)
    except Exception:
        logger.exception("a text could not be scored")
        return SentimentScore(None, None, not_scored_reason=SCORING_FAILED)


def _score(text: str, limits: SentimentLimits) -> SentimentScore:
    analyzer = _load_analyzer()
    prepared = _prepare_text(text, limits, analyzer.emojis)
    words = _split_words(prepared)
    plain_words = [word for word in words if not analyzer.knows_symbol(word)]
    letters = sum(map(str.isalpha, "".join(plain_words)))
    if letters == 0:
        if len(plain_words) == len(words) and not any(character in analyzer.emojis for character in prepared):
            return SentimentScore(None, None, not_scored_reason=NO_TEXT)
        language = None
    elif letters < limits.short_text_letters and analyzer.knows_english_word(plain_words):
        language = "en"
    else:
        language = detect_language(" ".join(plain_words))
    if language not in (None, "en"):
        return SentimentScore(None, None, language=language, not_scored_reason=LANGUAGE)
    return _score_english(prepared, language, analyzer, limits)


def _score_english(
    prepared: str, language: str | None, analyzer: "_DeveloperAnalyzer", limits: SentimentLimits
) -> SentimentScore:
    result = analyzer.polarity_scores(prepared)  # type: ignore[no-untyped-call]
    compound = float(result["compound"])
    label: Label = "neutral"
    if compound >= limits.threshold:
        label = "positive"
    elif compound <= -limits.threshold:
        label = "negative"
    return SentimentScore(label, compound, _strongest(result["moved"], limits.words_shown), language)


def _strongest(moved: Iterable[tuple[str, float]], count: int) -> tuple[tuple[str, float], ...]:
    """Each word once, with the strongest value it had."""
    best: dict[str, float] = {}
    for word, value in moved:
        shown = word.lower().replace("_", " ")
        if value and abs(value) > abs(best.get(shown, 0.0)):
            best[shown] = round(value, 3)
    ordered = sorted(best.items(), key=lambda item: -abs(item[1]))
    return tuple(ordered[:count])


def _words_near(words: Sequence[str], place: int) -> tuple[Sequence[str], int]:
    """The words that VADER 3.3.2 compares with the one at `place`: three before it, two after; and its place there."""
    first = max(0, place - 3)
    return words[first : place + 3], place - first


# Of the words around one, VADER's two checks below can change its value only where one of these is among them.
_NEGATING = frozenset(NEGATE) | {"never", "so", "this"}
_IDIOMATIC = frozenset(max(idiom.split(), key=len) for idiom in (*SPECIAL_CASES, *BOOSTER_DICT) if " " in idiom)


class _DeveloperAnalyzer(SentimentIntensityAnalyzer):
    """VADER with the developer lexicon, which also tells the value of each word."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        vader_words = self.lexicon
        self._english_words = {word for word in vader_words.keys() | ADDED_WORDS.keys() if word.isalpha()}
        self._english_words -= ALSO_FOREIGN_WORDS
        self.lexicon = {word: value for word, value in vader_words.items() if word not in NEUTRAL_WORDS}
        self.lexicon.update(ADDED_WORDS)
        self.lexicon.update(EMOJI)
        self.emojis.update((emoji, emoji) for emoji in EMOJI)

    @staticmethod
    def _negation_check(valence: float, words_and_emoticons: Sequence[str], start_i: int, i: int) -> float:
        near, place = _words_near(words_and_emoticons, i)
        if not any([(lower := word.lower()) in _NEGATING or "n't" in lower for word in near]):
            return valence
        found: float = SentimentIntensityAnalyzer._negation_check(valence, near, start_i, place)
        return found

    @staticmethod
    def _special_idioms_check(valence: float, words_and_emoticons: Sequence[str], i: int) -> float:
        near, place = _words_near(words_and_emoticons, i)
        if not any([word.lower() in _IDIOMATIC for word in near]):
            return valence
        found: float = SentimentIntensityAnalyzer._special_idioms_check(valence, near, place)
        return found

    def knows_symbol(self, word: str) -> bool:
        """An emoticon or "+1": says the same in every language."""
        return not word.isalpha() and "_" not in word and word.lower() in self.lexicon

    def knows_english_word(self, words: Iterable[str]) -> bool:
        return any(word.lower() in self._english_words or "_" in word for word in words)

    def score_valence(self, sentiments: list[float], text: str) -> dict[str, Any]:
        result: dict[str, Any] = super().score_valence(sentiments, text)  # type: ignore[no-untyped-call]
        result["moved"] = list(zip(_split_words(text), sentiments, strict=True))
        return result


def _split_words(text: str) -> list[str]:
    """As VADER splits them."""
    words: list[str] = SentiText(text).words_and_emoticons
    return words


@functools.cache
def _load_analyzer() -> _DeveloperAnalyzer:
    return _DeveloperAnalyzer()


_FENCED_CODE = re.compile(r"(```|~~~).*?(?:\1|\Z)", re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
# Words of somebody else, when lines of one's own follow.
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}>.*\n", re.MULTILINE)
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"<(?:@[!&]?|#|a?:\w{2,32}:)\d{1,20}>|(?<![\w@])@[\w.-]+")
# With what each cannot do without in a plain text; looking for it is much quicker.
_NOT_WRITTEN_BY_A_FEELING = (
    (_FENCED_CODE, ("```", "~~~")),
    (_INLINE_CODE, ("`",)),
    (_QUOTED_LINE, (">",)),
    (_ADDRESS, ("://", "www.")),
    (_MENTION, ("<", "@")),
)
_OF_PHRASES = ("like", "work")


def _prepare_text(text: str, limits: SentimentLimits, emoji: Iterable[str]) -> str:
    """What VADER may read: no code, quotes, addresses or mentions, no invisible characters, within the caps."""
    # Code and addresses do not count towards the cap, but the work on them is bounded too.
    prepared = _fold_characters(text[: 4 * limits.characters])
    for pattern, signs in _NOT_WRITTEN_BY_A_FEELING:
        if _may_hold(prepared, signs):
            prepared = pattern.sub(" ", prepared)
    prepared = " ".join(_keep_first_emoji(prepared[: limits.characters], emoji, limits.emoji).split()[: limits.words])
    if _may_hold(prepared, _OF_PHRASES):
        for phrase, replacement in PHRASES:
            prepared = phrase.sub(replacement, prepared)
    return prepared


def _may_hold(text: str, signs: Iterable[str]) -> bool:
    """Other letters than plain ones may stand for a sign as well."""
    return not text.isascii() or any(map(text.lower().__contains__, signs))


def _fold_characters(text: str) -> str:
    """Full-width letters and curly apostrophes as VADER knows them; what cannot be seen is left out."""
    if text.isascii():
        return text
    return "".join(map(_fold_character, text))


@functools.lru_cache(maxsize=4_096)
def _fold_character(character: str) -> str:
    if character in "’‘ʼ＇":
        return "'"
    category = unicodedata.category(character)
    # Cs: lone surrogates. FE00-FE0F: variation selectors, which hide an emoji from VADER. 1F3FB-F: skin tones.
    if category in ("Cf", "Cs") or "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return ""
    # One character at a time: normalising a long run of combining marks takes quadratic time.
    return unicodedata.normalize("NFKC", character)


def _keep_first_emoji(text: str, emoji: Iterable[str], count: int) -> str:
    if text.isascii():
        return text
    kept: list[str] = []
    for character in text:
        if character in emoji:
            count -= 1
            if count < 0:
                continue
            # Apart from its neighbours: VADER would glue the next word to the emoji's name.
            kept += (" ", character, " ")
        else:
            kept.append(character)
    return "".join(kept)
