"""The words people use most: comes in texts, goes out words with the number of texts they stand in.

English stop words are left out; in any language also what is short, a number or an address. A word counts once
per text, so that one long rant does not rule the list.
"""

import re
from collections import Counter
from collections.abc import Iterable

SHORTEST = 3
LONGEST = 30
TEXT_CHARACTERS = 5_000

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|<[@#:][^>\s]{1,80}>|\[[a-z ]{1,30}\]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_STOP_WORD_LINES = """
    a about above after again against all almost already also although always am an and another any anyone anything
    are aren't around as at back be became because become been before being below between both but by came can can't
    cannot come could couldn't did didn't do does doesn't doing don't done down during each either else enough etc even
    ever every everyone everything few first for from further gave get gets getting give given go goes going gone got
    had hadn't has hasn't have haven't having he her here hers herself him himself his how however i i'd i'll i'm i've
    if in instead into is isn't it it's its itself just keep kept kind know last least less let let's like little
    look looks lot lots made make makes making many may maybe me might mine more most much must my myself need needs
    neither never next no nobody none nor not nothing now of off often ok okay on once one only onto or other others
    our ours ourselves out over own per perhaps please put quite rather really right said same saw say says see seem
    seems seen several shall she should shouldn't since so some someone something sometimes somewhat soon still such
    sure take takes than thank thanks that that's the their theirs them themselves then there there's these they
    they'd they'll they're they've thing things think this those though through thus to together too took toward
    towards tried try two under until up upon us use used using very via want wanted wants was wasn't way we we'd
    we'll we're we've well went were weren't what what's when where where's whether which while who who's whole whom
    whose why will with within without won't would wouldn't yes yet you you'd you'll you're you've your yours yourself
"""
_STOP_WORDS = frozenset(_STOP_WORD_LINES.split())


def most_used_words(texts: Iterable[str], limit: int = 8, at_least: int = 2) -> list[tuple[str, int]]:
    """The words that stand in at least `at_least` texts, the most used first, then by alphabet."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    found = [(word, count) for word, count in counts.items() if count >= at_least]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]


def words_of(text: str) -> set[str]:
    """The words of one text that count, in lower case."""
    plain = _ADDRESS.sub(" ", text[:TEXT_CHARACTERS]).replace("’", "'").lower()
    words = {word.removesuffix("'s") for word in _WORD.findall(plain)}
    return {word for word in words if _counts(word)}


def _counts(word: str) -> bool:
    """Scripts without spaces give whole phrases: those are too long to be words."""
    is_short = len(word) < SHORTEST and word.isascii()
    return not is_short and len(word) <= LONGEST and word not in _STOP_WORDS
