"""Cells of a CSV file that a spreadsheet shows and never runs.

Comes in: one value. Goes out: the text of its cell; quoting is the CSV writer's work.
"""

import unicodedata

_STARTS_A_FORMULA = frozenset("=+-@|%")
_CONTROL_STARTS = frozenset("\t\r\n")


def clean_cell(value: object) -> str:
    """Text that a spreadsheet could read as a formula gets an apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    text = str(value).replace("\0", "")
    return "'" + text if _could_run(text) else text


def _could_run(text: str) -> bool:
    """Spreadsheets skip blanks and invisible characters before a formula, and read full-width signs."""
    if text[:1] in _CONTROL_STARTS and text:
        return True
    for character in text:
        if character.isspace() or unicodedata.category(character) in ("Cf", "Cc"):
            continue
        return unicodedata.normalize("NFKC", character)[:1] in _STARTS_A_FORMULA or character == "−"
    return False
