"""Which IP addresses belong to the public internet."""

from __future__ import annotations

import ipaddress

# RFC 6052's prefix for IPv4 addresses behind a translator, which Python's `ipaddress` does not unwrap.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public_address(text: str) -> bool:
    """Whether an address is one of the public internet's, by IANA's special-purpose registries.

    Loopback, private, link-local (cloud metadata among them), shared, multicast, reserved and unspecified addresses are
    not, nor is an IPv6 address that carries such an IPv4 one. Text that is no address is not either.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public_address(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public_address(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        tunnelled = address.sixtofour or (address.teredo[1] if address.teredo else None)
        if tunnelled is not None and not is_public_address(str(tunnelled)):
            return False
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
