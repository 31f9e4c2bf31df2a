"""Charts as pictures, and what they show in one sentence.

`draw_chart` is a pure function for the worker process: a dumped `messages.Series` comes in, PNG bytes go out.
matplotlib is imported inside it, because that takes seconds. Colours and dashes are the dashboard's.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared.derive.kpis import KPIS, duration, percent, short_number
from shared.messages import Point, Series

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 8.0, 3.6, 150
PREVIOUS_DASHES = (0, (6, 3))


@dataclass(frozen=True)
class Palette:
    """The tokens of the dashboard that a chart needs."""

    background: str
    line: str
    text: str
    muted: str
    first: str
    previous: str


LIGHT = Palette("#ffffff", "#d0d7de", "#1f2328", "#57606a", "#21497d", "#6b7480")
DARK = Palette("#0d1117", "#30363d", "#e6edf3", "#9aa4af", "#4c82f7", "#99a3ae")


def draw_chart(series: Mapping[str, Any], title: str, dark: bool = False) -> bytes:
    """A line over time with the period before as a grey dashed line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chart, palette = Series.model_validate(dict(series)), DARK if dark else LIGHT
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, facecolor=palette.background)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.115, 0.805, 0.695), facecolor=palette.background)
    figure.text(0.02, 0.955, plain_for_drawing(title), color=palette.text, size=13, weight="bold", va="top")
    figure.text(0.02, 0.875, _subtitle(chart), color=palette.muted, size=9.5, va="top")
    low, high = _draw_lines(axes, chart, palette)
    _style_axes(axes, chart, palette, low, high)
    _label_time(axes, chart, palette)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", facecolor=palette.background)
    return picture.getvalue()


def alt_text(series: Series) -> str:
    """One sentence: what, from when to when, first and last value, extremes and where."""
    known = [point for point in series.points if point.value is not None]
    if not known:
        return f"{series.name}: no values in this period."
    first, last = known[0], known[-1]
    if len(known) == 1:
        return f"{series.name}: {say_value(series.unit, first.value)} on {say_time(first.at)}."
    lowest = min(known, key=lambda point: point.value or 0.0)
    highest = max(known, key=lambda point: point.value or 0.0)
    trend = (
        f"{series.name} from {say_time(first.at)} to {say_time(last.at)}: {_trend(known)} from "
        f"{say_value(series.unit, first.value)} to {say_value(series.unit, last.value)}"
    )
    if lowest.value == highest.value:
        return trend + "."
    return (
        f"{trend}; highest {say_value(series.unit, highest.value)} on {say_time(highest.at)}, "
        f"lowest {say_value(series.unit, lowest.value)} on {say_time(lowest.at)}."
    )


def say_value(unit: str, value: float | None) -> str:
    """A value on an axis or in a sentence, without its counts."""
    if value is None:
        return "–"
    if unit == "share":
        return percent(value)
    if unit == "ms":
        return duration(value)
    if unit == "compound":
        return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0"
    return f"{value:.1f}" if unit == "score" else short_number(value)


def say_time(at: date | datetime) -> str:
    """“12 May”, and the hour of a moment."""
    day = f"{at.day} {at:%b}"
    return f"{day} {at:%H:%M} UTC" if isinstance(at, datetime) else day


def value_ticks(low: float, high: float, unit: str, wanted: int = 5) -> list[float]:
    """Four to six round values that enclose low and high."""
    if high <= low:
        high = low + 1.0
    for count in (wanted, wanted + 1, wanted - 1):
        step = _round_step((high - low) / (count - 1), unit)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if 3 <= last - first <= 5:
            break
    return [round(step * number, 10) for number in range(first, last + 1)]


def value_range(series: Series) -> tuple[float, float]:
    """What the axis must show: from zero, but for scores and sentiment."""
    values = [point.value for point in (*series.points, *series.previous) if point.value is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if series.unit not in ("compound", "score"):
        return min(0.0, low), high if high > 0 else 1.0
    room = 0.1 if series.unit == "compound" else 0.25
    return low - room, high + room


def plain_for_drawing(text: str) -> str:
    """A dollar sign would start a formula in matplotlib."""
    return text.replace("$", r"\$")


def _round_step(rough: float, unit: str) -> float:
    if unit == "ms":
        return next((step for step in _TIME_STEPS if step >= rough), _ten_step(rough))
    return max(1.0, _ten_step(rough)) if unit == "count" else _ten_step(rough)


_TIME_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 1.2e5, 3e5, 6e5, 1.8e6, 3.6e6)


