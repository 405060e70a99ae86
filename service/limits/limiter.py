"""Which requests are counted together, and how many of them are taken."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import HTTPConnection

from service.database import Database
from service.errors import TooManyRequestsError
from service.limits.buckets import Buckets, OwnBuckets, SharedBuckets
from service.limits.rate import Rate, seconds
from service.settings import Settings
from service.signing import Signer

_IPV6_PREFIX = 64  # what one subscriber has


class Limited(StrEnum):
    """What has a bucket of its own."""

    KEY = "key"
    CREATE = "create"
    VOICE = "voice"
    VIEW = "view"
    UPLOAD = "upload"
    LINK = "link"
    MEDIA = "media"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Counts requests by what they are and who sends them."""

    buckets: Buckets
    rates: dict[Limited, Rate | None]
    signer: Signer

    def take(self, what: Limited, who: str) -> None:
        """Count one request.

        Parameters
        ----------
        who
            Id of a key, tenant or attempt, or the address of a client.

        Raises
        ------
        TooManyRequestsError
            When there were too many; with the seconds after which to try again.
        """
        rate = self.rates[what]
        if rate is None:
            return
        # Addresses are personal data, and the table needs only to tell them apart.
        wait_us = self.buckets.take(self.signer.bucket(what, who), rate)
        if wait_us > 0:
            message = "too many requests; try again after Retry-After seconds"
            raise TooManyRequestsError(message, seconds(wait_us))


def open_limiter(
    settings: Settings, database: Database, signer: Signer, *, shared: bool
) -> RateLimiter:
    """Return the limiter of this deployment.

    Parameters
    ----------
    shared
        Whether several processes take requests.
    """
    rates = {what: getattr(settings, f"rate_{what}") for what in Limited}
    buckets: Buckets = SharedBuckets(database.engine) if shared else OwnBuckets()
    return RateLimiter(buckets, rates, signer)


def client_of(request: HTTPConnection) -> str:
    """Return what stands for a client: its address, of IPv6 the network of its subscriber."""
    address = request.client.host if request.client else ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
