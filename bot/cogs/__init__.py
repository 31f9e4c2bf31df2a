"""Commands and listeners: one file per feature. A new feature is a new file and a line here."""

from typing import TYPE_CHECKING

from bot.cogs.alerts import AlertsCog
from bot.cogs.conversations import ConversationsCog
from bot.cogs.dashboard import DashboardCog
from bot.cogs.feedback import FeedbackCog
from bot.cogs.forms import FormsCog
from bot.cogs.inbox import InboxCog
from bot.cogs.metric import MetricCog
from bot.cogs.opening import OpeningCog
from bot.cogs.personal_data import PersonalDataCog
from bot.cogs.privacy import PrivacyCog
from bot.cogs.save_message import SaveMessageCog
from bot.cogs.sentiment import SentimentCog
from bot.cogs.standing_message import StandingMessageCog
from bot.cogs.summary import SummaryCog
from bot.cogs.usage import UsageCog
from bot.cogs.warroom import WarroomCog
from bot.command_texts import fill_in_english
from bot.views import BUTTONS

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

EVERYWHERE = (
    FeedbackCog,
    PrivacyCog,
    SaveMessageCog,
    FormsCog,
    ConversationsCog,
    UsageCog,
    StandingMessageCog,
    OpeningCog,
)
WAR_ROOM_ONLY = (
    InboxCog,
    MetricCog,
    SentimentCog,
    SummaryCog,
    AlertsCog,
    DashboardCog,
    PersonalDataCog,
    WarroomCog,
)


async def load_cogs(client: "WarroomClient") -> None:
    """All buttons and cogs; the team's commands exist in the War Room server only."""
    client.add_dynamic_items(*BUTTONS)
    for cog in EVERYWHERE:
        await client.add_cog(cog(client))
    fill_in_english(client.tree, client.runtime.texts)
    if client.war_room_guild is not None:
        for team_cog in WAR_ROOM_ONLY:
            await client.add_cog(team_cog(client), guild=client.war_room_guild)
