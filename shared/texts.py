"""The words visitors and members see: one text by key, language and number, English as the fallback."""

from collections.abc import Callable, Mapping

Forms = Mapping[str, str | Mapping[str, str]]


class Texts:
    """The `[texts.<language>]` tables of the configuration."""

    def __init__(self, tables: Mapping[str, Forms]) -> None:
        self._tables = {language.lower(): table for language, table in tables.items()}

    def say(self, language: str | None, key: str, count: int | None = None, **values: object) -> str:
        """The text `key` in the nearest language; `count` picks the plural form and fills `{count}`."""
        if count is not None:
            values["count"] = count
        for candidate in fallbacks(language):
            text = self._tables.get(candidate, {}).get(key)
            if text is not None:
                chosen = text if isinstance(text, str) else text.get(plural_form(candidate, count)) or text["other"]
                return _fill(chosen, values)
        raise KeyError(f"there is no text {key!r}")

    def translation(self, language: str, key: str) -> str | None:
        """The plain text in that language itself, or None where English would stand in."""
        own = (self._tables.get(candidate, {}).get(key) for candidate in fallbacks(language) if candidate != "en")
        text = next((text for text in own if text is not None), None)
        return text["other"] if isinstance(text, Mapping) else text

    def nearest(self, language: str | None) -> str:
        """The language in which most of what is said will be; for the `lang` of a page."""
        return next((candidate for candidate in fallbacks(language) if candidate in self._tables), "en")

    def table(self, language: str | None) -> dict[str, str]:
        """All plain texts of a language with the fallbacks filled in; for templates."""
        merged: dict[str, str] = {}
        for candidate in reversed(fallbacks(language)):
            for key, text in self._tables.get(candidate, {}).items():
                merged[key] = text if isinstance(text, str) else text["other"]
        return merged


def fallbacks(language: str | None) -> list[str]:
    """pt-BR → pt-br, pt, en."""
    found: list[str] = []
    parts = (language or "en").lower().replace("_", "-").split("-")
    while parts:
        found.append("-".join(parts))
        parts.pop()
    return found if "en" in found else [*found, "en"]


def plural_form(language: str, count: int | None) -> str:
    """The CLDR category of a whole number, for the languages whose rule differs from English."""
    base = language.split("-")[0]
    if count is None or base in {"ja", "ko", "zh", "vi", "th", "id", "ms"}:
        return "other"
    if base in {"fr", "pt"}:
        return "one" if count in (0, 1) else "other"
    if base in {"ru", "uk", "be", "pl", "hr", "sr", "bs"}:
        return _slavic_form(base, count)
    if base in {"cs", "sk"}:
        return "one" if count == 1 else "few" if 2 <= count <= 4 else "other"
    if base in OTHER_RULES:
        return OTHER_RULES[base](count, count % 10, count % 100)
    return "one" if count == 1 else "other"


def _slavic_form(base: str, count: int) -> str:
    last, last_two = count % 10, count % 100
    if count == 1 if base == "pl" else last == 1 and last_two != 11:
        return "one"
    if 2 <= last <= 4 and not 12 <= last_two <= 14:
        return "few"
    return "other" if base in {"hr", "sr", "bs"} else "many"


def _arabic_form(count: int, _last: int, last_two: int) -> str:
    few = {0: "zero", 1: "one", 2: "two"}
    return few.get(count) or ("few" if 3 <= last_two <= 10 else "many" if last_two >= 11 else "other")


def _slovenian_form(_count: int, _last: int, last_two: int) -> str:
    return {1: "one", 2: "two", 3: "few", 4: "few"}.get(last_two, "other")


def _lithuanian_form(_count: int, last: int, last_two: int) -> str:
    if 11 <= last_two <= 19 or not last:
        return "other"
    return "one" if last == 1 else "few"


def _latvian_form(_count: int, last: int, last_two: int) -> str:
    if not last or 11 <= last_two <= 19:
        return "zero"
    return "one" if last == 1 else "other"


def _romanian_form(count: int, _last: int, last_two: int) -> str:
    return "one" if count == 1 else "few" if not count or 1 <= last_two <= 19 else "other"


def _hebrew_form(count: int, _last: int, _last_two: int) -> str:
    return {1: "one", 2: "two"}.get(count, "other")


OTHER_RULES: Mapping[str, Callable[[int, int, int], str]] = {
    "ar": _arabic_form,
    "he": _hebrew_form,
    "lt": _lithuanian_form,
    "lv": _latvian_form,
    "ro": _romanian_form,
    "sl": _slovenian_form,
}


def _fill(text: str, values: Mapping[str, object]) -> str:
    """Fills `{name}` without str.format, so that a text can reach no attribute of a value."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text
