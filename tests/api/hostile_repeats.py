"""The same id again, in every way in which it can come back: stored once, and the first body is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.api.hostile_feedback import FORM, make_words
from tests.api.running_api import Answer, RunningApi, make_event


@dataclass(frozen=True)
class Repeat:
    """`play` sends; `statuses` are the answers in order, `stored` the rows that come of all of them together."""

    name: str
    play: Callable[[RunningApi], Awaitable[list[Answer]]]
    statuses: tuple[int, ...]
    stored: int = 1
    table: str = "event"


def one_after_another(
    *bodies: Any, paths: tuple[str, ...] = ("/track", "/track"), headers: Mapping[str, str] | None = None
) -> Callable[[RunningApi], Awaitable[list[Answer]]]:
    async def play(api: RunningApi) -> list[Answer]:
        pairs = zip(paths, bodies, strict=True)
        return [await api.ask("POST", path, body, headers) for path, body in pairs]

    return play


def at_once(path: str, body: Any, times: int) -> Callable[[RunningApi], Awaitable[list[Answer]]]:
    async def play(api: RunningApi) -> list[Answer]:
        return await asyncio.gather(*(api.ask("POST", path, body) for _ in range(times)))

    return play


def batch(*events: Any, site: str = "docs") -> dict[str, Any]:
    return {"site": site, "events": list(events)}


def repeats() -> list[Repeat]:
    """Each with fresh ids."""
    same = batch(make_event())
    other = make_event()
    flat = make_event()
    routes = batch(make_event())
    sites = make_event()
    mixed = make_event()
    words, changed, form = make_words(), make_words(), make_words()
    both = {"/feedback": words, "/api/feedback": words}
    return [
        Repeat("the same body", one_after_another(same, same), (202, 202)),
        Repeat("another body", one_after_another(batch(other), batch({**other, "page": "/x"})), (202, 202)),
        Repeat("another name", one_after_another(batch(flat), batch({**flat, "name": "click"})), (202, 202)),
        Repeat("flat, then in a batch", one_after_another({"site": "docs", **mixed}, batch(mixed)), (202, 202)),
        Repeat("by the other address", one_after_another(routes, routes, paths=("/track", "/api/track")), (202, 202)),
        Repeat("on another site", one_after_another(batch(sites), batch(sites, site="blog")), (202, 202), stored=2),
        Repeat(
            "twice in one batch",
            one_after_another(batch(flat := make_event(), {**flat, "page": "/z"}), paths=("/track",)),
            (202,),
        ),
        Repeat("ten at once", at_once("/track", batch(make_event()), 10), (202,) * 10),
        Repeat("feedback, the same", one_after_another(words, words, paths=tuple(both)), (201, 200), table="feedback"),
        Repeat(
            "feedback, other words",
            one_after_another(changed, {**changed, "text": "Something else"}, paths=("/feedback", "/feedback")),
            (201, 200),
            table="feedback",
        ),
        Repeat(
            "feedback form, sent twice",
            one_after_another(
                *["&".join(f"{key}={value}" for key, value in form.items()).replace(" ", "+")] * 2,
                paths=("/feedback", "/feedback"),
                headers=FORM,
            ),
            (303, 303),
            table="feedback",
        ),
        Repeat(
            "feedback, five at once", at_once("/feedback", make_words(), 5), (200, 200, 200, 200, 201), table="feedback"
        ),
    ]
