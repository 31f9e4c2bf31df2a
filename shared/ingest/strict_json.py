"""JSON as we take it from strangers: bounded in depth, valid UTF-8, no NaN, no lone surrogates, no NUL.

`parse_json` refuses what is otherwise, and says why. `parse_json_mildly` mends it: a client that batches gives up on
all that it sent together when it is refused, so one odd value must not cost the good events beside it.
"""

import json
import math
import re
from typing import Any, Never

import msgspec

from shared.errors import FieldProblem, InvalidInput

# A string that never ends is taken to the end of the body in one go, so that scanning stays linear.
TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
SUSPICIOUS = (  # what msgspec judges otherwise; searched one by one, which is three times faster than together
    re.compile(rb"\\u(?:0000|[dD][89a-fA-F])"),
    re.compile(rb"[0-9]{19}"),
    re.compile(rb"[eE][+-]?[0-9]{3}"),
)
LARGEST_INTEGER = 2**63 - 1
LONGEST_INTEGER = 20  # characters
CONTAINERS = (dict, list)
HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
UNUSUAL = object()  # what the fast way leaves to the others


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
    value = _parse_ordinary(body, max_depth)
    return parse_json(body, max_depth, unique_keys=False) if value is UNUSUAL else value


def parse_json_mildly(body: bytes, max_depth: int) -> Any:
    """As `parse_json_fast`, but what no database can keep is mended; raises `InvalidInput` only for what is no JSON.

    Half of a surrogate pair becomes U+FFFD, a NUL goes, a number too large for 64 bits becomes the text of its
    digits; NaN, the infinities and whatever is nested too deeply become null.
    """
    value = _parse_ordinary(body, max_depth)
    if value is not UNUSUAL:
        return value
    try:
        text = body.decode("utf-8").removeprefix("\ufeff")
        found = json.loads(text, parse_constant=lambda _: None, parse_int=_mend_integer, parse_float=_mend_fraction)
    except UnicodeDecodeError as error:
        raise _refuse(f"not valid UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError):
        raise _refuse("not valid JSON") from None
    return _mend(found, max_depth)


def _parse_ordinary(body: bytes, max_depth: int) -> Any:
    if not any(pattern.search(body) for pattern in SUSPICIOUS):
        try:
            value = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            return UNUSUAL  # the other ways say what is wrong, or mend it
        if _is_within(value, max_depth):
            return value
    return UNUSUAL


def _mend(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return mend_text(value)
    if isinstance(value, list):
        return [_mend(item, depth - 1) for item in value] if depth > 0 else None
    if isinstance(value, dict):
        return {mend_text(key): _mend(item, depth - 1) for key, item in value.items()} if depth > 0 else None
    return value


def mend_text(text: str) -> str:
    """The text as every database can keep it."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else HALF_OF_A_PAIR.sub(REPLACEMENT, text)


def _mend_integer(digits: str) -> int | str:
    return int(digits) if _fits(digits) else digits


def _mend_fraction(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


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
    if not _fits(digits):
        raise _NotAllowed("a number does not fit into 64 bits")
    return int(digits)


def _fits(digits: str) -> bool:
    return len(digits) <= LONGEST_INTEGER and -LARGEST_INTEGER <= int(digits) <= LARGEST_INTEGER


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
