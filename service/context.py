"""What a request handler needs, made once per running service."""

from __future__ import annotations

from dataclasses import dataclass

from service.analyser import Analyser
from service.captures.slots import UploadSlots
from service.database import Database
from service.jobs.port import JobRunner
from service.limits.limiter import RateLimiter
from service.media.vault import MediaVault
from service.settings import Settings
from service.signing import Signer
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one running service."""

    settings: Settings
    database: Database
    signer: Signer
    policy: Policy
    analyser: Analyser
    jobs: JobRunner
    uploads: UploadSlots
    limits: RateLimiter
    media: MediaVault
