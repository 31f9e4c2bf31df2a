"""The War Room on the console, for as long as no channel is connected.

The console of a deployment is a log that we can neither erase from nor purge: what people wrote is left out there.
"""

from dataclasses import replace
from typing import TextIO

from shared.config import Settings
from shared.deliver.channel import Sent
from shared.deliver.plain_text import clean_line
from shared.deliver.war_room import Post, describe
from shared.messages import WAR_ROOM, Message, NegativeFeedback, PostRemoval, Series, Summary
from shared.store.models import OutboxMessage
from shared.texts import Texts

LINE_CHARACTERS = 400
SIGNS = {"info": "●", "good": "✓", "warning": "▲", "bad": "■"}
BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 60
WORDS_ELSEWHERE = "What was written is on the War Room page of the dashboard."


class ConsoleChannel:
    """Writes each post as a few plain lines; nothing in it can steer a terminal."""

    name = "console"
    destinations = frozenset({WAR_ROOM})

    def __init__(self, settings: Settings, stream: TextIO, *, is_log: bool = False) -> None:
        self._is_log = is_log
        self._settings = settings
        self._texts = Texts(settings.texts)
        self._stream = stream

    async def send(self, row: OutboxMessage, message: Message) -> Sent:
        if not isinstance(message, PostRemoval):  # what stands on a console cannot be taken back
            self._stream.write(render(self._describe(message)))
            self._stream.flush()
        return Sent(self.name)

    def _describe(self, message: Message) -> Post:
        told = _without_words(message) if self._is_log else message
        post = describe(told, self._settings, self._texts)
        return post if told is message else replace(post, lines=(*post.lines, WORDS_ELSEWHERE))


def _without_words(message: Message) -> Message:
    """The same message if nobody's words are in it."""
    if isinstance(message, NegativeFeedback):
        return message.model_copy(update={"quote": message.quote.model_copy(update={"text": ""}), "words": []})
    if isinstance(message, Summary) and (message.quotes or message.words):
        return message.model_copy(update={"quotes": [], "words": []})
    return message


def render(post: Post) -> str:
    """A rule on the left, so that a post stands out among log lines."""
    lines = [f"{SIGNS[post.severity]} {clean_line(post.title, LINE_CHARACTERS)}"]
    lines += [f"│ {clean_line(line, LINE_CHARACTERS)}".rstrip() for line in post.lines]
    if post.chart is not None:
        lines += ["│", f"│ {sparkline(post.chart)}", f"│ {clean_line(post.alt_text or '', LINE_CHARACTERS)}"]
    return "\n".join(["", *lines, "", ""])


def sparkline(series: Series) -> str:
    """One bar a point, the newest at the right; a dot where there is no value."""
    values = [point.value for point in series.points[-MOST_BARS:]]
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, spread = min(known), (max(known) - min(known)) or 1.0
    return "".join("·" if value is None else BARS[round((value - low) / spread * 7)] for value in values)
