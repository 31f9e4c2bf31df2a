"""The sentences of summaries, alerts and notes about unhappy people. Plain text; the channels escape it."""

from datetime import date, datetime
from math import ceil, floor
from zoneinfo import ZoneInfo

from shared.config import Settings
from shared.derive.kpis import KPIS, duration, find_kpi, format_change, format_figure, format_value, percent
from shared.derive.kpis.wording import FEW_CASES
from shared.messages import AlertPost, Figure, NegativeFeedback, QuotedFeedback, Summary
from shared.texts import Texts

QUOTE_CHARACTERS = 280
ROUNDING = 1e-9
CATEGORY_ORDER = ("bug", "question", "idea", "praise", "other", "unsorted")
PHASES = {"fired": "", "updated": "still firing: ", "resolved": "resolved: "}
SOURCES = {"web": "the docs page", "form": "the form", "api": "the API", "discord": "Discord", "x": "X"}
Lines = tuple[str, ...]


def summary_title(summary: Summary) -> str:
    days = _weekday(summary.start) if summary.start == summary.end else _span(summary.start, summary.end)
    return f"{summary.site_name} · {summary.period} summary · {days}"


def summary_lines(summary: Summary, texts: Texts) -> Lines:
    """Numbers first, then what people talk about, quotes, who was asked, what still fires."""
    groups = [
        [_figure_line(figure) for figure in summary.figures],
        [*_category_lines(summary), *_word_lines(summary)],
        [line for quote in summary.quotes for line in quote_lines(quote, texts)],
        [*_asked_lines(summary), *_alert_state_lines(summary), *_missed_lines(summary)],
    ]
    lines: list[str] = []
    for group in groups:
        lines += ["", *group] if lines and group else group
    return tuple(lines)


def quote_lines(quote: QuotedFeedback, texts: Texts) -> Lines:
    """Whose mood, then the words."""
    facts = [quote.why.capitalize(), *_judgement(quote)]
    if quote.source:
        facts.append(f"from {SOURCES.get(quote.source, quote.source)}")
    return " · ".join(facts), _words_of(quote, texts)


def alert_title(alert: AlertPost, settings: Settings) -> str:
    site = settings.site(alert.site)
    where = site.name if site else alert.site or "Warroom"
    return f"{alert.severity} {PHASES[alert.phase]}{alert.figure.title} · {where}"


def alert_lines(alert: AlertPost) -> Lines:
    """What is measured against what, for how long, and what it means."""
    window = _window(alert.window_hours)
    lines = [f"{alert.figure.title}: {format_figure(alert.figure)} in {window}.", _rule_sentence(alert)]
    if alert.phase == "resolved" and alert.resolved_at is not None:
        lasted = duration((alert.resolved_at - alert.fired_at).total_seconds() * 1_000)
        lines.append(f"It fired at {_moment(alert.fired_at)} and lasted {lasted}.")
    else:
        lines.append(f"Firing since {_moment(alert.fired_at)}. Rule: {alert.rule}.")
    return (*lines, f"What it counts: {alert.definition}")


def negative_title(note: NegativeFeedback, settings: Settings) -> str:
    site = settings.site(note.site)
    return f"Unhappy feedback · {site.name if site else note.site}"


def negative_lines(note: NegativeFeedback, texts: Texts) -> Lines:
    """The words, how bad, what moved the score, where it came from."""
    quote = note.quote
    lines = [_words_of(quote, texts)] if quote.text or quote.removed else []
    facts = [*_judgement(quote), note.category]
    if quote.source:
        facts.append(f"from {SOURCES.get(quote.source, quote.source)}")
    lines.append(" · ".join(facts))
    if note.words and not quote.removed:
        moved = ", ".join(f"{word} {weight:+.1f}".replace("-", "−") for word, weight in note.words[:5])
        lines.append(f"Words that counted: {moved}")
    if quote.page and not quote.removed:
        lines.append(f"Page: {quote.page}")
    return tuple(lines)


def _figure_line(figure: Figure) -> str:
    change = format_change(figure)
    before = ""
    if change and figure.previous is not None:
        few = figure.previous_count if (figure.previous_count or FEW_CASES) < FEW_CASES else None
        before = f" (before: {format_value(find_kpi(figure.kpi), figure.previous, few)})"
    return f"{figure.title}: {format_figure(figure)}" + (f" · {change}{before}" if change else "")


def _category_lines(summary: Summary) -> list[str]:
    counts = summary.categories
    order = [*CATEGORY_ORDER, *sorted(set(counts) - set(CATEGORY_ORDER))]
    said = ", ".join(_count_of(category, counts[category]) for category in order if counts.get(category))
    return [f"About: {said}"] if said else []


