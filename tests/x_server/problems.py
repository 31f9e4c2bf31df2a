"""The refusals of X: problem bodies with their status, raised by rules and answered by the server's middleware."""

from typing import Any

PROBLEMS = "https://api.twitter.com/2/problems"


class Problem(Exception):
    """A refusal: the status and the JSON body of the answer."""

    def __init__(self, status: int, title: str, detail: str, kind: str = "about:blank", **more: Any) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.detail = detail
        self.body: dict[str, Any] = {"title": title, "detail": detail, "type": kind, "status": status} | more


def unauthorized(reason: str) -> Problem:
    """The reason is for the journal only; X does not tell it."""
    problem = Problem(401, "Unauthorized", "Unauthorized")
    problem.detail = reason
    return problem


def unsupported_authentication() -> Problem:
    detail = (
        "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.  "
        "Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
    )
    return Problem(403, "Unsupported Authentication", detail, f"{PROBLEMS}/unsupported-authentication")


def forbidden(detail: str) -> Problem:
    return Problem(403, "Forbidden", detail)


def not_found(detail: str = "Not Found") -> Problem:
    return Problem(404, "Not Found", detail)


def too_many_requests() -> Problem:
    return Problem(429, "Too Many Requests", "Too Many Requests")


def invalid_request(parameter: str, value: str, message: str) -> Problem:
    return Problem(
        400,
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        f"{PROBLEMS}/invalid-request",
        errors=[{"parameters": {parameter: [value]}, "message": message}],
    )


def missing_resource(resource_type: str, parameter: str, value: str) -> dict[str, Any]:
    """An entry of `errors` in an answer with status 200: X does not fail for what it cannot find."""
    return {
        "value": value,
        "detail": f"Could not find {resource_type} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": resource_type,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEMS}/resource-not-found",
    }
