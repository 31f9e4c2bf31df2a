"""`/openapi.json`: OpenAPI 3.1, generated from the types that parse the bodies."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.routing import PUBLIC, RUNTIME, Operation, Route

REF = "#/components/schemas/{name}"
PARAMETER = {"type": "string", "maxLength": 64}
NAME_OF_PATH = str.maketrans({"/": "_", "{": None, "}": None})


class Problem(BaseModel):
    """An RFC 9457 problem document; `errors` names fields and reasons."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


class OpenApiDocument(BaseModel):
    """As the OpenAPI specification 3.1 says."""

    openapi: str
    info: dict[str, str]
    paths: dict[str, Any]
    components: dict[str, Any]


def make_document(routes: list[Route], base_url: str) -> dict[str, Any]:
    """The document of all routes that describe themselves."""
    described = [(route, route.operation) for route in routes if route.operation is not None]
    paths: dict[str, Any] = {}
    for route, operation in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation)
    types = [kind for _, operation in described for kind in (*_bodies(operation), operation.answer) if kind is not None]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Warroom", "version": "1", "description": "Events, feedback and questions."},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": _schemas([*types, Problem]),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{route.method.lower()}{route.path.translate(NAME_OF_PATH)}",
        "responses": _responses(operation),
    }
    if parameters := [*_in_path(route), *_in_query(operation)]:
        described["parameters"] = parameters
    if bodies := _bodies(operation):
        content = {kind: _content_of(bodies, operation.example) for kind in operation.body_types}
        described["requestBody"] = {"required": True, "content": content}
    if route.access.kind == "key":
        described["security"] = [{"key": []}]
    elif operation.takes_key:
        described["security"] = [{}, {"key": []}]
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {str(operation.answer_status): _answer(operation)}
    for status, meaning in operation.others.items():
        responses[str(status)] = {"description": meaning}
    for status, meaning in operation.answers.items():
        content = {kind: _refusal(kind) for kind in operation.refusal_types}
        responses[str(status)] = {"description": meaning, "content": content}
    return responses


def _refusal(kind: str) -> dict[str, Any]:
    if kind == "application/problem+json":
        return _content_of([Problem], None)
    return {"schema": {"type": "object" if kind == "application/json" else "string"}}


def _answer(operation: Operation) -> dict[str, Any]:
    if operation.answer is not None:
        content = {operation.answer_type: _content_of([operation.answer], operation.answer_example)}
        return {"description": "done", "content": content}
    if operation.answer_type != "application/json":
        return {"description": "done", "content": {operation.answer_type: {"schema": {"type": "string"}}}}
    return {"description": "done"}


def _in_path(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": PARAMETER} for name in names]


def _in_query(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    example = operation.example or {}
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": kind}
        | ({"example": example[name]} if name in example else {})
        for name, kind in schema["properties"].items()
    ]


def _bodies(operation: Operation) -> Sequence[Any]:
    if operation.body is None:
        return []
    return operation.body if isinstance(operation.body, tuple) else [operation.body]


def _content_of(models: Sequence[Any], example: Any) -> dict[str, Any]:
    references = [{"$ref": REF.format(name=model.__name__)} for model in models]
    content: dict[str, Any] = {"schema": references[0] if len(references) == 1 else {"anyOf": references}}
    return content if example is None else {**content, "example": example}


def _schemas(types: list[Any]) -> dict[str, Any]:
    structs = [kind for kind in types if issubclass(kind, msgspec.Struct)]
    models = {kind.__name__: kind for kind in types if not issubclass(kind, msgspec.Struct)}
    _, from_structs = msgspec.json.schema_components(structs, ref_template=REF)
    pairs: list[Any] = [(model, "validation") for model in models.values()]
    _, from_models = models_json_schema(pairs, ref_template=REF.replace("{name}", "{model}"))
    return {**from_structs, **from_models.get("$defs", {})}


async def answer_document(request: web.Request) -> web.Response:
    return web.Response(
        body=_written(request.app[RUNTIME].settings.base_url), content_type="application/json", charset="utf-8"
    )


@lru_cache(maxsize=4)
def _written(base_url: str) -> bytes:
    """Made once: making it takes as long as a hundred other answers, and anybody may ask."""
    from api.routes import ALL_ROUTES

    return json.dumps(make_document(ALL_ROUTES, base_url)).encode()


ROUTES = [
    Route("GET", "/openapi.json", answer_document, PUBLIC, Operation("This description", answer=OpenApiDocument)),
]
