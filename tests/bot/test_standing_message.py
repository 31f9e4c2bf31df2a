"""The standing message: posted once, restored, never a ping."""

import pytest

from tests.bot.discord_stage import Stage
from tests.discord_server import Message
from tests.discord_server.posting import delete_message, edit_message


@pytest.fixture
def database_url() -> str:
    """One database is enough here: the stories of members run on both."""
    return ""


def standing(stage: Stage) -> list[Message]:
    return list(stage.feedback_channel.messages.values())


async def test_posted_once_without_mentions(stage: Stage) -> None:
    [message] = standing(stage)
    assert "Example Docs" in message.content
    assert not message.mentions
    await stage.restart_bot()
    assert standing(stage) == [message]


async def test_restored_when_deleted(stage: Stage) -> None:
    [message] = standing(stage)
    delete_message(stage.server, message)
    await stage.server.wait_for(lambda: standing(stage))
    [restored] = standing(stage)
    assert restored.id != message.id
    outcome = await stage.press(stage.mia, restored, "Ask me in a week")
    assert outcome.ephemeral


async def test_restored_when_deleted_while_the_bot_was_away(stage: Stage) -> None:
    [message] = standing(stage)
    await stage.stop_bot()
    delete_message(stage.server, message)
    await stage.start_bot()
    assert len(standing(stage)) == 1


async def test_restored_when_its_button_or_text_is_gone(stage: Stage) -> None:
    [message] = standing(stage)
    text = message.content
    edit_message(stage.server, message, {"content": "something else", "components": []}, {})
    await stage.server.wait_for(lambda: message.content == text and message.components)
    assert standing(stage) == [message]


async def test_not_fought_over_for_ever(stage: Stage) -> None:
    for _ in range(5):
        delete_message(stage.server, standing(stage)[0])
        await stage.server.wait_for(lambda: standing(stage))
    delete_message(stage.server, standing(stage)[0])
    with pytest.raises(TimeoutError):
        await stage.server.wait_for(lambda: standing(stage), 0.5)


async def test_second_press_says_already(stage: Stage) -> None:
    [message] = standing(stage)
    await stage.press(stage.mia, message, "Ask me in a week")
    again = await stage.press(stage.mia, message, "Ask me in a week")
    assert "already said yes" in again.content
