"""The team's commands: what they show, and that they refuse Cy, who sees them but has no role."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from discord.app_commands import Command
from sqlalchemy.ext.asyncio import AsyncSession

from bot.prompt_answers import discord_sender
from shared.derive.kpis import KPIS
from shared.identifiers import new_id, random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.events import Sender
from shared.ingest.feedback import NewFeedback
from shared.store.models import Alert, AuditEntry, Feedback, Member
from tests.bot.discord_stage import Stage
from tests.discord_server import NotAllowed, permissions

COMMANDS: dict[str, dict[str, str]] = {
    "inbox recent": {},
    "inbox search": {"words": "docs"},
    "metric": {"name": "feedback_count"},
    "sentiment": {},
    "summary": {},
    "alerts": {},
    "dashboard": {},
    "personal report": {},
    "personal export": {"platform": "discord", "identity": "1"},
    "personal erase": {"platform": "discord", "identity": "1", "again": "1"},
    "warroom help": {},
}


@pytest.fixture
def database_url() -> str:
    """One database is enough here: the stories of members run on both."""
    return ""


async def write_feedback(stage: Stage, text: str, key: str = "one") -> None:
    await stage.runtime.feedback.take(NewFeedback(site="docs", text=text), discord_sender(stage.mia.id, key, "en"))


async def test_cy_is_refused_everywhere(stage: Stage) -> None:
    for command, options in COMMANDS.items():
        outcome = await stage.server.slash(stage.cy, command, options, channel=stage.war_room_channel)
        assert outcome.ephemeral, command
        assert outcome.content == "This command is for the team.", command


async def test_ada_is_answered_everywhere(stage: Stage) -> None:
    await write_feedback(stage, "The docs are great.")
    for command, options in COMMANDS.items():
        outcome = await stage.server.slash(stage.ada, command, options, channel=stage.war_room_channel)
        assert not outcome.refusals, command
        assert outcome.embeds or outcome.content, command
        assert "went wrong" not in outcome.content, command


async def test_team_commands_are_hidden_by_default(stage: Stage) -> None:
    stage.war_room.everyone.permissions &= ~permissions.MANAGE_GUILD
    for command, options in COMMANDS.items():
        with pytest.raises(NotAllowed, match="hidden"):
            await stage.server.slash(stage.cy, command, options, channel=stage.war_room_channel)


async def test_every_team_command_is_tried_here(stage: Stage) -> None:
    tree = stage.client.tree.walk_commands(guild=stage.client.war_room_guild)
    assert {command.qualified_name for command in tree if isinstance(command, Command)} == set(COMMANDS)


async def test_viewer_may_not_search(stage: Stage) -> None:
    outcome = await stage.server.slash(stage.bea, "inbox search", {"words": "docs"}, channel=stage.war_room_channel)
    assert outcome.content == "This command is for the team."


async def test_metric_shows_value_definition_and_chart(stage: Stage) -> None:
    await write_feedback(stage, "The docs are great.")
    outcome = await stage.server.slash(
        stage.bea, "metric", {"name": "feedback_count", "period": "7 days"}, channel=stage.war_room_channel
    )
    [embed] = outcome.embeds
    assert embed["image"]["url"] == "attachment://chart.png"
    assert outcome.files["chart.png"].startswith(b"\x89PNG")
    assert outcome.message.attachments[0]["description"]
    assert "1" in embed["description"].splitlines()[0]


@pytest.mark.slow
async def test_sentiment_shows_labels_scores_definitions_and_chart(stage: Stage) -> None:
    new = NewFeedback(site="docs", text="The docs are great.", score=5)
    await stage.runtime.feedback.take(new, discord_sender(stage.mia.id, "one", "en"))
    outcome = await stage.server.slash(stage.bea, "sentiment", {"period": "7 days"}, channel=stage.war_room_channel)
    described = outcome.embeds[0]["description"].replace("\\", "")
    assert "Texts: 1 positive" in described
    assert "Scores on 1 to 5: mean 5.0 (1 score)" in described
    for name in ("mean_sentiment", "share_negative"):
        assert KPIS[name].definition in described
    assert outcome.files["chart.png"].startswith(b"\x89PNG")


async def test_metric_names_are_suggested_from_the_catalogue(stage: Stage) -> None:
    outcome = await stage.server.autocomplete(stage.bea, "metric", "name", "sentim", channel=stage.war_room_channel)
    assert "mean_sentiment" in [choice["value"] for choice in outcome.choices]


async def test_unknown_metric_is_explained(stage: Stage) -> None:
    outcome = await stage.server.slash(stage.bea, "metric", {"name": "nonsense"}, channel=stage.war_room_channel)
    assert "no metric" in outcome.content
    assert outcome.ephemeral


@pytest.mark.parametrize("command", ["inbox recent", "metric", "sentiment", "summary"])
async def test_unknown_site_is_explained_to_the_user_alone(stage: Stage, command: str) -> None:
    """Although the answer would have been for everybody in the War Room, and Discord showed "is thinking" there."""
    options = {**COMMANDS[command], "site": "nowhere"}
    outcome = await stage.server.slash(stage.bea, command, options, channel=stage.war_room_channel)
    [told] = await outcome.wait_for_followups()
    assert "no such site" in told.content
    assert told.ephemeral
    assert [message for message in stage.war_room_posts() if not message.deleted and not message.ephemeral] == []


async def test_alerts_name_what_fires_and_what_ended(stage: Stage) -> None:
    now = stage.clock.now()
    firing = make_alert_row("docs", "too-negative", "share_negative", now - timedelta(hours=2))
    ended = make_alert_row("", "intake-lag", "ingestion_lag_p95", now - timedelta(hours=5), resolved_at=now)

    async def unit(session: AsyncSession) -> None:
        session.add_all([firing, ended])

    await stage.runtime.store.writer.run(unit)
    outcome = await stage.server.slash(stage.bea, "alerts", channel=stage.war_room_channel)
    first, second = outcome.embeds[0]["description"].replace("\\", "").splitlines()
    assert first.startswith("P2 · too-negative · docs: Negative share 50%, since 2026-")
    assert first.endswith("firing")
    assert second.startswith("P2 · intake-lag · Warroom: ")
    assert "ended" in second


def make_alert_row(site: str, rule: str, kpi: str, fired_at: datetime, **more: Any) -> Alert:
    values = {"value_at_fire": 0.5, "worst_value": 0.5, "last_value": 0.5, "threshold": 0.4}
    return Alert(id=new_id(fired_at), site=site, rule=rule, kpi=kpi, severity="P2", fired_at=fired_at, **values, **more)


async def test_inbox_escapes_what_people_wrote(stage: Stage) -> None:
    await write_feedback(stage, "**bold** @everyone <@1> [x](http://evil.example)")
    outcome = await stage.server.slash(stage.bea, "inbox recent", channel=stage.war_room_channel)
    described = outcome.embeds[0]["description"]
    assert "**bold**" not in described
    assert "@everyone" not in described
    assert "](http" not in described


async def test_answers_outside_the_war_room_channel_are_private(stage: Stage) -> None:
    lounge = stage.server.add_channel(stage.war_room, "lounge")
    outcome = await stage.server.slash(stage.bea, "alerts", channel=lounge)
    assert outcome.ephemeral


async def test_dashboard_link_is_private_and_gives_the_discord_role(stage: Stage) -> None:
    outcome = await stage.server.slash(stage.bea, "dashboard", channel=stage.war_room_channel)
    assert outcome.ephemeral
    assert "/app/sign-in#" in outcome.content
    [member] = await stage.rows(Member)
    assert (member.role, member.discord_id) == ("viewer", str(stage.bea.id))
    [entry] = await stage.rows(AuditEntry)
    assert entry.action == "member.link"
    assert str(stage.bea.id) not in entry.actor


async def test_team_commands_exist_in_the_war_room_server_only(stage: Stage) -> None:
    names = {name for name, _ in stage.community.commands} | {name for name, _ in stage.server.world.commands}
    assert names == {"feedback", "privacy", "Save as feedback"}


async def test_commands_are_sent_again_only_when_they_changed(stage: Stage) -> None:
    before = stage.server.journal.count("PUT")
    await stage.restart_bot()
    assert stage.server.journal.count("PUT") == before


async def personal(stage: Stage, command: str, **options: str) -> Any:
    channel = stage.war_room_channel
    return await stage.server.slash(
        stage.ada, f"personal {command}", {"platform": "discord", **options}, channel=channel
    )


async def test_an_admin_answers_a_request(stage: Stage) -> None:
    await write_feedback(stage, "The docs are great.")
    mia = str(stage.mia.id)
    exported = await personal(stage, "export", identity=mia)
    assert exported.ephemeral
    assert "The docs are great." in exported.files["personal-data.json"].decode()
    told = await personal(stage, "erase", identity=mia, again="0")
    assert "Nothing was erased" in told.content
    told = await personal(stage, "erase", identity=mia, again=mia)
    assert "feedback 1" in told.content
    assert await stage.rows(Feedback) == []
    assert [row.action for row in await stage.rows(AuditEntry)] == ["person.export", "person.erase"]


async def test_an_admin_answers_for_a_user_whom_servers_name(stage: Stage) -> None:
    runtime, site = stage.runtime, stage.runtime.settings.sites[0]
    event = TrackEvent(id=random_uuid(), name="page_view", page="/bought")
    await runtime.events.take_events(site, [event], Sender("192.0.2.1", "Firefox"), identified="u-42")
    exported = await personal(stage, "export", platform="user", identity=f"{site.key}/u-42")
    assert "/bought" in exported.files["personal-data.json"].decode()
    told = await personal(stage, "erase", platform="user", identity=f"{site.key}/u-42", again=f"{site.key}/u-42")
    assert told.content == "Erased: event 1. 0 posts are edited."
    told = await personal(stage, "export", platform="user", identity=f"{site.key}/u-42")
    assert "Nothing is stored" in told.content


async def test_the_report_counts_people_and_names_nobody(stage: Stage) -> None:
    await write_feedback(stage, "The docs are great.")
    outcome = await stage.server.slash(stage.ada, "personal report", channel=stage.war_room_channel)
    assert outcome.ephemeral
    assert "People known: 1 (identities: discord 1)" in outcome.content
    assert str(stage.mia.id) not in outcome.content


async def test_only_admins_see_the_data_of_others(stage: Stage) -> None:
    for command in ("export", "erase"):
        options = {"platform": "discord", "identity": "1"} | ({"again": "1"} if command == "erase" else {})
        outcome = await stage.server.slash(stage.bea, f"personal {command}", options, channel=stage.war_room_channel)
        assert outcome.content == "This command is for the team."
