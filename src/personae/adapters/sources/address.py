"""Which addresses a source may lead to."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from enum import Enum

from personae.errors import SourceError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Kind(Enum):
    """What an address is good for."""

    PUBLIC = "public"
    PRIVATE = "private"
    """This machine, or the operator's own network."""
    FORBIDDEN = "forbidden"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_NEVER = _networks(
    "168.63.129.16/32",  # metadata of a cloud, though the address is a public one
    "100.100.100.200/32",  # metadata of another, in the shared range
    "fd00:ec2::/32",  # and of two more, among the private ones
    "fd20:ce::/32",
)
_PRIVATE = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",  # shared by a provider's customers, and used by private overlays
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
)
_SPECIAL = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",  # link-local, where clouds keep their metadata
    "192.0.0.0/24",
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
    "2001::/23",  # protocols, Teredo among them
    "2001:db8::/32",
    "2002::/16",  # 6to4: an IPv4 address inside, any
    "3fff::/20",
)
# Outside it: ::, IPv4-mapped and -compatible, NAT64, site-local, link-local, multicast, and what is not given out.
_UNICAST = ipaddress.ip_network("2000::/3")
_METADATA_NAMES = ("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal")


def kind(address: str) -> Kind:
    """Return what an IP address is good for.

    Args:
        address: as text; a zone after % is allowed.

    Source: the IANA special-purpose address registries for IPv4 and IPv6.
    """
    parsed = ipaddress.ip_address(address)
    if any(parsed in network for network in _NEVER):
        return Kind.FORBIDDEN
    if any(parsed in network for network in _PRIVATE):
        return Kind.PRIVATE
    if any(parsed in network for network in _SPECIAL):
        return Kind.FORBIDDEN
    if parsed.version == 6 and parsed not in _UNICAST:
        return Kind.FORBIDDEN
    return Kind.PUBLIC


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, each once, in the order that the system prefers.

    Raises:
        OSError: the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("not a host name") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides where connections may go."""

    own: str = ""
    """Host that may be on the operator's own network; empty: none may."""

    def allowed(self, host: str, addresses: list[str]) -> list[str]:
        """Return the addresses of a host that may be connected to.

        Raises:
            SourceError: forbidden_address: none may.
        """
        kinds = {Kind.PUBLIC, Kind.PRIVATE} if host == self.own else {Kind.PUBLIC}
        good = [address for address in addresses if kind(address) in kinds]
        if not good:
            raise self._refusal(host)
        return good

    def check_name(self, host: str) -> None:
        """Check what can be checked of a host that somebody else resolves.

        Raises:
            SourceError: forbidden_address: it is, in whatever spelling, an address that may not be connected to, or the
                name of this machine or of a metadata server.
        """
        name = host.rstrip(".").lower()
        literal = _literal(name)
        if literal is not None:
            self.allowed(host, [literal])
        if name in _METADATA_NAMES:
            raise self._refusal(host)
        if (name == "localhost" or name.endswith(".localhost")) and host != self.own:
            raise self._refusal(host)

    def _refusal(self, host: str) -> SourceError:
        hint = "" if host == self.own else " (allow_private lets the endpoint's own host be there)"
        return SourceError("forbidden_address", f"{host} is not on the public internet{hint}")


def _literal(host: str) -> str | None:
    """The address that a host spells, as 127.0.0.1, 127.1, 0x7f000001 or 2130706433 do; None: it is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
