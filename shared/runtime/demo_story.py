"""A made-up month of a docs site, the same for the same seed: visits, tutorials, an experiment, moods.

On three days in the third week the install guide is broken: people stumble, say so, and the share of
negative feedback rises until it is mended.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

DAYS = 28
BROKEN_DAYS = range(16, 19)
PAGES = (
    "/", "/install", "/quickstart", "/guide/configuration", "/guide/deploy", "/guide/plugins",
    "/reference/cli", "/reference/api", "/faq", "/changelog",
)  # fmt: skip
WEIGHTS = (20, 16, 18, 10, 9, 6, 9, 8, 3, 1)
REFERRERS = (None, None, "search.example", "search.example", "news.example", "code.example")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
)
PRAISE = (
    "The quickstart is excellent, I was running in five minutes. Thank you!",
    "Love the new search, it finds what I mean.",
    "Great examples, and they really work when copied.",
    "Clear and friendly writing. Best docs I have read this year.",
    "The deployment guide saved my afternoon, wonderful.",
    "Nice, the dark theme is beautiful and easy to read.",
    "Super helpful page about plugins, thanks a lot!",
    "Happy with the CLI reference, everything is in its place.",
    "Really good error messages, they told me exactly what to do.",
    "Perfect explanation of the configuration file.",
)
PLAIN = (
    "Which version added the --watch flag?",
    "Is there an example with two environments?",
    "How do I run this behind a proxy?",
    "Where can I set the cache directory?",
    "The table on this page lists five columns, the tool prints six.",
    "Does the plugin API change in the next release?",
    "Please add a page about upgrading from 1.x.",
    "A copy button for the code blocks would be an idea.",
    "Could the changelog have a feed?",
    "It would be good to have the examples as a repository.",
)
GRUMBLE = (
    "The reference is confusing, I could not find the option I needed.",
    "Search is slow and the first result is wrong.",
    "I hate that the sidebar closes each time I click.",
    "The example fails with an ugly traceback, very frustrating.",
    "Too many words before the first command, annoying.",
    "The deploy guide is outdated and misleading.",
)
BROKEN = (
    "The install guide is broken, the download link is dead. Terrible.",
    "Install fails at step two with a horrible error, I give up.",
    "Awful experience: the install command does not exist any more.",
    "I wasted two hours on a wrong install page. This is really bad.",
    "Your install instructions are useless since yesterday, very disappointed.",
    "The new installer crashes, worst release so far. I am angry.",
)
GERMAN = ("Die Anleitung ist gut, aber die Suche findet den Befehl leider nicht.",)
SAID_IN = ("web", "web", "web", "form", "discord", "discord", "x")


@dataclass(frozen=True)
class Visit:
    """One visitor's page views and what came of them, sent in one batch."""

    at: datetime
    address: str
    agent: str
    person: str | None
    events: list[dict[str, Any]]


@dataclass(frozen=True)
class Saying:
    """One piece of feedback."""

    at: datetime
    address: str
    agent: str
    person: str | None
    source: str
    fields: dict[str, Any] = field(default_factory=dict)


def tell_story(seed: int, today: date) -> Iterator[tuple[date, list[Visit | Saying]]]:
    """The month before today, and today; each day with what happens on it, in order of time."""
    rng = random.Random(seed)
    readers = [_reader(rng, number) for number in range(260)]
    for index in range(DAYS + 1):
        day = today - timedelta(days=DAYS - index)
        happenings: list[Visit | Saying] = [*_visits(rng, readers, day, index), *_sayings(rng, readers, day, index)]
        yield day, sorted(happenings, key=lambda happening: happening.at)


@dataclass(frozen=True)
class _Reader:
    address: str
    agent: str
    person: str | None
    variant: str
    language: str
    plan: str | None


def _reader(rng: random.Random, number: int) -> _Reader:
    return _Reader(
        address=f"198.51.{100 + number // 250}.{number % 250 + 1}",
        agent=rng.choice(AGENTS),
        person=f"{rng.getrandbits(96):024x}" if rng.random() < 0.16 else None,
        variant="short" if rng.random() < 0.5 else "long",
        language="de" if rng.random() < 0.06 else "en",
        plan=rng.choice((None, "free", "free", "team", "enterprise")),
    )


def _moment(rng: random.Random, day: date) -> datetime:
    hour = min(23.9, max(0.1, rng.gauss(14.0, 4.0)))
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


