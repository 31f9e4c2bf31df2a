"""`/openapi.json` describes every public address of the API, and what it gives as an example is true."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from jsonschema import Draft202012Validator

from api.routes import ALL_ROUTES
from api.routes.open_api import make_document
from api.routing import Route
from tests.api.running_api import RunningApi

BASE_URL = "http://127.0.0.1:8080"
PAGES = {"/demo", "/demo/quickstart", "/demo/guide", "/demo/age", "/privacy", "/thanks"}  # for people, not for programs
FILES = {
    "/warroom.js",
    "/warroom-lite.js",
    "/warroom-extras.js",
    "/widget.js",
    "/widget.css",
    "/static/{name}",
    "/favicon.ico",
    "/robots.txt",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_document(ALL_ROUTES, BASE_URL)


@pytest.fixture
def database_url() -> str:
    """One database is enough here."""
    return ""


def is_of_the_api(route: Route) -> bool:
    is_dashboard = route.access.kind == "role" or route.path == "/" or route.path.startswith("/app")
    return not is_dashboard and route.path not in PAGES | FILES


def contents(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every body and answer with its place."""
    found = []
    for path, ways in document["paths"].items():
        for method, way in ways.items():
            parts = [way.get("requestBody", {}), *way["responses"].values()]
            found += [(f"{method} {path} {kind}", c) for part in parts for kind, c in part.get("content", {}).items()]
    return found


def check(document: dict[str, Any], schema: dict[str, Any], example: Any) -> None:
    whole = {**schema, "components": document["components"]}
    Draft202012Validator.check_schema(whole)
    jsonschema.validate(example, whole, Draft202012Validator)


def test_every_address_of_the_api_is_described(document: dict[str, Any]) -> None:
    missing = [f"{r.method} {r.path}" for r in ALL_ROUTES if is_of_the_api(r) and r.operation is None]
    assert missing == []
    assert {"/track", "/feedback", "/prompts/next", "/api/v1/prompts/due", "/api/v1/privacy/erase"} <= set(
        document["paths"]
    )


def test_every_body_has_an_example_that_its_schema_takes(document: dict[str, Any]) -> None:
    for path, ways in document["paths"].items():
        for way in ways.values():
            for content in way.get("requestBody", {}).get("content", {}).values():
                assert "example" in content, path
    for _, content in contents(document):
        if "example" in content:
            check(document, content["schema"], content["example"])


def test_every_query_has_examples_that_its_schema_takes(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/prompts/next"]["get"]["parameters"]
    assert [p["name"] for p in parameters if p["required"]] == ["site", "person"]
    for parameter in parameters:
        check(document, parameter["schema"], parameter["example"])


def test_a_wrong_body_is_not_taken_by_its_schema(document: dict[str, Any]) -> None:
    feedback = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["application/json"]
    for wrong in ({"text": "no site"}, {"site": "docs", "score": "five"}, {"site": "docs", "category": "rant"}):
        with pytest.raises(jsonschema.ValidationError):
            check(document, feedback["schema"], wrong)


def test_who_needs_a_key_is_said(document: dict[str, Any]) -> None:
    assert document["paths"]["/api/v1/prompts/due"]["post"]["security"] == [{"key": []}]
    assert document["paths"]["/track"]["post"]["security"] == [{}, {"key": []}]
    assert "security" not in document["paths"]["/prompts/next"]["get"]


async def test_the_examples_are_taken_by_the_running_api(api: RunningApi, document: dict[str, Any]) -> None:
    """The status is one that the document names, and the answer is as it says."""
    given: dict[str, dict[str, str]] = {}
    given["/api/v1/prompts/due"] = await api.make_key("prompts:write")
    for path, ways in document["paths"].items():
        for method, way in ways.items():
            body = way.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            query = "&".join(f"{p['name']}={p['example']}" for p in way.get("parameters", []) if p["in"] == "query")
            address = path.replace("{id}", "0" * 26) + (f"?{query}" if query else "")
            answer = await api.ask(method.upper(), address, body, given.get(path))
            assert answer.status < 500, (path, answer.status)
            assert str(answer.status) in way["responses"], (path, answer.status)
            content = way["responses"][str(answer.status)].get("content", {}).get("application/json")
            if content and answer.body:
                check(document, content["schema"], answer.json())
