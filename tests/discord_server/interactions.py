"""Interactions on the server's side: the 3 s clock, one first answer, tokens of 15 minutes, followups and edits."""

import secrets
from typing import TYPE_CHECKING

from tests.discord_server import permissions
from tests.discord_server.calls import Call
from tests.discord_server.command_validation import check_choices
from tests.discord_server.component_validation import check_modal
from tests.discord_server.errors import ApiError, Json, invalid_form, unknown, unknown_interaction, unknown_message
from tests.discord_server.message_routes import check_edit
from tests.discord_server.outcome import (
    AUTOCOMPLETE,
    CHOICES,
    COMMAND,
    COMPONENT,
    DEFERRED,
    DEFERRED_UPDATE,
    MESSAGE,
    MODAL,
    MODAL_SUBMIT,
    UPDATE,
    InteractionOutcome,
    Modal,
)
from tests.discord_server.payloads import member_payload, message_payload, partial_channel_payload, user_payload
from tests.discord_server.posting import delete_message, edit_message, post_message
from tests.discord_server.validation import EPHEMERAL, UPLOAD_LIMIT_BYTES, check_message
from tests.discord_server.world import Channel, Message, User

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

PERMITTED = {
    COMMAND: {MESSAGE, DEFERRED, MODAL},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL_SUBMIT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}
FOLLOWUPS_OUTSIDE = 5
LOADING = 1 << 7