def _count_of(category: str, count: int) -> str:
    """“1 bug”, “2 ideas”; “praise”, “other” and “unsorted” have no plural."""
    return f"{count} {category}{'s' if count > 1 and category in ('bug', 'idea', 'question') else ''}"


def _word_lines(summary: Summary) -> list[str]:
    said = ", ".join(f"{word} ({count})" for word, count in summary.words)
    return [f"Most used words: {said}"] if said else []


def _asked_lines(summary: Summary) -> list[str]:
    asked = summary.asked
    if not asked:
        return []
    return [
        f"Day-7 question: {asked.get('eligible', 0)} became eligible, {asked.get('opted_in', 0)} opted in, "
        f"{asked.get('asked', 0)} {'was' if asked.get('asked') == 1 else 'were'} asked, "
        f"{asked.get('answered', 0)} answered"
    ]


def _alert_state_lines(summary: Summary) -> list[str]:
    return [f"Open alerts: {', '.join(summary.open_alerts)}" if summary.open_alerts else "No open alerts."]


def _missed_lines(summary: Summary) -> list[str]:
    if not summary.missed:
        return []
    period = {"daily": "day", "weekly": "week"}[summary.period]
    count = f"{summary.missed} earlier {period}{'' if summary.missed == 1 else 's'}"
    return [f"Warroom was not running: {count} {'was' if summary.missed == 1 else 'were'} not reported."]


def _judgement(quote: QuotedFeedback) -> list[str]:
    facts = []
    if quote.score is not None and quote.scale_max == 1:
        facts.append("found it helpful" if quote.score else "did not find it helpful")
    elif quote.score is not None and quote.scale_max is not None:
        facts.append(f"score {quote.score:g} of {quote.scale_max}")
    if quote.compound is not None:
        facts.append(f"sentiment {format_value('mean_sentiment', quote.compound)}")
    return facts


def _words_of(quote: QuotedFeedback, texts: Texts) -> str:
    if quote.removed:
        return texts.say(None, "removed_at_request")
    words = " ".join(quote.text.split())
    return f"“{words if len(words) <= QUOTE_CHARACTERS else words[: QUOTE_CHARACTERS - 1].rstrip() + '…'}”"


def _window(hours: int) -> str:
    """“the last hour”, “the last 24 hours”, “the last 7 days”."""
    if hours == 1:
        return "the last hour"
    return f"the last {hours // 24} days" if hours > 48 and hours % 24 == 0 else f"the last {hours} hours"


def _rule_sentence(alert: AlertPost) -> str:
    """What the value is held against; with few cases as a count, because no percentage stands beside it."""
    figure = alert.figure
    if figure.kpi not in KPIS:
        return f"The limit is {alert.threshold:g}: it must not be {alert.compare} that."
    if alert.compare in ("drop", "rise"):
        return _change_sentence(alert)
    limit, cases = format_value(figure.kpi, alert.threshold), figure.count or 0
    if figure.unit != "share" or figure.value is None or cases >= FEW_CASES:
        return f"The limit is {limit}: it must not be {alert.compare} that."
    if alert.compare == "above":
        return f"The limit is {limit}: no more than {floor(alert.threshold * cases + ROUNDING)} of {cases}."
    return f"The limit is {limit}: no fewer than {ceil(alert.threshold * cases - ROUNDING)} of {cases}."


def _change_sentence(alert: AlertPost) -> str:
    """“The same weekday usually has 1,234; this is 92% less. The limit is a fall of 50%.”"""
    way, value = ("fall" if alert.compare == "drop" else "rise"), alert.figure.value
    usual = f"The same weekday usually has {format_value(alert.figure.kpi, alert.expected)}"
    if value is not None and alert.expected:
        change = (value - alert.expected) / abs(alert.expected)
        usual += f"; this is {percent(abs(change))} {'less' if change < 0 else 'more'}"
    return f"{usual}. The limit is a {way} of {percent(alert.threshold)}."


def _span(start: date, end: date) -> str:
    """“2 to 8 March 2026”, with the first month and year only where they differ."""
    if start.year != end.year:
        return f"{_day(start)} to {_day(end)}"
    first = str(start.day) if start.month == end.month else f"{start.day} {start:%B}"
    return f"{first} to {_day(end)}"


def _weekday(day: date) -> str:
    return f"{day:%A}, {_day(day)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _moment(moment: datetime) -> str:
    utc = moment.astimezone(ZoneInfo("UTC"))
    return f"{utc:%H:%M} UTC on {utc.day} {utc:%B}"
