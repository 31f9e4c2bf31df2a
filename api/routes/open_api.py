"""`/openapi.json`: OpenAPI 3.1, generated from the types that parse the bodies."""

from typing import Any

import msgspec
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.routing import PUBLIC, RUNTIME, Operation, Route

REF = "#/components/schemas/{name}"
PARAMETER = {"type": "string", "maxLength": 64}


class Problem(BaseModel):
    """An RFC 9457 problem document; `errors` names fields and reasons."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


def make_document(routes: list[Route], base_url: str) -> dict[str, Any]:
    """The document of all routes that describe themselves."""
    described = [(route, route.operation) for route in routes if route.operation is not None]
    paths: dict[str, Any] = {}
    for route, operation in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation)
    types = [kind for _, operation in described for kind in (operation.body, operation.answer) if kind is not None]
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
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "responses": {str(operation.answer_status): _answer(operation)},
    }
    for status, meaning in operation.answers.items():
        described["responses"][str(status)] = {"description": meaning, **_content("application/problem+json", Problem)}
    if names := [part[1:-1] for part in route.path.split("/") if part.startswith("{")]:
        described["parameters"] = [{"name": n, "in": "path", "required": True, "schema": PARAMETER} for n in names]
    if operation.body is not None:
        content = {kind: _schema_of(operation.body) for kind in operation.body_types}
        described["requestBody"] = {"required": True, "content": content}
    if route.access.kind == "key":
        described["security"] = [{"key": []}]
    elif route.access.kind == "intake":
        described["security"] = [{}, {"key": []}]
    return described


def _answer(operation: Operation) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": "done"}
    return {"description": "done", **_content("application/json", operation.answer)}


def _content(kind: str, model: Any) -> dict[str, Any]:
    return {"content": {kind: _schema_of(model)}}


def _schema_of(model: Any) -> dict[str, Any]:
    return {"schema": {"$ref": REF.format(name=model.__name__)}}


def _schemas(types: list[Any]) -> dict[str, Any]:
    structs = [kind for kind in types if issubclass(kind, msgspec.Struct)]
    models = {kind.__name__: kind for kind in types if not issubclass(kind, msgspec.Struct)}
    _, from_structs = msgspec.json.schema_components(structs, ref_template=REF)
    pairs: list[Any] = [(model, "validation") for model in models.values()]
    _, from_models = models_json_schema(pairs, ref_template=REF.replace("{name}", "{model}"))
    return {**from_structs, **from_models.get("$defs", {})}


async def answer_document(request: web.Request) -> web.Response:
    from api.routes import ALL_ROUTES

    return web.json_response(make_document(ALL_ROUTES, request.app[RUNTIME].settings.base_url))


ROUTES = [Route("GET", "/openapi.json", answer_document, PUBLIC)]
