"""What a failed request to Discord means for a message: later, never, or unknown whether it arrived."""

import aiohttp
import discord

from shared.deliver.channel import PermanentFailure, RetryLater

CLOSED_CODES = (50007, 50278)  # direct messages closed; no server in common
TOO_FAST_CODES = (40003, 20026)  # opening direct messages too fast; flagged by the anti-spam system
FORBIDDEN_CODES = (50001, 50013)  # a permission is missing: an admin may repair it
OLD_EDIT_CODE = 30046
UNAUTHORIZED_SECONDS = 300.0
OLD_EDIT_SECONDS = 600.0
FORBIDDEN_SECONDS = 120.0


def translate(error: Exception, *, opening_dm: bool = False) -> Exception:
    """The delivery loop's error for an error of the library; anything not known stays as it is: doubt."""
    if isinstance(error, discord.RateLimited):
        return RetryLater("Discord limits the rate", error.retry_after)
    if isinstance(error, aiohttp.ClientConnectorError):
        return RetryLater("Discord cannot be reached", None)
    if isinstance(error, discord.HTTPException):
        return _translate_answer(error, opening_dm)
    return error


def _translate_answer(error: discord.HTTPException, opening_dm: bool) -> Exception:
    if error.code in CLOSED_CODES:
        return PermanentFailure("direct messages are closed", "dm_closed")
    if error.code in TOO_FAST_CODES or (opening_dm and error.status == 403):
        return PermanentFailure(f"Discord stopped the opening of direct messages ({error.code})", "dm_too_fast")
    if error.status == 429:
        return RetryLater("Discord limits the rate", None)
    if error.status >= 500:
        return RetryLater(f"Discord answered {error.status}", None)
    if error.status == 401:
        return RetryLater("Discord refuses the token", UNAUTHORIZED_SECONDS)
    if error.code == OLD_EDIT_CODE:
        return RetryLater("Discord limits edits of old messages", OLD_EDIT_SECONDS)
    if error.code in FORBIDDEN_CODES:
        return RetryLater("the bot lacks a permission in this channel", FORBIDDEN_SECONDS)
    code = "channel_gone" if error.status in (403, 404) else "refused"
    return PermanentFailure(f"Discord refused it ({error.status}, code {error.code})", code)
