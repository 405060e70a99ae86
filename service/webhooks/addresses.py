"""Which addresses a webhook may be posted to: public ones, and those the operator allows.

`ipaddress.is_global` alone is not enough: it calls multicast, NAT64, 6to4 and mapped addresses
global, and each of these can lead to a host inside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Special-purpose registries of IANA (IPv4, IPv6) as of 2025, where Python's own tables are
# older or call them global; whatever carries an IPv4 address inside is refused whole.
_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "169.254.0.0/16",  # link-local: cloud metadata
        "168.63.129.16/32",  # a cloud's host agent, on a public address
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # Teredo, ORCHID and other assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)


def may_be_called(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether a webhook may connect to this address.

    Parameters
    ----------
    allowed
        Networks that the operator allows though they are not public.
    """
    if any(_holds(network, address) for network in allowed):
        return True
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(_holds(network, address) for network in _REFUSED)


def read_address(text: str) -> Address | None:
    """Return an address in its plain notation; None for names, zones and other notations."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else address


def _holds(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network
