"""How a metric is written: with its counts, with its change in words, and when to say nothing about it."""

from shared.derive.kpis.catalogue import KPIS, Direction, Kpi
from shared.messages import Figure
from shared.stats.proportions import counts_differ, means_differ, shares_differ

FEW_CASES = 30  # fewer: the counts are told, no percentage
UNKNOWN = "–"
# Standard deviation of single values, where rollups keep none. Only used to stay silent about changes that chance
# explains, so a little too wide: compound scores as measured on tests/data/sentiment_dev (0.40 to 0.55 by kind of
# text), scores of 1 to 5 a little below that of an even use of the scale (1.41).
SPREADS = {"compound": 0.55, "score": 1.3}
CLEAR_TIME_CHANGE = 0.1


def format_value(kpi: Kpi | str, value: float | None, count: int | None = None) -> str:
    """“42% (118 of 281)”, “7 of 12”, “12.3k”, “1 min 24 s”, “+0.31 (42 texts)”; “–” when unknown."""
    found = KPIS[kpi] if isinstance(kpi, str) else kpi
    if value is None:
        return UNKNOWN
    if found.unit == "share":
        return _share(value, count)
    if found.unit == "count":
        return short_number(value)
    if found.unit == "ms":
        return duration(value)
    cases = f" ({short_number(count)} {'text' if count == 1 else 'texts'})" if count is not None else ""
    if found.unit == "compound":
        return f"{_signed(value)}{cases}"
    return f"{value:.1f}" + cases.replace("text", "score")


def format_figure(figure: Figure) -> str:
    """The value of a figure with its counts, or why there is none."""
    if figure.value is None:
        return f"{UNKNOWN} ({figure.reason})" if figure.reason else UNKNOWN
    return format_value(figure.kpi, figure.value, figure.count)


def format_change(figure: Figure) -> str:
    """“▲ 8.1% better”, “no clear change”, or nothing when there is nothing to compare with."""
    if figure.value is None or figure.previous is None:
        return ""
    if not is_clear_change(figure):
        return "no clear change"
    difference = figure.value - figure.previous
    return f"{'▲' if difference > 0 else '▼'} {_size_of_change(figure)}{_judgement(figure.direction, difference)}"


def is_clear_change(figure: Figure) -> bool:
    """Whether the change is larger than chance explains (5 %)."""
    now, before = figure.value, figure.previous
    if now is None or before is None or now == before:
        return False
    cases, before_cases = figure.count or 0, figure.previous_count or 0
    if figure.unit == "count":
        return counts_differ(round(now), round(before))
    if figure.unit == "share":
        return shares_differ(round(now * cases), cases, round(before * before_cases), before_cases)
    if figure.unit in SPREADS:
        return means_differ(now, cases, before, before_cases, SPREADS[figure.unit])
    enough = min(cases, before_cases) >= FEW_CASES
    return enough and abs(now - before) >= CLEAR_TIME_CHANGE * max(abs(before), 1e-9)


def is_better(figure: Figure) -> bool | None:
    """Whether a clear change is for the better; None when there is none, or no better way."""
    if figure.direction == "none" or not is_clear_change(figure):
        return None
    rose = (figure.value or 0) > (figure.previous or 0)
    return rose == (figure.direction == "up")


def short_number(value: float) -> str:
    """1,234 below 10,000; then 12.3k and 4.56M."""
    size = abs(value)
    if round(size) < 10_000:
        return f"{round(value):,}"
    if size < 999_950:
        return f"{value / 1_000:.1f}k"
    return f"{value / 1_000_000:.2f}M"


def duration(milliseconds: float) -> str:
    """“850 ms”, “12.4 s”, “1 min 24 s”, “2 h 5 min”."""
    if round(milliseconds) < 1_000:
        return f"{round(milliseconds)} ms"
    seconds = milliseconds / 1_000
    if seconds < 59.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def percent(share: float) -> str:
    """“42%”, “8.1%”, “0.05%”: two digits that matter; “99.98%”, since all but a few is never 100%."""
    value = share * 100
    size = abs(value)
    if 99.5 <= size < 100:
        return f"{min(size, 99.99) * (1 if value > 0 else -1):.{1 if size < 99.95 else 2}f}%"
    digits = 0 if size >= 9.95 or size == 0 else 1 if size >= 0.995 else 2
    return f"{value:.{digits}f}%"


def _share(value: float, count: int | None) -> str:
    if count is None:
        return percent(value)
    counts = f"{round(value * count):,} of {count:,}"
    return counts if count < FEW_CASES else f"{percent(value)} ({counts})"


def _signed(value: float) -> str:
    """“+0.31”, “−0.20”, and “0.00” without a sign."""
    rounded = round(value, 2)
    return f"{rounded:+.2f}".replace("-", "−") if rounded else "0.00"


def _size_of_change(figure: Figure) -> str:
    now, before = figure.value or 0.0, figure.previous or 0.0
    if figure.unit == "compound":
        return f"{abs(now - before):.2f}"
    if figure.unit == "score":
        return f"{abs(now - before):.1f}"
    if before == 0:
        return f"from 0 to {format_value(figure.kpi, now)}"
    return percent(abs(now - before) / abs(before))


def _judgement(direction: Direction, difference: float) -> str:
    if direction == "none":
        return " more" if difference > 0 else " less"
    return " better" if (difference > 0) == (direction == "up") else " worse"
