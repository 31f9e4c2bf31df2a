"""Takes out of a text what requests carry and nobody may keep: queries, fragments, addresses of computers, user agents.

Comes in: a text from anywhere, JSON and log lines too. Goes out: the text without queries and fragments of addresses,
and with a readable marker in place of the others. Each pattern has bounded repeats, so the time grows with the length
only. Applied twice it changes nothing more.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

ADDRESS_MARKER = "[address removed]"
AGENT_MARKER = "[user agent removed]"
COOKIE_MARKER = "[cookie removed]"
QUERY_MARKER = "[query removed]"

# What none of the patterns below can do without; most texts have none of it and are done after a look or two.
SIGNS = "?#=:0123456789"  # a cookie has one of them too
SUSPICIOUS = re.compile(r"[?#]\S|[\w\]]=|\d\.\d|:[0-9a-fA-F]|::|/\d|cookie", re.IGNORECASE)
# From the "?" or "#" behind a "/" to the next space; each start is tried once. "C/C#" and "and/or?" are words.
ADDRESS_TAIL = re.compile(r"(?<!\S)([^\s/]*/[^\s?#]*)[?#](?=[^\s\w]{0,3}\w)\S*")
HOST_TAIL = re.compile(
    r"(?<![\w.-])((?:localhost|(?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?::\d{1,5})?)(?:\?[\w%&+.~-]|#[\w%/!:~-])\S*",
    re.IGNORECASE,
)
QUERY = re.compile(r"\?[^\s=?]{0,100}=\S*|(?<!\S)\?[^\s?!.,;:)]\S*")
PAIRS = re.compile(r"(?<![\w%&=-])[\w%.\[\]-]{1,64}=[^\s&=]{0,512}&[\w%.\[\]-]{1,64}=\S*")
AGENT = re.compile(
    r"\b(?:Mozilla|Opera|Dalvik)/\d[\w.]{0,16}"
    r"(?:[ ]?\([^()\n]{0,300}(?:\)|\Z)|[ ][A-Za-z][\w.-]{0,40}/[\w.+-]{1,40}|[ ](?:Mobile|Version)\b){0,30}"
)
COOKIE = re.compile(
    r"\b(?:set-)?cookies?(?:\\{0,3}[\"'][ \t]{0,4}[:=][ \t]{0,4}\\{0,3}[\"'][^\"'\\\n]{1,4000}"
    r"|[ \t]{0,4}[:=][ \t]{0,4}[\w.-]{1,64}=[^\s;]*(?:;[ ]?[\w.-]{1,64}=[^\s;]*){0,50})",
    re.IGNORECASE,
)
NUMBERED = re.compile(
    r"(?<![\w.])(?<!version )(?<!Version )(?<!release )(?<!Release )(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)", re.ASCII
)
COLONS = re.compile(r"[0-9A-Fa-f:.]{3,80}")
MOST_PASSES = 20  # what goes can uncover another one; few texts need a second pass
NOBODY = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104  (what software listens on, nobody's own)


def remove_traces(text: str) -> str:
    """The text without them; ordinary words and names stay as they are."""
    for _ in range(MOST_PASSES):
        before = text
        if _is_suspicious(text):
            text = _remove_once(text)
        if text == before:
            break
    return text


def _is_suspicious(text: str) -> bool:
    if text.isascii() and not any(sign in text for sign in SIGNS):  # each a scan for one letter: a hundred times faster
        return False
    return SUSPICIOUS.search(text) is not None


def _remove_once(text: str) -> str:
    text = AGENT.sub(AGENT_MARKER, text)
    text = COOKIE.sub(COOKIE_MARKER, text)
    text = HOST_TAIL.sub(r"\1", ADDRESS_TAIL.sub(r"\1", text))
    text = PAIRS.sub(QUERY_MARKER, QUERY.sub("", text))
    text = NUMBERED.sub(lambda found: _marked(found[0]), text)
    return COLONS.sub(_without_address, text) if text.count(":") > 1 else text


def is_address(text: str) -> bool:
    """Whether a text is one address of a computer, perhaps with its zone."""
    return _parse(text) is not None


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _marked(written: str) -> str:
    return ADDRESS_MARKER if written not in NOBODY and is_address(written) else written


def _without_address(found: re.Match[str]) -> str:
    """Words such as `std::a1` and times such as 12:30:45 look alike; a name in front ends in one colon."""
    run = found[0]
    if run.count(":") < 2 or not any(map(str.isdigit, run)):
        return run
    follows_word = found.start() > 0 and (found.string[found.start() - 1].isalnum())
    if follows_word and run[0] != ":":
        return run
    bare = run.rstrip(".")
    start = 1 if bare[0] == ":" and not bare.startswith("::") else 0
    for end in (len(bare), len(bare.rstrip(":"))):
        address = bare[start:end]
        if address not in NOBODY and is_address(address):
            return run[:start] + ADDRESS_MARKER + run[end:]
    return run
