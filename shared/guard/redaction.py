"""Takes personal data and secrets out of a text before it is stored.

Comes in: text as a person wrote it. Goes out: the text with a readable marker in place of each e-mail address,
phone number, payment card number and secret, and how many of each there were; never the originals.
Every pattern has bounded repeats or a start that cannot repeat, so the time grows with the length only. Where a text
lacks what a pattern cannot do without, a quick look saves the pattern: most texts are plain words.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

MARKERS: Mapping[str, str] = MappingProxyType(
    {
        "secret": "[secret removed]",
        "email": "[e-mail removed]",
        "card": "[card number removed]",
        "phone": "[phone number removed]",
    }
)
# A removal can uncover another one ("a@b.example@c.example"); few texts need a second pass.
MAX_PASSES = 6

Span = tuple[int, int]


@dataclass(frozen=True)
class Redacted:
    """`counts` names only what was found: "secret", "email", "card", "phone"."""

    text: str
    counts: Mapping[str, int]


def redact(text: str) -> Redacted:
    """Repeats until nothing is found, so that redacting twice changes nothing."""
    counts: dict[str, int] = {}
    readable, positions = _read_plainly(text)
    for _ in range(MAX_PASSES):
        before = text
        for kind, find in _FINDERS:
            if spans := list(find(readable)):
                text = _replace(text, spans, positions, MARKERS[kind])
                readable, positions = _read_plainly(text)
                counts[kind] = counts.get(kind, 0) + len(spans)
        if text == before:
            break
    return Redacted(text, MappingProxyType(counts))


def _replace(text: str, spans: list[Span], positions: list[int] | None, marker: str) -> str:
    parts: list[str] = []
    done = 0
    for start, end in spans:
        first, last = (start, end) if positions is None else (positions[start], positions[end - 1] + 1)
        parts += (text[done:first], marker)
        done = last
    return "".join(parts) + text[done:]


def _read_plainly(text: str) -> tuple[str, list[int] | None]:
    """The text as a reader sees it (full-width and foreign digits, invisible characters), and where each came from.

    None: nothing is invisible, so each is where it came from.
    """
    if text.isascii():
        return text, None
    seen = {character: _as_seen(character) for character in set(text) if character >= "\x80"}
    if all(seen.values()):
        changed = {ord(character): plain for character, plain in seen.items() if character != plain}
        return text.translate(changed) if changed else text, None
    plain_characters: list[str] = []
    positions: list[int] = []
    for position, character in enumerate(text):
        if plain := seen.get(character, character):
            plain_characters.append(plain)
            positions.append(position)
    return "".join(plain_characters), positions


@functools.lru_cache(maxsize=4_096)
def _as_seen(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Pd":
        return "-"
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    + "|".join(
        (
            r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
            r"gh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
            r"github_pat_\w{20,}",
            r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w.-]{16,}",  # GitLab
            r"xox[abceoprs]-[A-Za-z0-9-]{10,}",  # Slack
            r"xapp-[A-Za-z0-9-]{10,}",
            r"[MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{25,45}(?![\w-])",  # Discord bot
            r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}",  # Stripe
            r"whsec_[A-Za-z0-9+/=]{16,}",
            r"AIza[\w-]{30,}",  # Google
            r"ya29\.[\w-]{20,}",
            r"GOCSPX-[\w-]{20,}",
            r"sk-(?=[\w-]{0,80}\d)[\w-]{20,}",  # OpenAI, Anthropic and others
            r"npm_[A-Za-z0-9]{30,}",
            r"pypi-[\w-]{40,}",
            r"hf_[A-Za-z0-9]{30,}",
            r"SG\.[\w-]{16,64}\.[\w-]{16,64}(?![\w-])",  # SendGrid
            r"dop_v1_[a-f0-9]{40,}",  # DigitalOcean
            r"\d{8,10}:AA[\w-]{30,40}(?![\w-])",  # Telegram bot
            r"eyJ[\w-]{8,}\.eyJ[\w-]{4,}(?:\.[\w-]*)?",  # JSON web token
        )
    )
    + ")",
    re.ASCII,
)
_SHORTEST_TOKEN = 15  # characters, of Slack's
_WEBHOOK_ADDRESS = re.compile(
    r"(?:https?://)?(?:[a-z]{1,10}\.)?(?:discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{5,25}/[\w-]{10,}"
    r"|hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{10,})",
    re.ASCII | re.IGNORECASE,
)
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}@|(?<=://)[^\s/@:]{16,256}@", re.ASCII)
_AUTHORIZATION = re.compile(
    r"\bauthorization[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?(?:(?:bearer|basic|token|bot|apikey|digest)[ \t]{1,4})?"
    r"(?P<value>(?!(?:bearer|digest|apikey)\b)[\w.~+/=-]{6,})"
    r"|\b(?:bearer|bot)[ \t]{1,4}(?P<bare>(?=[\w.~+/=-]{0,200}\d)[\w.~+/=-]{16,})",
    re.ASCII | re.IGNORECASE,
)
_NAMED_SECRET = re.compile(
    r"(?P<name>pass(?:word|wd|phrase)|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|(?:api|access|auth)[_-]?key"
    r"|token(?!s|iz))[\"']?(?P<separator>[ \t]{0,4}(?:=|:(?!//))[ \t]{0,4})"
    r"(?P<value>\"[^\"\n]{1,512}\"|'[^'\n]{1,512}'|[^\s&\"'<>,;]{3,})",
    re.IGNORECASE,
)


def _find_secrets(text: str) -> Iterator[Span]:
    folded = text.casefold()
    spans = [match.span() for match in _PRIVATE_KEY.finditer(text)]
    if max(map(len, text.split()), default=0) >= _SHORTEST_TOKEN:
        spans += [match.span() for match in _TOKEN.finditer(text)]
    if "hooks" in folded:
        spans += [match.span() for match in _WEBHOOK_ADDRESS.finditer(text)]
    if "://" in text:
        found = _USER_IN_ADDRESS.finditer(text)
        spans += [(match.start(), match.end() - 1) for match in found if not _has_marker(match[0])]
    if "authorization" in folded or "bearer" in folded or "bot" in folded:
        spans += [
            match.span("value" if match["value"] else "bare")
            for match in _AUTHORIZATION.finditer(text)
            if not _has_marker(match[0])
        ]
    if "=" in text or ":" in text:
        spans += [match.span("value") for match in _NAMED_SECRET.finditer(text) if _is_secret_value(match)]
    yield from _without_overlap(spans)


def _without_overlap(spans: list[Span]) -> Iterator[Span]:
    """Joins what touches: one long secret is one marker."""
    current: Span | None = None
    for start, end in sorted(spans):
        if current is None:
            current = start, end
        elif start < current[1]:
            current = current[0], max(current[1], end)
        else:
            yield current
            current = start, end
    if current is not None:
        yield current


def _has_marker(text: str) -> bool:
    return " removed]" in text


def _is_secret_value(match: re.Match[str]) -> bool:
    """ "password: how do I reset it" is a question; "password: hunter2" and "token = 'abcd1234'" are not."""
    written = match["value"]
    value = written.strip("\"'")
    if written.startswith("[") or _has_marker(written):
        return False
    is_quoted = written != value
    has_digit = any(map(str.isdigit, value))
    if match["name"].lower().startswith(("pass", "pwd")):
        return is_quoted or has_digit or "=" in match["separator"] or match["separator"] == ":"
    return len(value) >= 8 and " " not in value and (has_digit or is_quoted)


_EMAIL = re.compile(
    r"(?<!\w)\w[\w.+%'-]{0,63}[ ]?(?:@|[\[({] ?at ?[\])}])[ ]?"
    r"(?P<domain>[^\W_][\w-]{0,62}(?:\.[\w-]{1,63}){0,6}\.(?:[^\W\d_]{2,24}|xn--[\w-]{2,40}))(?![\w@-])",
    re.IGNORECASE,
)
_DISGUISED_AT = re.compile(r"[\[({] ?at ?[\])}]", re.IGNORECASE)
_NOT_A_DOMAIN = re.compile(r"\d+\.\d+|.*\.(?:png|jpe?g|gif|svg|webp|avif|js|ts|css|json|ya?ml)\Z", re.IGNORECASE)


def _find_emails(text: str) -> Iterator[Span]:
    if "@" not in text and not (any(mark in text for mark in "[({") and _DISGUISED_AT.search(text)):
        return
    for match in _EMAIL.finditer(text):
        if match[0].lower().startswith("git@") or _NOT_A_DOMAIN.match(match["domain"]):
            continue
        # Spaces around a bare @ are prose ("meet @ example.com"); around "(at)" they are a disguise.
        if "@" in match[0] and " " in match[0]:
            continue
        yield match.span()


# Written in one piece, or in groups of four or more with a shorter last one.
_DIGIT_GROUPS = re.compile(r"(?<![\w.])\d{4,19}(?:[ -]\d{1,19}){0,8}(?!\d)", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)


def _find_cards(text: str) -> Iterator[Span]:
    if not _has_digit(text):
        return
    for run in _DIGIT_GROUPS.finditer(text):
        groups = [(run.start() + part.start(), run.start() + part.end()) for part in _DIGITS.finditer(run[0])]
        first = 0
        while first < len(groups):
            last = _find_card_end(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
                first = last
            first += 1


def _find_card_end(text: str, groups: list[Span], first: int) -> int | None:
    """The last group of the longest card number that begins with this one."""
    digits = ""
    found = None
    if text[groups[first][0]] not in "23456":
        return None
    for index in range(first, min(first + 5, len(groups))):
        if len(digits) % 4 and index > first + 1 and len(digits) not in (10, 14):
            break
        digits += text[slice(*groups[index])]
        if len(digits) > 19:
            break
        if len(digits) >= 13 and _passes_luhn(digits):
            found = index
        if groups[index][1] - groups[index][0] < 4:
            break
    return found


def _has_digit(text: str) -> bool:
    """Whether one is there for patterns in ASCII; each a scan for one letter, in all a tenth of a pattern's."""
    return any(digit in text for digit in "0123456789")


