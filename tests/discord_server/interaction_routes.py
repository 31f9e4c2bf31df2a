"""The addresses of interactions; they count towards no global limit and are opened by the token in the path."""

from tests.discord_server.calls import NO_CONTENT, Answer, Call, Route
from tests.discord_server.errors import ApiError
from tests.discord_server.outcome import InteractionOutcome
from tests.discord_server.payloads import message_payload


async def respond(call: Call) -> Answer:
    outcome = call.server.interactions.respond(call)
    if call.query.get("with_response", "0").lower() not in ("1", "true"):
        return NO_CONTENT
    interaction = {"id": str(outcome.id), "type": outcome.kind}
    resource: dict[str, object] = {"type": outcome.response_type}
    shown = outcome.original or (outcome.source if outcome.response_type == 7 else None)
    if shown is not None:
        interaction |= {
            "response_message_id": str(shown.id),
            "response_message_loading": outcome.is_thinking,
            "response_message_ephemeral": shown.ephemeral,
        }
        resource["message"] = message_payload(call.server.world, shown)
    return Answer({"interaction": interaction, "resource": resource})


async def create_followup(call: Call) -> Answer:
    message = call.server.interactions.follow_up(_outcome(call), call)
    return Answer(message_payload(call.server.world, message))


async def get_message(call: Call) -> Answer:
    message = call.server.interactions.find_message(_outcome(call), call)
    return Answer(message_payload(call.server.world, message))


async def edit_message(call: Call) -> Answer:
    message = call.server.interactions.edit(_outcome(call), call)
    return Answer(message_payload(call.server.world, message))


async def delete_message(call: Call) -> Answer:
    call.server.interactions.delete(_outcome(call), call)
    return NO_CONTENT


def _outcome(call: Call) -> InteractionOutcome:
    if call.identifier("application") != call.server.world.application_id:
        raise ApiError(404, 10015, "Unknown Webhook")
    return call.server.interactions.find_by_token(call.parameters["token"])


ROUTES = [
    Route("POST", "/interactions/{interaction}/{token}/callback", respond, "token_in_path"),
    Route("POST", "/webhooks/{application}/{token}", create_followup, "token_in_path"),
    Route("GET", "/webhooks/{application}/{token}/messages/{message}", get_message, "token_in_path"),
    Route("PATCH", "/webhooks/{application}/{token}/messages/{message}", edit_message, "token_in_path"),
    Route("DELETE", "/webhooks/{application}/{token}/messages/{message}", delete_message, "token_in_path"),
]
