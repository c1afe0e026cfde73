"""Which address a request comes from, where proxies are in between."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class Addresses:
    """`proxies`: comma-separated networks, whose X-Forwarded-For is believed. Raises ValueError for what is none."""

    def __init__(self, proxies: str) -> None:
        self._proxies = [ip_network(each.strip()) for each in proxies.split(",") if each.strip()]

    def client(self, peer: str, forwarded: str) -> str:
        """The last one that no proxy of ours speaks for; of IPv6 its /64, since one household has as many as that.

        `peer`: the address that the socket is connected to; `forwarded`: X-Forwarded-For, all its lines, or nothing."""
        said = [peer, *(each.strip() for each in reversed(forwarded.split(",")))]
        for each in said:
            try:
                address = _address(each)
            except ValueError:
                return peer
            if not any(address in network for network in self._proxies):
                return str(IPv6Address(int(address) >> 64 << 64)) if address.version == 6 else str(address)
        return peer


def _address(text: str) -> IPv4Address | IPv6Address:
    """Of IPv4 as IPv6 writes it (`::ffff:192.0.2.1`), what it means: else all of IPv4 were one /64."""
    address = ip_address(text)
    return (address.version == 6 and address.ipv4_mapped) or address