def _passes_luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and len(set(digits)) > 1


_PHONE = re.compile(
    r"(?<![\w+./:=-])(?:"
    + "|".join(
        (
            r"\+[1-9]\d{0,2}(?:[ ./()-]{0,3}\d){6,12}",  # +49 (0)30 123456
            r"00[1-9]\d{0,2}[ /-](?:[ /()-]{0,2}\d){6,12}",  # 0049 30 123456
            r"(?:1[ .-])?\(?[2-9]\d{2}\)?(?P<gap>[ .-])[ ]?[2-9]\d{2}(?P=gap)\d{4}",  # 555-123-4567
            r"(?:1[ .-])?\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}",  # (555) 123-4567
            r"\(0\d{1,4}\)[ /-]{0,2}\d{3,8}(?:[ -]\d{2,5}){0,3}",  # (030) 123456
            r"0[1-9]\d{1,3}[ /-]{1,3}\d{3,8}(?:[ -]\d{2,5}){0,3}",  # 0171 2345678
            r"0\d{2}[ -]\d{4}[ -]\d{4}",  # 020 7946 0958
            r"0[1-9](?:[ .]\d{2}){4}",  # 01 23 45 67 89
        )
    )
    + r")(?![\w:]|[.,/-]\d)",
    re.ASCII,
)
_NAMED_PHONE = re.compile(
    r"\b(?:phone|telephone|tel|mobile|cell|whatsapp|fax|call me|text me|reach me)\b[^\d\n(+]{0,16}"
    r"(?P<number>\(?\d[\d ()/-]{5,18}\d)(?![\w:]|[./-]\d)",
    re.ASCII | re.IGNORECASE,
)
_DATE = re.compile(r"(?:19|20)\d\d-\d\d?-\d\d?", re.ASCII)


def _find_phones(text: str) -> Iterator[Span]:
    if not _has_digit(text):
        return
    spans = [match.span() for match in _PHONE.finditer(text)]
    spans += [match.span("number") for match in _NAMED_PHONE.finditer(text)]
    for start, end in _without_overlap(spans):
        written = text[start:end]
        if 7 <= sum(map(str.isdigit, written)) <= 15 and not _DATE.search(written):
            yield start, end


# Secrets first: a key may hold digits or an @. Cards before phones: a card number holds what looks like a phone.
_FINDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("secret", _find_secrets),
    ("email", _find_emails),
    ("card", _find_cards),
    ("phone", _find_phones),
)
