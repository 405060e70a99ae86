"""Read the URL of an endpoint: what is wrong with it is said when it is set, not at 3 a.m."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from service.webhooks.addresses import Network, may_be_called, read_address

_MAX_CHARS = 2000
_MAX_PORT = 65535
_NAME = re.compile(rb"[A-Za-z0-9._-]+")
# Where the last label is a number, resolvers read the whole host as an IPv4 address, in decimal,
# octal and hexadecimal, with one to four parts (URL standard, "ends in a number").
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: the parts that HTTP and TLS need apart from the address."""

    scheme: bytes
    host: bytes
    port: int | None
    path: bytes
    authority: bytes


class UrlError(ValueError):
    """The URL can't be an endpoint's; the message says why."""


def read_url(url: str, *, allow_http: bool, allowed: Sequence[Network] = ()) -> Target:
    """Return the parts of an endpoint's URL.

    Raises
    ------
    UrlError
        When it is not an absolute https URL, or names an address that may not be called.
    """
    if len(url) > _MAX_CHARS:
        raise UrlError(f"must have at most {_MAX_CHARS} characters")
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # decodes international names, and raises where there is nothing to
    except (httpx.InvalidURL, UnicodeError):
        raise UrlError("must be an absolute URL, https://host/path") from None
    schemes = ("https", "http") if allow_http else ("https",)
    if parsed.scheme not in schemes or not host:
        raise UrlError("must start with https:// and name a host")
    if parsed.userinfo or parsed.fragment:
        raise UrlError("must hold neither a user name nor a fragment (#…)")
    if parsed.port is not None and not 0 < parsed.port <= _MAX_PORT:
        raise UrlError("must name a port from 1 to 65535")
    _check_host(parsed, allowed)
    return Target(parsed.raw_scheme, parsed.raw_host, parsed.port, parsed.raw_path, parsed.netloc)


def _check_host(url: httpx.URL, allowed: Sequence[Network]) -> None:
    host = url.host
    address = read_address(host)
    if address is None:
        if ":" in host or _ENDS_IN_NUMBER.search(host):
            raise UrlError("must write an IP address in its usual form")
        if not _NAME.fullmatch(url.raw_host):
            raise UrlError("must name a host in letters, digits, hyphens and dots")
        return
    if not may_be_called(address, allowed):
        raise UrlError("must not name a private or special address")
