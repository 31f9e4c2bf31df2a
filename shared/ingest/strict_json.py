"""JSON as we take it from strangers: bounded in depth, valid UTF-8, no NaN, no lone surrogates, no NUL."""

import json
import math
import re
from typing import Any, Never

import msgspec

from shared.errors import FieldProblem, InvalidInput

# A string that never ends is taken to the end of the body in one go, so that scanning stays linear.
TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|[0-9]{19}|[eE][+-]?[0-9]{3}")  # what msgspec judges otherwise
LARGEST_INTEGER = 2**63 - 1
CONTAINERS = (dict, list)


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
            parse_float=_parse_fraction,
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


def parse_json_fast(body: bytes, max_depth: int) -> Any:
    """As `parse_json` with `unique_keys=False`, several times faster for what is as it should be."""
    if SUSPICIOUS.search(body) is None:
        try:
            value = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            pass  # the strict way says what is wrong
        else:
            if _is_within(value, max_depth):
                return value
    return parse_json(body, max_depth, unique_keys=False)


def _is_within(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_is_within(item, depth - 1) for item in value.values() if type(item) in CONTAINERS)
    if isinstance(value, list):
        return depth > 0 and all(_is_within(item, depth - 1) for item in value if type(item) in CONTAINERS)
    return True


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for token in TOKENS.finditer(body):
        first = token[0][:1]
        if first != b'"':
            depth += 1 if first in b"[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _refuse_constant(name: str) -> Never:
    raise _NotAllowed(f"{name} is not a JSON number")


def _parse_integer(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST_INTEGER <= (number := int(digits)) <= LARGEST_INTEGER:
        raise _NotAllowed("a number does not fit into 64 bits")
    return number


def _parse_fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotAllowed("a number is too large")
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