class Interactions:
    def __init__(self, server: "ServerCore") -> None:
        self._server = server
        self.all: list[InteractionOutcome] = []
        self.answer_within_seconds = 3.0
        self.token_lives_seconds = 900.0
        self._by_token: dict[str, InteractionOutcome] = {}

    def open(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        locale: str | None = None,
        source: Message | None = None,
        by_user_install: bool = False,
    ) -> InteractionOutcome:
        """Creates the interaction and hands it to the gateway."""
        server, world = self._server, self._server.world
        identifier, token = world.new_id(), secrets.token_urlsafe(48)
        payload = self._payload(kind, user, channel, data, locale or user.locale, source, by_user_install)
        payload |= {"id": str(identifier), "token": token}
        outcome = InteractionOutcome(
            id=identifier,
            token=token,
            kind=kind,
            user=user,
            channel=channel,
            guild=channel.guild,
            data=data,
            payload=payload,
            opened_at=server.monotonic(),
            wait=server.wait_for,
            source=source,
            by_user_install=by_user_install,
        )
        self.all.append(outcome)
        self._by_token[token] = outcome
        server.gateway.dispatch("INTERACTION_CREATE", payload)
        return outcome

    def _payload(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        locale: str,
        source: Message | None,
        by_user_install: bool,
    ) -> Json:
        world, guild = self._server.world, channel.guild
        payload: Json = {
            "application_id": str(world.application_id),
            "type": kind,
            "version": 1,
            "data": data,
            "channel_id": str(channel.id),
            "channel": partial_channel_payload(world, channel, user),
            "locale": locale,
            "context": 0 if guild else 1,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "attachment_size_limit": UPLOAD_LIMIT_BYTES,
            "app_permissions": str(permissions.DIRECT),
        }
        owners = {"1": str(user.id)} if by_user_install else {}
        if guild is not None:
            if guild.has_bot:
                owners["0"] = str(guild.id)
                payload["app_permissions"] = str(world.permissions_in(channel, world.bot))
            bits = world.permissions_in(channel, user)
            payload["member"] = {**member_payload(guild.members[user.id]), "permissions": str(bits)}
            payload["guild_id"] = str(guild.id)
            payload["guild_locale"] = guild.locale
            payload["guild"] = {"id": str(guild.id), "locale": guild.locale, "features": []}
        else:
            payload["user"] = user_payload(user)
            owners.setdefault("0", "0")
        payload["authorizing_integration_owners"] = owners
        if source is not None:
            payload["message"] = message_payload(world, source)
        return payload

    def find_by_token(self, token: str) -> InteractionOutcome:
        """For followups and edits; an interaction without a first answer has no webhook yet."""
        outcome = self._by_token.get(token)
        if outcome is None or self._server.monotonic() - outcome.opened_at > self.token_lives_seconds:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        if outcome.response is None or outcome.kind == AUTOCOMPLETE:
            raise unknown("Webhook", 10015)
        return outcome

    def respond(self, call: Call) -> InteractionOutcome:
        """The first answer; a refusal is noted on the outcome, so that a test can see it."""
        outcome = self._by_token.get(call.parameters["token"])
        if outcome is None or outcome.id != call.identifier("interaction"):
            raise unknown_interaction()
        try:
            self._respond(outcome, call)
        except ApiError as error:
            outcome.refusals.append(error)
            raise
        return outcome

    def _respond(self, outcome: InteractionOutcome, call: Call) -> None:
        if outcome.response is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        after = call.arrived_at - outcome.opened_at
        if after > self.answer_within_seconds:
            raise unknown_interaction()
        body = call.object_body()
        kind, data = body.get("type"), body.get("data") or {}
        permitted = PERMITTED[outcome.kind]
        needs_source = kind in (DEFERRED_UPDATE, UPDATE) and outcome.source is None
        if kind not in permitted or needs_source:
            raise invalid_form("type", "BASE_TYPE_CHOICES", f"Value must be one of {permitted}.")
        self._check_answer(outcome, kind, data, call)
        outcome.response, outcome.responded_after = body, after
        self._apply_answer(outcome, kind, data, call)

    def _check_answer(self, outcome: InteractionOutcome, kind: int, data: Json, call: Call) -> None:
        if kind == MESSAGE:
            check_message(data, call.uploads, path="data", ephemeral_allowed=True)
        elif kind == UPDATE:
            assert outcome.source is not None
            check_edit(outcome.source, data, call.uploads)
        elif kind == MODAL:
            check_modal(data)
        elif kind == CHOICES:
            focused = find_focused(outcome.data.get("options") or [])
            check_choices(data.get("choices") or [], focused["type"], "data.choices")
        elif kind == DEFERRED and (data.get("flags") or 0) & ~EPHEMERAL:
            raise invalid_form("data.flags", "MESSAGE_FLAGS_INVALID", "Only EPHEMERAL can be set on a deferral.")

    def _apply_answer(self, outcome: InteractionOutcome, kind: int, data: Json, call: Call) -> None:
        if kind in (MESSAGE, DEFERRED):
            outcome.is_thinking = kind == DEFERRED
            outcome.original = self._post(outcome, data, call, loading=kind == DEFERRED)
        elif kind == UPDATE:
            assert outcome.source is not None
            edit_message(self._server, outcome.source, data, call.uploads)
            outcome.original = outcome.source
            outcome.edits.append((outcome.source, data))
        elif kind == DEFERRED_UPDATE:
            outcome.original = outcome.source
        elif kind == MODAL:
            outcome.modal = Modal(data["custom_id"], data["title"], data["components"], outcome.user, outcome)
        elif kind == CHOICES:
            outcome.choices = data.get("choices") or []

    def follow_up(self, outcome: InteractionOutcome, call: Call) -> Message:
        payload = call.object_body()
        check_message(payload, call.uploads, ephemeral_allowed=True)
        if outcome.is_thinking and outcome.original is not None:
            # The first followup fills the "thinking" message and keeps its visibility.
            _stop_thinking(outcome)
            edit_message(
                self._server, outcome.original, {**payload, "flags": payload.get("flags", 0) & ~EPHEMERAL}, call.uploads
            )
            outcome.edits.append((outcome.original, payload))
            return outcome.original
        if outcome.by_user_install and (outcome.guild is None or not outcome.guild.has_bot):
            outcome.followups_outside += 1
            if outcome.followups_outside > FOLLOWUPS_OUTSIDE:
                raise ApiError(400, 40094, "Maximum number of follow-up messages reached for this interaction")
        message = self._post(outcome, payload, call)
        outcome.followups.append(message)
        return message

    def find_message(self, outcome: InteractionOutcome, call: Call) -> Message:
        if call.parameters["message"] == "@original":
            message = outcome.original
        else:
            identifier = call.identifier("message")
            shown = [*outcome.messages, *([outcome.source] if outcome.source else [])]
            message = next((known for known in shown if known.id == identifier), None)
        if message is None or message.deleted:
            raise unknown_message()
        return message

    def edit(self, outcome: InteractionOutcome, call: Call) -> Message:
        message, payload = self.find_message(outcome, call), call.object_body()
        check_edit(message, payload, call.uploads)
        if message is outcome.original:
            _stop_thinking(outcome)
        edit_message(self._server, message, payload, call.uploads)
        outcome.edits.append((message, payload))
        return message

    def delete(self, outcome: InteractionOutcome, call: Call) -> None:
        message = self.find_message(outcome, call)
        if message is outcome.original:
            _stop_thinking(outcome)
        delete_message(self._server, message)

    def _post(self, outcome: InteractionOutcome, payload: Json, call: Call, *, loading: bool = False) -> Message:
        is_ephemeral = bool((payload.get("flags") or 0) & EPHEMERAL)
        if loading:
            payload = {**payload, "flags": (payload.get("flags") or 0) | LOADING}
        metadata = {
            "id": str(outcome.id),
            "type": outcome.kind,
            "user": user_payload(outcome.user),
            "authorizing_integration_owners": outcome.payload["authorizing_integration_owners"],
        }
        if outcome.kind == COMPONENT and outcome.source is not None:
            metadata["interacted_message_id"] = str(outcome.source.id)
        return post_message(
            self._server,
            outcome.channel,
            self._server.world.bot,
            payload,
            call.uploads,
            interaction=metadata,
            visible_to=outcome.user if is_ephemeral else None,
            from_application=True,
        )


def _stop_thinking(outcome: InteractionOutcome) -> None:
    outcome.is_thinking = False
    if outcome.original is not None:
        outcome.original.flags &= ~LOADING


def find_focused(options: list[Json]) -> Json:
    """The option a person is typing into."""
    for option in options:
        if option.get("focused"):
            return option
        if option.get("options"):
            return find_focused(option["options"])
    raise LookupError("no option is focused")
