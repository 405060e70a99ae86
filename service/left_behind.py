"""Media in plain that processes left behind when they were killed: every role removes it by age.

Several may share a scratch folder, so none can tell at its start whose a younger one is.
"""

from __future__ import annotations

import asyncio
import logging

from service.captures.storage import sweep_scratch
from service.settings import Settings
from service.voice.listening import sweep_old_sounds

_LOG = logging.getLogger(__name__)
# Uploads, analyses and voice requests are over long before.
LEFT_BEHIND_S = 3600.0
TIDY_EVERY_S = 900.0


def sweep_left_behind(settings: Settings) -> None:
    """Remove what is over an hour old."""
    sweep_scratch(settings, LEFT_BEHIND_S)
    sweep_old_sounds(settings, max(LEFT_BEHIND_S, 2 * settings.voice_timeout_s))


async def keep_swept(settings: Settings) -> None:
    """Do so now and then, until cancelled."""
    while True:
        try:
            await asyncio.to_thread(sweep_left_behind, settings)
        except OSError as error:
            _LOG.error("scratch not swept", extra={"error": type(error).__name__})
        await asyncio.sleep(TIDY_EVERY_S)
