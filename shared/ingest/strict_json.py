"""JSON as we take it from strangers: bounded in depth, valid UTF-8, no NaN, no lone surrogates, no NUL."""

import json
import re
from typing import Any, Never

from shared.errors import FieldProblem, InvalidInput

STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
BRACKETS = re.compile(rb"[\[\]{}]")
LARGEST_INTEGER = 2**63 - 1


class _NotAllowed(ValueError):
    pass


def parse_json(body: bytes, max_depth: int, *, unique_keys: bool = True) -> Any:
    """The value of a JSON text; raises `InvalidInput` with a reason that helps.

    With `unique_keys=False` a key given twice counts with its last value.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(f"not valid UTF-8 at byte {error.start}") from None
    if _depth(body) > max_depth:
        raise _refuse(f"nested deeper than {max_depth} levels")
    try:
        value = json.loads(
            text.removeprefix("\ufeff"),
            parse_constant=_refuse_constant,
            parse_int=_parse_integer,
            object_pairs_hook=_unique_pairs if unique_keys else None,
        )
    except _NotAllowed as error:
        raise _refuse(str(error)) from None
    except (ValueError, RecursionError):
        raise _refuse("not valid JSON") from None
    _check_strings(value)
    return value


def _refuse(reason: str) -> InvalidInput:
    return InvalidInput(f"The body was refused: {reason}.", [FieldProblem("", reason)])


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for bracket in BRACKETS.finditer(STRINGS.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _refuse_constant(name: str) -> Never:
    raise _NotAllowed(f"{name} is not a JSON number")


def _parse_integer(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST_INTEGER <= (number := int(digits)) <= LARGEST_INTEGER:
        raise _NotAllowed("a number does not fit into 64 bits")
    return number


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotAllowed("a key is given twice")
    return found


def _check_strings(value: Any) -> None:
    """No lone surrogates and no NUL anywhere: neither database can keep them."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            check_text(item)
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())


def check_text(text: str) -> None:
    """Raises `InvalidInput` when a text holds what no database can keep."""
    if "\x00" in text:
        raise _refuse("a text holds a NUL character")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _refuse("a text holds half of a surrogate pair") from None
