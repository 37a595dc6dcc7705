"""Doors: what configuration says of who may come in from the network, read into values once. The guard and operations ask them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from mainspring.core.access import UserRole
from mainspring.core.errors import ConfigurationError

ANYBODY = "*"
PERSON = "user:"  # before a name, in a mapping that otherwise speaks of groups
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"^(\*|(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[?[0-9a-f:]+\]?)$")
_HEADER = re.compile(r"^[A-Za-z0-9-]{1,64}$")


class Access(StrEnum):
    """When somebody may come in who only knows the address that this process has printed."""

    AUTO = "auto"  # in development, bound to this machine alone
    OPEN = "open"  # bound to this machine alone, whatever the environment
    CLOSED = "closed"  # never


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody is and may see; ``tenants`` None: all of them."""

    role: UserRole
    tenants: frozenset[str] | None = None
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HostRules:
    """Which names a request may call this house by; ports do not matter."""

    names: frozenset[str] = LOOPBACK_NAMES

    def allows(self, host: str) -> bool:
        """Tell whether a Host header names us."""
        name = bare_host(host)
        if name is None:
            return False
        if ANYBODY in self.names or name in self.names:
            return True
        return any(each.startswith("*.") and name.endswith(each[1:]) and len(name) > len(each) - 1 for each in self.names)

    def beside(self, names: Iterable[str]) -> HostRules:
        """Return rules that allow these as well."""
        return HostRules(self.names | frozenset(names))

    def __str__(self) -> str:
        return ", ".join(sorted(self.names - LOOPBACK_NAMES)) or "-"


def bare_host(host: str) -> str | None:
    """Return the name in a Host header or an origin, without its port and in lower case; None for what is none."""
    host = host.strip().lower()
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        if not closed or (port and not (port.startswith(":") and port[1:].isdigit())):
            return None
        return name if re.fullmatch(r"[0-9a-f:.]+", name) else None
    name, _, port = host.partition(":")
    if port and not port.isdigit():
        return None
    name = name.removesuffix(".")
    return name if re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name) else None


@dataclass(frozen=True, slots=True)
class Peers:
    """Whose word is trusted about who asks: proxies, by address."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    is_socket: bool = False

    def has(self, address: str | None) -> bool:
        """Tell whether a connection comes from one of them; None is a connection over a local socket."""
        if address is None:
            return self.is_socket
        try:
            found = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in each for each in self.networks)

    def __str__(self) -> str:
        return ", ".join([*map(str, self.networks), *(["unix"] if self.is_socket else [])]) or "-"


@dataclass(frozen=True, slots=True)
class GuestList:
    """Who of other houses is what: names of groups, ``user:NAME`` or ``*``, each with roles or tenants.

    A group whose name begins with ``user:`` is nobody's: what another house calls its groups must not make somebody another person.
    """

    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, name: str, groups: Iterable[str]) -> frozenset[str]:
        """Return everything that somebody is mapped to."""
        return frozenset(what for who in (*groups, f"{PERSON}{name}", ANYBODY) for what in self.entries.get(who, ()))

    def __str__(self) -> str:
        return ", ".join(f"{who}={what}" for who, given in self.entries.items() for what in given) or "-"


def rights_of_guest(name: str, groups: Iterable[str], roles: GuestList, tenants: GuestList) -> Rights | None:
    """Return what somebody of another house may do here; None where nothing says that they may come in.

    The highest of several roles counts. Without any mapping of tenants everybody sees all of them; with one, only those that are named.
    """
    teams = frozenset(each for each in groups if each != ANYBODY and not each.startswith(PERSON))
    found = [UserRole(each) for each in roles.of(name, teams)]
    if not found:
        return None
    theirs = tenants.of(name, teams) if tenants.entries else frozenset({ANYBODY})
    if not theirs:
        return None
    return Rights(max(found, key=lambda role: role.rank), None if ANYBODY in theirs else theirs, teams)


# -- reading


def parse_access(text: str, name: str) -> Access:
    """Read a word; raises `ConfigurationError` with the words that there are."""
    try:
        return Access(text.strip().lower())
    except ValueError:
        raise ConfigurationError(f"{name}={text!r}: choose {', '.join(Access)}") from None


def parse_hosts(text: str, name: str) -> HostRules:
    """Read names separated by commas, ``*.example.com`` for all below one, ``*`` for any; those of this machine are allowed as well."""
    names = [each.lower() for each in _split(text)]
    for each in names:
        if not _HOST.match(each):
            raise ConfigurationError(f"{name}: {each!r} is no name of a host: write tasks.example.com, without scheme and port")
    return HostRules(LOOPBACK_NAMES | frozenset(each.strip("[]") for each in names))


def parse_peers(text: str, name: str) -> Peers:
    """Read addresses and networks separated by commas; ``unix`` stands for connections over a local socket."""
    found, is_socket = [], False
    for each in _split(text):
        if each == "unix":
            is_socket = True
            continue
        try:
            network = ip_network(each)
        except ValueError as error:
            raise ConfigurationError(f"{name}: {each!r} is no address or network ({error}): write 10.0.0.7, 10.0.0.0/8 or unix") from None
        if network.prefixlen == 0:
            raise ConfigurationError(f"{name}: {each!r} would trust everybody: name the proxies")
        found.append(network)
    return Peers(tuple(found), is_socket)


def parse_header(text: str, name: str) -> str:
    """Read the name of a header."""
    if not _HEADER.match(text.strip()):
        raise ConfigurationError(f"{name}={text!r} is no name of a header: write X-Forwarded-User")
    return text.strip().lower()


def parse_roles(text: str, name: str) -> GuestList:
    """Read ``ops=operator, user:ada=admin, *=viewer``."""
    mapping = _mapping(text, name, "ops=operator")
    for roles in mapping.entries.values():
        for role in roles:
            if role not in list(UserRole):
                raise ConfigurationError(f"{name}: there is no role {role!r}; there are {', '.join(UserRole)}")
    return mapping


def parse_tenants(text: str, name: str) -> GuestList:
    """Read ``acme-staff=acme, root=*``; a star behind the sign stands for all tenants."""
    return _mapping(text, name, "acme-staff=acme")


def _mapping(text: str, name: str, example: str) -> GuestList:
    entries: dict[str, tuple[str, ...]] = {}
    for each in _split(text):
        who, sign, what = (part.strip() for part in each.rpartition("="))
        if not (who and sign and what):
            raise ConfigurationError(f"{name}: {each!r} is not understood: write GROUP=WHAT, as {example}; user:NAME=WHAT names one person")
        entries[who] = (*entries.get(who, ()), what)
    return GuestList(entries)


def _split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
