"""Refuses components and modals that the real one refuses: kinds, nesting, counts, lengths, ids that repeat."""

from collections.abc import Iterator

from tests.discord_server.errors import ApiError, Json, invalid_form
from tests.discord_server.lengths import check_text

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
SECTION, TEXT_DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR = 9, 10, 11, 12, 13, 14
CONTAINER, LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 17, 18, 19, 21, 22, 23
ENTITY_SELECTS = (5, 6, 7, 8)
SELECTS = (STRING_SELECT, *ENTITY_SELECTS)
LABELLED = (*SELECTS, TEXT_INPUT, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX)
LAYOUT = (ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR)


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, outer before inner."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        for key in ("accessory", "component"):
            if component.get(key):
                yield from walk([component[key]])


def attachment_references(components: list[Json]) -> Iterator[str]:
    """The file names that galleries, thumbnails and file components refer to."""
    for component in walk(components):
        items = component.get("items") or []
        for media in [component.get("media"), component.get("file"), *(item.get("media") for item in items)]:
            url = (media or {}).get("url", "")
            if url.startswith("attachment://"):
                yield url.removeprefix("attachment://")


def check_components(components: list[Json], path: str, *, is_v2: bool) -> None:
    """The components of a message, classic or in the second layout."""
    if not isinstance(components, list):
        raise invalid_form(path, "BASE_TYPE_ITERABLE", "Only iterables may be used in a ListType")
    allowed = (*LAYOUT, CONTAINER) if is_v2 else (ROW,)
    if not is_v2 and len(components) > 5:
        raise invalid_form(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for index, component in enumerate(components):
        _check_layout(component, f"{path}.{index}", allowed)
    everything = list(walk(components))
    if is_v2 and len(everything) > 40:
        raise invalid_form(path, "MESSAGE_COMPONENTS_LIMIT", "The total number of components is limited to 40.")
    if is_v2 and sum(check_text(c["content"], path, 1, 4000) for c in everything if c["type"] == TEXT_DISPLAY) > 4000:
        raise invalid_form(path, "BASE_TYPE_MAX_LENGTH", "The text of all components is limited to 4000 characters.")
    _check_unique_ids(everything, path)


def check_modal(data: Json, path: str = "data") -> None:
    check_text(data.get("custom_id"), f"{path}.custom_id", 1, 100)
    check_text(data.get("title"), f"{path}.title", 1, 45)
    components = data.get("components") or []
    if not 1 <= len(components) <= 5:
        raise invalid_form(f"{path}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for index, component in enumerate(components):
        where = f"{path}.components.{index}"
        kind = component.get("type")
        if kind == ROW:
            inner = component.get("components") or []
            if len(inner) != 1 or inner[0].get("type") != TEXT_INPUT:
                raise invalid_form(
                    f"{where}.components", "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (4,)."
                )
            check_text(inner[0].get("label"), f"{where}.components.0.label", 1, 45)
            _check_input(inner[0], f"{where}.components.0")
        elif kind == LABEL:
            _check_label(component, where)
        elif kind == TEXT_DISPLAY:
            check_text(component.get("content"), f"{where}.content", 1, 4000)
        else:
            raise invalid_form(
                f"{where}.type", "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (1, 10, 18)."
            )
    _check_unique_ids(list(walk(components)), f"{path}.components")


def _check_label(label: Json, path: str) -> None:
    check_text(label.get("label"), f"{path}.label", 1, 45)
    if label.get("description") is not None:
        check_text(label["description"], f"{path}.description", 0, 100)
    inner = label.get("component") or {}
    if inner.get("type") not in LABELLED:
        raise invalid_form(
            f"{path}.component.type", "UNION_TYPE_CHOICES", f"Value of field 'type' must be one of {LABELLED}."
        )
    if inner.get("disabled"):
        raise invalid_form(
            f"{path}.component.disabled", "BASE_TYPE_CHOICES", "Components in modals cannot be disabled."
        )
    if inner.get("label") is not None:
        raise invalid_form(f"{path}.component.label", "BASE_TYPE_UNKNOWN", "The label stands on the label component.")
    _check_input(inner, f"{path}.component")


def _check_input(component: Json, path: str) -> None:
    """An input of a modal."""
    kind = component["type"]
    check_text(component.get("custom_id"), f"{path}.custom_id", 1, 100)
    if kind == TEXT_INPUT:
        _check_text_input(component, path)
    elif kind in SELECTS:
        _check_select(component, path)
    elif kind == RADIO_GROUP:
        _check_options(component.get("options") or [], f"{path}.options", 2, 10)
        if sum(bool(option.get("default")) for option in component["options"]) > 1:
            raise invalid_form(
                f"{path}.options", "SELECT_COMPONENT_TOO_MANY_DEFAULTS", "Only one option may be the default."
            )
    elif kind == CHECKBOX_GROUP:
        _check_options(component.get("options") or [], f"{path}.options", 1, 10)
        _check_range(component, path, 10)
    elif kind == FILE_UPLOAD:
        _check_range(component, path, 10)


def _check_text_input(component: Json, path: str) -> None:
    if component.get("style") not in (1, 2):
        raise invalid_form(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2}.")
    least, most = component.get("min_length") or 0, component.get("max_length") or 4000
    if not (0 <= least <= 4000 and 1 <= most <= 4000 and least <= most):
        raise invalid_form(f"{path}.max_length", "NUMBER_TYPE_MAX", "int value should be less than or equal to 4000.")
    if component.get("placeholder") is not None:
        check_text(component["placeholder"], f"{path}.placeholder", 0, 100)
    if component.get("value") is not None:
        check_text(component["value"], f"{path}.value", 0, most)


def _check_layout(component: Json, path: str, allowed: tuple[int, ...]) -> None:
    kind = component.get("type")
    if kind not in allowed:
        raise invalid_form(f"{path}.type", "UNION_TYPE_CHOICES", f"Value of field 'type' must be one of {allowed}.")
    if kind == ROW:
        _check_row(component, path)
    elif kind == CONTAINER:
        inner = component.get("components") or []
        if not inner:
            raise invalid_form(f"{path}.components", "BASE_TYPE_REQUIRED", "This field is required")
        for index, child in enumerate(inner):
            _check_layout(child, f"{path}.components.{index}", LAYOUT)
    elif kind == SECTION:
        _check_section(component, path)
    elif kind == TEXT_DISPLAY:
        check_text(component.get("content"), f"{path}.content", 1, 4000)
    elif kind == GALLERY:
        items = component.get("items") or []
        if not 1 <= len(items) <= 10:
            raise invalid_form(f"{path}.items", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
        for index, item in enumerate(items):
            _check_media(item, "media", f"{path}.items.{index}")
    elif kind == FILE and not (component.get("file") or {}).get("url", "").startswith("attachment://"):
        raise invalid_form(f"{path}.file.url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('attachment',).")


def _check_media(component: Json, key: str, path: str) -> None:
    url = (component.get(key) or {}).get("url", "")
    if not url.startswith(("https://", "http://", "attachment://")):
        raise invalid_form(
            f"{path}.{key}.url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'attachment')."
        )
    if component.get("description") is not None:
        check_text(component["description"], f"{path}.description", 0, 1024)


def _check_section(section: Json, path: str) -> None:
    texts = section.get("components") or []
    if not 1 <= len(texts) <= 3 or any(text.get("type") != TEXT_DISPLAY for text in texts):
        raise invalid_form(f"{path}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 3 text displays.")
    accessory = section.get("accessory") or {}
    if accessory.get("type") == BUTTON:
        _check_button(accessory, f"{path}.accessory")
    elif accessory.get("type") == THUMBNAIL:
        _check_media(accessory, "media", f"{path}.accessory")
    else:
        raise invalid_form(f"{path}.accessory", "BASE_TYPE_REQUIRED", "This field is required")


def _check_row(row: Json, path: str) -> None:
    children = row.get("components") or []
    kinds = [child.get("type") for child in children]
    buttons_only = bool(kinds) and all(kind == BUTTON for kind in kinds)
    if not (buttons_only and len(kinds) <= 5) and not (len(kinds) == 1 and kinds[0] in SELECTS):
        raise invalid_form(
            f"{path}.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A row holds 1 to 5 buttons or one select."
        )
    for index, child in enumerate(children):
        where = f"{path}.components.{index}"
        if child["type"] == BUTTON:
            _check_button(child, where)
        else:
            check_text(child.get("custom_id"), f"{where}.custom_id", 1, 100)
            _check_select(child, where)


def _check_button(button: Json, path: str) -> None:
    style = button.get("style")
    if style not in (1, 2, 3, 4, 5, 6):
        raise invalid_form(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    if button.get("label") is not None:
        check_text(button["label"], f"{path}.label", 0, 80)
    if style == 5:
        check_text(button.get("url"), f"{path}.url", 1, 512)
        if not str(button["url"]).startswith(("http://", "https://", "discord://")):
            raise invalid_form(
                f"{path}.url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord')."
            )
        if button.get("custom_id"):
            raise invalid_form(
                path,
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
    elif style != 6:
        check_text(button.get("custom_id"), f"{path}.custom_id", 1, 100)
        if button.get("url"):
            raise invalid_form(
                path,
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
    if style != 6 and not button.get("label") and not button.get("emoji"):
        raise invalid_form(path, "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji.")


def _check_select(select: Json, path: str) -> None:
    if select.get("placeholder") is not None:
        check_text(select["placeholder"], f"{path}.placeholder", 0, 150)
    most = _check_range(select, path, 25)
    if select["type"] == STRING_SELECT:
        options = select.get("options") or []
        _check_options(options, f"{path}.options", 1, 25)
        if most > len(options) or sum(bool(option.get("default")) for option in options) > most:
            raise invalid_form(f"{path}.max_values", "NUMBER_TYPE_MAX", "More values than options.")


def _check_range(component: Json, path: str, ceiling: int) -> int:
    least, most = component.get("min_values"), component.get("max_values")
    least, most = 1 if least is None else least, 1 if most is None else most
    if not (0 <= least <= ceiling and 1 <= most <= ceiling and least <= most):
        raise invalid_form(
            f"{path}.max_values", "NUMBER_TYPE_MAX", f"int value should be less than or equal to {ceiling}."
        )
    return int(most)


def _check_options(options: list[Json], path: str, least: int, most: int) -> None:
    if not least <= len(options) <= most:
        raise invalid_form(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
    for index, option in enumerate(options):
        check_text(option.get("label"), f"{path}.{index}.label", 1, 100)
        check_text(option.get("value"), f"{path}.{index}.value", 1, 100)
        if option.get("description") is not None:
            check_text(option["description"], f"{path}.{index}.description", 0, 100)
    if len({option["value"] for option in options}) != len(options):
        raise invalid_form(
            path, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used"
        )


def _check_unique_ids(components: list[Json], path: str) -> None:
    custom_ids = [component["custom_id"] for component in components if component.get("custom_id")]
    numbers = [component["id"] for component in components if component.get("id")]
    if len(set(custom_ids)) != len(custom_ids):
        raise invalid_form(path, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
    if len(set(numbers)) != len(numbers):
        raise ApiError(
            400, 50035, "Invalid Form Body", {"components": {"_errors": [{"code": "COMPONENT_ID_DUPLICATED"}]}}
        )
