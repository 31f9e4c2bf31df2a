"""Everyone's commands describe themselves in every configured language that Discord knows."""

from pathlib import Path
from typing import Any

from shared.clock import ManualClock
from shared.texts import Texts
from tests.bot.discord_stage import Stage, open_stage

GERMAN = {
    "command_feedback": "Sag dem Team, was du denkst",
    "command_feedback_optin": "Einmal gefragt werden, in einer Woche",
    "command_feedback_optin_zone": "Deine Zeitzone, etwa Europe/Berlin",
    "menu_save_message": "Als Feedback speichern",
}


def parts(stage: Stage) -> dict[str, dict[str, Any]]:
    """What was sent to Discord for everyone: commands, sub-commands and options by their names."""

    def walk(part: dict[str, Any], before: str = "") -> None:
        found[before + part["name"]] = part
        for option in part.get("options") or []:
            walk(option, f"{before}{part['name']} ")

    found: dict[str, dict[str, Any]] = {}
    for command in stage.server.world.commands.values():
        walk(command)
    return found


async def test_a_language_of_ours_goes_to_discord(tmp_path: Path, database_url: str, clock: ManualClock) -> None:
    texts = {"de": GERMAN, "tlh": {"command_feedback": "nuqneH"}, "pt": {"command_feedback": "Diga à equipe"}}
    async with open_stage(tmp_path / "data", database_url, clock, texts=texts) as stage:
        sent = parts(stage)
    described = {name: part.get("description_localizations") for name, part in sent.items()}
    assert described["feedback"] == {"de": GERMAN["command_feedback"], "pt-BR": "Diga à equipe"}
    assert described["feedback optin"] == {"de": GERMAN["command_feedback_optin"]}
    assert described["feedback optin zone"] == {"de": GERMAN["command_feedback_optin_zone"]}
    assert described["feedback optout"] == {}
    assert sent["Save as feedback"]["name_localizations"] == {"de": GERMAN["menu_save_message"]}
    assert not any(part.get("name_localizations") for name, part in sent.items() if name != "Save as feedback")


async def test_english_alone_goes_without_localizations(stage: Stage) -> None:
    sent = parts(stage)
    english = stage.settings.texts["en"]
    for name, part in sent.items():
        assert not part.get("description_localizations")
        assert not part.get("name_localizations")
        if name != "Save as feedback":
            assert part["description"] == english[f"command_{name.replace(' ', '_')}"]


async def test_own_english_words_stand_in_the_commands(tmp_path: Path, database_url: str, clock: ManualClock) -> None:
    texts = {"en": {"command_feedback": "Talk to us", "command_feedback_optin_zone": "Where it is day for you"}}
    async with open_stage(tmp_path / "data", database_url, clock, texts=texts) as stage:
        sent = parts(stage)
    assert sent["feedback"]["description"] == "Talk to us"
    assert sent["feedback optin zone"]["description"] == "Where it is day for you"


async def test_a_changed_translation_is_sent_with_the_next_start(stage: Stage) -> None:
    before = stage.server.journal.count("PUT")
    stage.runtime.texts = Texts(stage.settings.texts | {"de": GERMAN})
    await stage.restart_bot()
    assert parts(stage)["feedback"]["description_localizations"] == {"de": GERMAN["command_feedback"]}
    assert stage.server.journal.count("PUT") == before + 1  # the team's commands did not change
