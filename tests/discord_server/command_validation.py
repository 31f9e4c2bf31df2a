"""Refuses application commands that the real one refuses when a bot synchronises its tree."""

import re

from tests.discord_server.errors import ApiError, Json, invalid_form
from tests.discord_server.lengths import check_text, utf16_length

CHAT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
CAPACITY = {CHAT: 100, USER: 15, MESSAGE: 15}
NAME = re.compile(r"[-_'\w]{1,32}")
LOCALE = re.compile(
    "id|da|de|en-GB|en-US|es-ES|es-419|fr|hr|it|lt|hu|nl|no|pl|pt-BR|ro|fi|sv-SE|vi|tr|cs|el|bg|ru|uk|hi|th|zh-CN|ja|"
    "zh-TW|ko"
)


def check_command_set(commands: object) -> list[Json]:
    """A whole set for a bulk overwrite; the set itself if it may be stored."""
    if not isinstance(commands, list):
        raise invalid_form("", "BASE_TYPE_ITERABLE", "Only iterables may be used in a ListType")
    seen: set[tuple[str, int]] = set()
    for index, command in enumerate(commands):
        check_command(command, str(index))
        key = (command["name"], command.get("type") or CHAT)
        if key in seen:
            raise invalid_form(
                str(index), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
            )
        seen.add(key)
    for kind, most in CAPACITY.items():
        if sum(key[1] == kind for key in seen) > most:
            raise ApiError(400, 30032, f"Maximum number of application commands reached ({most})")
    return commands


def check_command(command: Json, path: str) -> None:
    kind = command.get("type") or CHAT
    if kind not in CAPACITY:
        raise invalid_form(f"{path}.type", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3}.")
    if kind == CHAT:
        _check_said(command, path)
        _check_options(command.get("options") or [], f"{path}.options", depth=0)
    else:
        _check_text_and_translations(command, "name", path, 32)
        if any(command.get(field) for field in ("description", "description_localizations", "options")):
            raise invalid_form(
                path, "CONTEXT_MENU_DESCRIPTION", "Context menu commands cannot have a description or options"
            )
    _check_permission_field(command, path)
    for field, permitted in (("contexts", {0, 1, 2}), ("integration_types", {0, 1})):
        value = command.get(field)
        if value is not None and (not isinstance(value, list) or not value or set(value) - permitted):
            raise invalid_form(
                f"{path}.{field}", "BASE_TYPE_CHOICES", f"Value must be a non-empty list out of {permitted}."
            )
    if command_size(command) > 8000:
        raise invalid_form(path, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")


def command_size(command: Json) -> int:
    """Names, descriptions and choice values added up, each in its longest language: the limit is 8,000 characters."""
    own = sum(_longest(command, field) for field in ("name", "description"))
    choices = sum(
        _longest(choice, "name") + utf16_length(str(choice["value"])) for choice in command.get("choices") or []
    )
    return own + choices + sum(command_size(option) for option in command.get("options") or [])


def _longest(part: Json, field: str) -> int:
    return max(utf16_length(text) for text in (part.get(field) or "", *_translations(part, field).values()))


def _translations(part: Json, field: str) -> Json:
    return {locale: text for locale, text in (part.get(f"{field}_localizations") or {}).items() if text is not None}


def _check_said(part: Json, path: str) -> None:
    """Name and description of a slash command or an option, in every language."""
    _check_text_and_translations(part, "name", path, 32)
    _check_text_and_translations(part, "description", path, 100)
    _check_name(part["name"], f"{path}.name")
    for locale, name in _translations(part, "name").items():
        _check_name(name, f"{path}.name_localizations.{locale}")


def _check_text_and_translations(part: Json, field: str, path: str, maximum: int) -> None:
    check_text(part.get(field), f"{path}.{field}", 1, maximum)
    where = f"{path}.{field}_localizations"
    if not isinstance(part.get(f"{field}_localizations") or {}, dict):
        raise invalid_form(where, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    for locale, text in _translations(part, field).items():
        if not LOCALE.fullmatch(locale):
            raise invalid_form(f"{where}.{locale}", "BASE_TYPE_CHOICES", f"Value must be one of {LOCALE.pattern}.")
        check_text(text, f"{where}.{locale}", 1, maximum)


def _check_permission_field(command: Json, path: str) -> None:
    value = command.get("default_member_permissions")
    if value is not None and not str(value).isdigit():
        raise invalid_form(f"{path}.default_member_permissions", "BITFIELD_INVALID", "Not a valid permission set.")


def _check_name(name: str, path: str) -> None:
    if not NAME.fullmatch(name) or name != name.lower():
        raise invalid_form(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _check_options(options: list[Json], path: str, depth: int) -> None:
    if len(options) > 25:
        raise invalid_form(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    names = [option.get("name") for option in options]
    if len(set(names)) != len(names):
        raise invalid_form(path, "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique")
    nested = [option.get("type") in (SUBCOMMAND, GROUP) for option in options]
    if any(nested) and not all(nested):
        raise invalid_form(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-commands and options cannot be mixed")
    optional_seen = False
    for index, option in enumerate(options):
        where = f"{path}.{index}"
        _check_said(option, where)
        kind = option.get("type")
        if kind == GROUP and depth == 0:
            _check_group(option, where)
        elif kind == SUBCOMMAND and depth <= 1:
            inner = option.get("options") or []
            if any(child.get("type") in (SUBCOMMAND, GROUP) for child in inner):
                raise invalid_form(f"{where}.options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Nested too deep")
            _check_options(inner, f"{where}.options", depth=2)
        elif kind in range(3, 12):
            if option.get("required") and optional_seen:
                raise invalid_form(
                    where,
                    "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                    "Required options must be placed before non-required options",
                )
            optional_seen = optional_seen or not option.get("required")
            _check_value_option(option, where)
        else:
            raise invalid_form(f"{where}.type", "BASE_TYPE_CHOICES", "This option type cannot stand here.")


def _check_group(option: Json, path: str) -> None:
    inner = option.get("options") or []
    if not inner or any(child.get("type") != SUBCOMMAND for child in inner):
        raise invalid_form(
            f"{path}.options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "A group holds sub-commands only"
        )
    _check_options(inner, f"{path}.options", depth=1)


def _check_value_option(option: Json, path: str) -> None:
    choices = option.get("choices") or []
    if len(choices) > 25:
        raise invalid_form(f"{path}.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if choices and option.get("autocomplete"):
        raise invalid_form(
            path, "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES", "Autocomplete cannot be true with choices"
        )
    check_choices(choices, option["type"], f"{path}.choices")
    if (choices or option.get("autocomplete")) and option["type"] not in (3, 4, 10):
        raise invalid_form(path, "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", "This option type has no choices")
    if option["type"] == 3:
        least, most = option.get("min_length") or 0, option.get("max_length") or 6000
        if not (0 <= least <= 6000 and 1 <= most <= 6000 and least <= most):
            raise invalid_form(
                f"{path}.max_length", "NUMBER_TYPE_MAX", "int value should be less than or equal to 6000."
            )


def check_choices(choices: list[Json], kind: int, path: str) -> None:
    """Choices of an option or of an autocomplete answer."""
    if len(choices) > 25:
        raise invalid_form(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for index, choice in enumerate(choices):
        _check_text_and_translations(choice, "name", f"{path}.{index}", 100)
        value = choice.get("value")
        if kind == 3:
            check_text(value, f"{path}.{index}.value", 1, 100)
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 2**53:
            raise invalid_form(f"{path}.{index}.value", "NUMBER_TYPE_COERCE", "Value is not a number in range.")
