"""The team, its keys and its record, and the state of the running system: nothing of visitors, but for the record."""

from shared.guard.data_map.rules import TableRule, emptied, emptied_unseen, kept, number

ONE_ROW = "one row each, written over"
TEAM = "about a member of the team, not about a visitor: "

RUNNING: dict[str, TableRule] = {
    "member": TableRule(
        "members of the team, their roles, Discord ids",
        "as long as the installation: the record of what was done names them by id",
        {
            "id": kept(TEAM + "id"),
            "name": kept(TEAM + "name"),
            "role": kept(TEAM + "role"),
            "created_at": kept(TEAM + "since when"),
            "disabled_at": kept(TEAM + "until when"),
            "discord_id": kept(TEAM + "Discord account"),
        },
    ),
    "session": TableRule(
        "digests of the team's sessions",
        "until they end, see `dashboard.session_hours`",
        {
            "token_digest": kept(TEAM + "digest of the session's token"),
            "id": kept(TEAM + "id of the session"),
            "member_id": kept(TEAM + "who"),
            "role": kept(TEAM + "role at the sign-in"),
            "csrf_token": kept(TEAM + "token against forged requests"),
            "created_at": kept(TEAM + "sign-in"),
            "last_seen_at": kept(TEAM + "last use"),
            "expires_at": kept(TEAM + "end"),
            "how": kept(TEAM + "way of signing in"),
        },
    ),
    "sign_in_link": TableRule(
        "digests of sign-in links",
        "a day after they end",
        {
            "token_digest": kept(TEAM + "digest of the link's token"),
            "member_id": kept(TEAM + "who"),
            "created_at": kept(TEAM + "when it was made"),
            "expires_at": kept(TEAM + "when it ends"),
            "used_at": kept(TEAM + "when it was used"),
        },
    ),
    "api_key": TableRule(
        "digests of servers' keys",
        "as long as the installation: the record of what was done names them by id",
        {
            "id": kept("id of the key"),
            "name": kept("name that the team gave"),
            "site": kept("key of the site"),
            "prefix": kept("first characters, to tell keys apart"),
            "key_digest": kept("digest of the key"),
            "scopes": kept("what it may do"),
            "created_at": kept("when it was made"),
            "created_by": kept(TEAM + "who made it"),
            "revoked_at": kept("when it was ended"),
            "last_used_at": kept("last use"),
        },
    ),
    "audit_entry": TableRule(
        "who of the team did what",
        "audit_days",
        {
            "id": number("number of the entry"),
            "at": number("when"),
            "actor": emptied_unseen("who did it: a member of the team, or the person; only the latter is emptied"),
            "action": number("what was done"),
            "target": emptied("to what or whom"),
            "details": emptied("with which details"),
        },
    ),
    "alert_state": TableRule(
        "where alert rules stand",
        ONE_ROW,
        {
            "site": kept("key of the site"),
            "rule": kept("name of the rule"),
            "breached_since": kept("a time"),
            "clear_since": kept("a time"),
            "alert_id": kept("the open alert"),
            "quiet_until": kept("a time"),
            "last_value": kept("a number over everybody"),
            "last_checked_at": kept("a time"),
        },
    ),
    "alert": TableRule(
        "alerts that fired",
        "alert_days",
        {
            "id": kept("id of the alert"),
            "site": kept("key of the site"),
            "rule": kept("name of the rule"),
            "kpi": kept("name of the metric"),
            "severity": kept("how urgent"),
            "fired_at": kept("a time"),
            "resolved_at": kept("a time"),
            "value_at_fire": kept("a number over everybody"),
            "worst_value": kept("a number over everybody"),
            "last_value": kept("a number over everybody"),
            "expected": kept("a number over everybody"),
            "threshold": kept("a setting"),
            "outbox_id": kept("the post"),
            "updated_post_at": kept("a time"),
        },
    ),
    "lease": TableRule(
        "who leads",
        ONE_ROW,
        {
            "name": kept("what only one may do"),
            "holder": kept("random name of a process"),
            "epoch": kept("a counter"),
            "expires_at": kept("a time"),
        },
    ),
    "job_run": TableRule(
        "when jobs ran",
        ONE_ROW,
        {
            "name": kept("name of the job"),
            "last_started_at": kept("a time"),
            "last_finished_at": kept("a time"),
            "last_error": kept("kind of the last failure"),
            "done": kept("a counter"),
            "failures": kept("a counter"),
        },
    ),
    "due_report": TableRule(
        "which summaries were posted",
        "due_report_days",
        {
            "id": kept("number of the row"),
            "site": kept("key of the site"),
            "kind": kept("daily or weekly"),
            "period_start": kept("a day"),
            "period_end": kept("a day"),
            "due_at": kept("a time"),
            "state": kept("whether it was posted"),
            "done_at": kept("a time"),
        },
    ),
    "state_value": TableRule(
        "small values of the running system",
        ONE_ROW,
        {
            "key": kept("name of the value"),
            "value": kept("fingerprints, pauses, days up to which was purged; on PostgreSQL the installation's key"),
            "changed_at": kept("a time"),
        },
    ),
    "standing_message": TableRule(
        "the message with the opt-in button",
        ONE_ROW,
        {
            "guild_id": kept("a community"),
            "channel_id": kept("its channel"),
            "message_id": kept("our message there"),
            "text_hash": kept("fingerprint of its text"),
            "posted_at": kept("a time"),
        },
    ),
    "spend": TableRule(
        "calls to X per day",
        "spend_days",
        {
            "day": kept("a day"),
            "item": kept("kind of call"),
            "calls": kept("a counter"),
            "micro_usd": kept("a sum of money"),
        },
    ),
    "alembic_version": TableRule(
        "which schema the database has",
        ONE_ROW,
        {"version_num": kept("number of the newest migration")},
    ),
}
