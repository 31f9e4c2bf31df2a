"""A strict stand-in for X (Twitter API v2) on loopback, for tests that speak to it with the real tweepy."""

from tests.x_server.journal import Billable, Breach, Call, Journal
from tests.x_server.server import XServer
from tests.x_server.world import DirectMessage, Tweet, User

__all__ = ["Billable", "Breach", "Call", "DirectMessage", "Journal", "Tweet", "User", "XServer"]