def _ten_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= rough * (1 - 1e-9))


def _trend(known: Sequence[Point]) -> str:
    first, last = known[0].value or 0.0, known[-1].value or 0.0
    spread = max(point.value or 0.0 for point in known) - min(point.value or 0.0 for point in known)
    if spread == 0 or abs(last - first) < 0.1 * spread:
        return "about level,"
    return "rising" if last > first else "falling"


def _subtitle(series: Series) -> str:
    known = [point for point in series.points if point.value is not None]
    name = KPIS[series.name].title if series.name in KPIS else series.name
    if not known:
        return f"{name}: no values in this period"
    if len(series.points) < 2:
        return name
    return f"{name}, {say_time(series.points[0].at)} to {say_time(series.points[-1].at)}"


def _draw_lines(axes: Any, series: Series, palette: Palette) -> tuple[float, float]:
    places = list(range(len(series.points)))
    values = [math.nan if point.value is None else point.value for point in series.points]
    before = [math.nan if point.value is None else point.value for point in series.previous[: len(places)]]
    if any(not math.isnan(value) for value in before):
        axes.plot(places[: len(before)], before, color=palette.previous, linewidth=1.5, linestyle=PREVIOUS_DASHES)
    marker = "o" if len(places) <= 31 else None
    axes.plot(places, values, color=palette.first, linewidth=2, marker=marker, markersize=4, solid_capstyle="round")
    _label_ends(axes, series, before, palette)
    return value_range(series)


def _label_ends(axes: Any, series: Series, before: Sequence[float], palette: Palette) -> None:
    """The last value at the line's right end, and what the dashed line is, moved apart when they collide."""
    known = [(place, point.value) for place, point in enumerate(series.points) if point.value is not None]
    if not known:
        return
    place, value = known[-1]
    low, high = value_range(series)
    options = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(
        say_value(series.unit, value), (place, value), (8, 0), color=palette.text, size=10, weight="bold", **options
    )
    dashed = [(place, value) for place, value in enumerate(before) if not math.isnan(value)]
    if not dashed:
        return
    before_place, before_value = dashed[-1]
    collides = abs(before_value - (value or 0.0)) < 0.1 * max(high - low, 1e-9)
    shift = (-13 if before_value <= (value or 0.0) else 13) if collides else 0
    axes.annotate("before", (before_place, before_value), (8, shift), color=palette.muted, size=9, **options)


def _style_axes(axes: Any, series: Series, palette: Palette, low: float, high: float) -> None:
    ticks = value_ticks(low, high, series.unit)
    axes.set_ylim(ticks[0], ticks[-1] + 0.03 * (ticks[-1] - ticks[0]))
    axes.set_yticks(ticks, [say_value(series.unit, tick) for tick in ticks])
    axes.set_xlim(-0.35, max(len(series.points) - 1, 0) + 0.35)
    axes.grid(axis="y", color=palette.line, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=palette.muted, labelsize=9, length=0, pad=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.line)


def _label_time(axes: Any, series: Series, palette: Palette) -> None:
    labels = time_labels([point.at for point in series.points])
    axes.set_xticks([place for place, _ in labels], [text for _, text in labels])
    axes.tick_params(axis="x", colors=palette.muted)


def time_labels(times: Sequence[date | datetime], most: int = 7) -> list[tuple[int, str]]:
    """At most `most` places on the time axis, evenly spread, the first and never two that touch."""
    if not times:
        return []
    step = max(1, math.ceil(len(times) / most))
    if all(isinstance(at, datetime) for at in times):
        step = next((hours for hours in (1, 2, 3, 4, 6, 12, 24, 48, 168) if hours >= step), step)
    written = []
    for place in range(0, len(times), step):
        at = times[place]
        is_hour = isinstance(at, datetime) and step < 24
        written.append((place, f"{at:%H:%M}" if is_hour else f"{at.day} {at:%b}"))
    return written
