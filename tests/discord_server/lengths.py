"""Lengths as the platform counts them at its strictest: in UTF-16 units."""

from tests.discord_server.errors import invalid_form


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_text(value: object, path: str, minimum: int, maximum: int) -> int:
    """The length of a text within its limits; anything else is refused."""
    if value is None and minimum > 0:
        raise invalid_form(path, "BASE_TYPE_REQUIRED", "This field is required")
    if not isinstance(value, str):
        raise invalid_form(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if minimum > 0 and not value.strip():
        raise invalid_form(path, "BASE_TYPE_REQUIRED", "This field is required")
    length = utf16_length(value)
    if not minimum <= length <= maximum:
        raise invalid_form(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {minimum} and {maximum} in length.")
    return length