def _visits(rng: random.Random, readers: Sequence[_Reader], day: date, index: int) -> Iterator[Visit]:
    weekend = day.weekday() >= 5
    count = int((32 if weekend else 58) * (1 + index / 90) * rng.uniform(0.92, 1.08))
    for reader in rng.sample(readers, count):
        at = _moment(rng, day)
        events: list[dict[str, Any]] = []
        for step in range(1 + int(rng.expovariate(0.6))):
            page = rng.choices(PAGES, WEIGHTS)[0]
            events += _page(rng, page, at + timedelta(minutes=2 * step), reader, broken=index in BROKEN_DAYS)
        yield Visit(at, reader.address, reader.agent, reader.person, events[:100])


def _page(rng: random.Random, page: str, at: datetime, reader: _Reader, *, broken: bool) -> list[dict[str, Any]]:
    view, marked = f"{rng.getrandbits(64):016x}", page in ("/", "/quickstart", "/install")

    def event(name: str, later: float = 0.0, **more: Any) -> dict[str, Any]:
        moment = int((at + timedelta(seconds=later)).timestamp() * 1000)
        return {"id": f"{rng.getrandbits(96):024x}", "name": name, "at": moment, "view": view, "page": page, **more}

    events = [event("page_view", marked=marked, referrer=rng.choice(REFERRERS))]
    seconds = rng.lognormvariate(3.6, 0.8)
    if page == "/":
        events.append(event("exposure", 1, experiment="hero-text", variant=reader.variant))
    if marked and rng.random() < (0.27 if reader.variant == "short" else 0.21):
        events.append(event("click", seconds / 2, target="get-started", marked=True))
    if page == "/quickstart":
        events += [event(name, later, **more) for name, later, more in _tutorial(rng)]
    chance = 0.012 if broken else 0.055 if reader.variant == "short" else 0.042
    if rng.random() < chance:
        events.append(event("conversion", seconds, goal="signup", experiment="hero-text", variant=reader.variant))
    depth = min(100, int(rng.gauss(62, 24)))
    events.append(event("engagement", seconds, engaged_ms=int(seconds * 1000), scroll_percent=max(5, depth)))
    return events


def _tutorial(rng: random.Random) -> Iterator[tuple[str, float, dict[str, Any]]]:
    for step, chance in ((1, 0.9), (2, 0.74), (3, 0.7)):
        if rng.random() > chance:
            return
        yield "sequence_step", 20.0 * step, {"sequence": "quickstart", "step": step, "steps": 3, "done": step == 3}


def _sayings(rng: random.Random, readers: Sequence[_Reader], day: date, index: int) -> Iterator[Saying]:
    broken = index in BROKEN_DAYS
    for _ in range(rng.randint(4, 8) + (9 if broken else 0)):
        reader = rng.choice(readers)
        mood = rng.choices(("praise", "plain", "grumble", "broken"), (2, 2, 1, 9) if broken else (5, 4, 2, 0))[0]
        yield Saying(
            _moment(rng, day),
            reader.address,
            reader.agent,
            reader.person,
            rng.choice(SAID_IN),
            _words(rng, mood, reader),
        )
    for _ in range(rng.randint(2, 7)):
        reader, liked = rng.choice(readers), rng.random() < (0.5 if broken else 0.82)
        page = rng.choices(PAGES, WEIGHTS)[0]
        vote = {"survey": "helpful", "score": int(liked), "scale": "0-1", "page": page}
        yield Saying(_moment(rng, day), reader.address, reader.agent, reader.person, "web", vote)


def _words(rng: random.Random, mood: str, reader: _Reader) -> dict[str, Any]:
    texts, category, scores = {
        "praise": (PRAISE, "praise", (4, 5, 5)),
        "plain": (PLAIN, rng.choice(("question", "idea")), (3, 3, 4)),
        "grumble": (GRUMBLE, "bug", (2, 3)),
        "broken": (BROKEN, "bug", (1, 1, 2)),
    }[mood]
    said: dict[str, Any] = {
        "text": rng.choice(GERMAN if reader.language == "de" and mood == "plain" else texts),
        "category": category,
        "page": "/install" if mood == "broken" else rng.choices(PAGES, WEIGHTS)[0],
        "survey": "day7" if rng.random() < 0.4 else "form",
    }
    if reader.plan:
        said["plan"] = reader.plan
    if rng.random() < 0.7:
        said |= {"score": rng.choice(scores), "scale": "1-5"}
    return said
