"""VADER's lexicon, corrected for texts of developers: data only.

Comes in: nothing. Goes out: the words that only name things in such texts ("kill the process", "error
value", "please") and so lose their score, the words that VADER does not know or knows wrongly, and a
version that is stored with each score, so that a later list can be told from this one.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

LEXICON_VERSION = "vader_dev-1"

_FAULTS_AS_SUBJECTS = """
    error errors fail failed failing fails failure failures problem problems fault faults
    warning warnings warn warned crash alert alarm critical fatal severe risk risks
    problematic loss delay delayed missing missed lost leak conflict conflicts conflicting
"""
_COMMANDS_AND_STATES = """
    kill killed killing kills dead die deadlock stop stopped stopping stops
    block blocked blocking blocks forced fire fired firing drop drag
    cancel cancelled cancelling cancels reject rejected rejecting rejects
    deny denied denies disabling exclude excluded exclusion
    ignore ignored ignores ignoring avoid avoided avoiding avoids prevent prevented preventing prevents
    suspend suspended violate violated violates violating violation violations
    cut cutting hide hides hiding leave escape escapes escaping expose exposed exposes exposing
    limitation limited low lower lowest hard empty demand demanding isolated
    suspect suspected unsupported uncertain destroy destroyed destroying shoot
    mock mocked mocking mocks attack attacks threat pay
"""
_ARGUING_AND_ASKING = """
    argument arguments argue want wish wishes help please sure certain certainly clear clearly ok okay yes
    no number matter matters worry worries worried worrying suffer suffers suffering
    unfortunately doubt doubts accidentally curious interested important importance
    serious seriously hopefully true truth agree agreed agreement
    definitely top ideal ideally sentence sentences
"""
_FEATURES_AND_DATA = """
    accept accepted accepting accepts active actively allow assets asset share shared shares sharing
    create created creates creating creation commit commits committed committing commitment
    support supported supporting supports like value values validate validated validating
    ability credit credits dedicated dynamic dynamically ensure ensuring
    energy engage extend fit free freely fresh gain gained giving grant granted grants growth
    hand helper increase increased intact interest join kind legal natural optimal
    optimization optimize optimized optimizing original party play played playing
    progress promise promised promises protect protected protects reach reaching ready
    resolve resolved resolves resolving save saved security secure secured safe safely safety
    solution solutions solve solved solves solving special strength strong strongly
    straight super trust well
    easier easily play alone advanced better
    care chance desired desirable discarded restore restoring significant substantial
    opportunity approval approved natural fulfill fulfilled fulfills
"""

NEUTRAL_WORDS: frozenset[str] = frozenset(
    " ".join((_FAULTS_AS_SUBJECTS, _COMMANDS_AND_STATES, _ARGUING_AND_ASKING, _FEATURES_AND_DATA)).split()
)

# Words that other languages write the same way; alone they are no sign that a short text is English.
_ALSO_FOREIGN_WORDS = """
    die war no hell mist gut super fun top perfect problem interest ok fine rage grave pain chance gross sad sin mad
    bad bravo content grand fan fit fatal bonus original legal normal idiot alarm hate lame arm ha
"""
ALSO_FOREIGN_WORDS: frozenset[str] = frozenset(_ALSO_FOREIGN_WORDS.split())

# Strength on VADER's scale, -4 to 4.
ADDED_WORDS: Mapping[str, float] = MappingProxyType(
    {
        "lgtm": 2.0,
        "thx": 1.9,
        "tks": 1.9,
        "tnx": 1.9,
        "ty": 1.5,
        "kudos": 2.4,
        "+1": 1.6,
        "-1": -1.6,
        "upvote": 1.6,
        "upvoted": 1.6,
        "yay": 2.4,
        "hooray": 2.4,
        "concise": 1.4,
        "intuitive": 1.8,
        "neat": 2.0,
        "slick": 1.9,
        "goodness": 1.0,
        "flaky": -1.6,
        "buggy": -2.0,
        "clunky": -1.6,
        "cumbersome": -1.6,
        "unintuitive": -1.8,
        "unusable": -2.4,
        "unreadable": -1.9,
        "undocumented": -1.2,
        "outdated": -1.4,
        "bloated": -1.7,
        "broken": -1.6,
        "hacky": -1.3,
        "kludge": -1.5,
        "nightmare": -2.6,
        "headache": -1.9,
        "wtf": -2.6,
        "meh": -1.0,
        "ugh": -1.9,
        "argh": -1.9,
        "grr": -1.9,
        "sucks": -2.2,
        "tedious": -1.7,
        "sorry": -0.8,
        "works_well": 1.9,
        "not_working": -1.2,
    }
)

# Scored as they are; VADER would read only their names ("thumbs up", "pouting face") and find nothing.
EMOJI: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys("😍🥰🤩", 2.9),
        **dict.fromkeys("🎉🥳😊😄😁😀", 2.2),
        **dict.fromkeys("👍👏🙌💯👌", 1.9),
        **dict.fromkeys("🔥🚀💪🙏⭐🌟😎", 1.5),
        **dict.fromkeys("🙂😉😂🤣", 1.0),
        **dict.fromkeys("🙄😕🙁☹😒😬😖", -1.3),
        **dict.fromkeys("👎😢😭😞😟😩😫😤🤦💔", -1.9),
        **dict.fromkeys("😡😠🤬🤮🤢💩🖕", -2.6),
    }
)

# Rewritten before scoring, because VADER looks at single words: "like" alone mostly compares, "I like" does not.
PHRASES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(i|we|really|don't|didn't|do not|did not) like\b", re.IGNORECASE), r"\1 liked"),
    (re.compile(r"\b(?:works|worked|working) (?:so |very |really )?well\b", re.IGNORECASE), "works_well"),
    (
        re.compile(r"\b(?:(?:doesn't|does not|didn't|did not|don't|won't) work|stopped working|not working)\b", re.I),
        "not_working",
    ),
)
