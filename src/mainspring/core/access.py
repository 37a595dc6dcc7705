"""Who may do what: people (and the programs that they give tokens to), what they may ask for, and what they can see.

Three questions are asked, and always in this order. May this user do such a thing at all (`User.may`)? Does the task allow it
(`TaskAccess`)? Is the object one that the user can see (`Scope`)? A no to the first two is *forbidden*; to the third *there is no such
thing*, so that nobody learns what exists elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from mainspring.core.errors import ConfigurationError


class UserRole(StrEnum):
    """What somebody is to this house; each has the rights of those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Grow with the rights."""
        return _RANKS[self]


_RANKS = {role: rank for rank, role in enumerate(UserRole)}


class Verb(StrEnum):
    """What can be allowed or refused."""

    VIEW = "view"
    PAYLOAD = "runs.payload"
    START = "runs.start"
    CANCEL = "runs.cancel"
    RETRY = "runs.retry"
    DELETE = "runs.delete"
    BULK = "runs.bulk"
    CONFIGURE = "tasks.configure"
    CONTROL_SCHEDULES = "schedules.control"
    EDIT_SCHEDULES = "schedules.edit"
    CONTROL_QUEUES = "queues.control"
    CONTROL_NODES = "nodes.control"
    CONTROL_SERVICES = "services.control"
    MANAGE_DEAD = "dead.manage"
    EDIT_SETTINGS = "settings.edit"
    VIEW_AUDIT = "audit.view"
    MANAGE_ACCESS = "access.manage"
    TAP = "events.tap"


_VIEWER, _ADMIN = {Verb.VIEW, Verb.PAYLOAD}, {Verb.DELETE, Verb.CONFIGURE, Verb.EDIT_SETTINGS, Verb.MANAGE_ACCESS}
LEAST: Mapping[Verb, UserRole] = MappingProxyType(
    {each: UserRole.VIEWER if each in _VIEWER else UserRole.ADMIN if each in _ADMIN else UserRole.OPERATOR for each in Verb}
)
"""The least role that may do each, where a task does not say otherwise."""

HOST_VERBS = frozenset({
    Verb.CONFIGURE, Verb.CONTROL_QUEUES, Verb.CONTROL_NODES, Verb.CONTROL_SERVICES, Verb.EDIT_SETTINGS, Verb.MANAGE_ACCESS,
})  # fmt: skip
"""What concerns everybody's runs: nobody of one tenant may do it, whatever the role."""

RULED: Mapping[str, Verb] = MappingProxyType({
    "view": Verb.VIEW, "payload": Verb.PAYLOAD, "start": Verb.START, "cancel": Verb.CANCEL, "retry": Verb.RETRY, "delete": Verb.DELETE,
    "configure": Verb.CONFIGURE,
})  # fmt: skip
"""The verbs that a task may have rules of its own for, by the words that its definition says."""
OWNER = "owner"  # in such a rule: who started the run


@dataclass(frozen=True, slots=True)
class Scope:
    """Which runs can be seen: those of some tenants (None: of all), and only those that ``owner`` has started where one is named.

    Of ``hidden`` tasks nothing is seen, of ``private`` ones what ``viewer`` has started. Every look of a person at runs takes a scope, so
    that forgetting it is a type error and not a leak.
    """

    tenants: frozenset[str] | None = None
    owner: str | None = None
    hidden: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    viewer: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is kept from the eyes."""
        return self.tenants is None and self.owner is None and not self.hidden and not self.private

    def sees(self, tenant: str, actor: str | None, task: str) -> bool:
        """Tell whether a run of this tenant, owner and task can be seen."""
        return (
            (self.tenants is None or tenant in self.tenants)
            and self.owner in (None, actor)
            and task not in self.hidden
            and (task not in self.private or (actor is not None and actor == self.viewer))
        )


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, with the rights of this moment.

    ``tenants`` None: the host, who sees all. ``verbs`` None: whatever the role has; otherwise only these of them (a token's scope).
    ``kind``: ``system``, ``local``, ``token``, ``header``, ``oidc``, ``host``, ``link`` or ``open``. ``until`` is when the rights have to
    be looked up anew at the latest. ``teams`` are names that rules of tasks may mention. ``tasks`` None: every task; otherwise the names,
    or beginnings with a star behind them, that a token is for.
    """

    name: str
    role: UserRole = UserRole.VIEWER
    tenants: frozenset[str] | None = None
    verbs: frozenset[Verb] | None = None
    teams: frozenset[str] = frozenset()
    kind: str = "local"
    until: datetime | None = None
    sees_own_only: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] | None = None

    @property
    def scope(self) -> Scope:
        """What can be seen."""
        return Scope(self.tenants, self.name if self.sees_own_only else None)

    def covers(self, task: str) -> bool:
        """Tell whether this is somebody for a task, whatever it is asked to do."""
        return self.tasks is None or any(task.startswith(each[:-1]) if each.endswith("*") else task == each for each in self.tasks)

    def may(self, verb: Verb, rules: TaskAccess | None = None, *, is_owner: bool = False) -> bool:
        """Tell whether this is allowed; ``rules`` are the task's own, where it is about one, ``is_owner``: the run is of this user."""
        if self.verbs is not None and verb not in self.verbs:
            return False
        if verb in HOST_VERBS and self.tenants is not None:
            return False
        if rules is not None:
            if rules.is_admin_only and self.role is not UserRole.ADMIN:
                return False
            allowed = rules.verbs.get(verb)
            if allowed is not None:
                named = bool(self.teams & allowed) or self.name in allowed or (is_owner and OWNER in allowed)
                return self.role is UserRole.ADMIN or named or _reaches(self.role, allowed)
        return self.role.rank >= LEAST[verb].rank


def _reaches(role: UserRole, allowed: frozenset[str]) -> bool:
    named = [UserRole(each) for each in allowed if each in _RANKS]
    return any(role.rank >= each.rank for each in named)


@dataclass(frozen=True, slots=True)
class TaskAccess:
    """What a task says of who may do what with it: for each verb names of roles (the least), teams or users, or `OWNER`.

    Whoever may not view it does not learn that it exists. An administrator may do everything.
    """

    verbs: Mapping[Verb, frozenset[str]] = field(default_factory=dict)
    is_admin_only: bool = False

    def dump(self) -> dict[str, list[str]]:
        """Return the rules by the words that a definition says; `parse_access` reads them."""
        return {word: sorted(self.verbs[verb]) for word, verb in RULED.items() if verb in self.verbs}


def parse_access(value: Mapping[str, str | Sequence[str]] | None, *, is_admin_only: bool = False) -> TaskAccess | None:
    """Return what ``access`` and ``admin_only`` of a definition mean; None where they say nothing. Raises `ConfigurationError`."""
    if not isinstance(value, Mapping | None):  # from code that no type checker has seen
        raise ConfigurationError(f"access={value!r}: write it as {{'start': 'viewer', 'view': ['finance']}}")
    rules: dict[Verb, frozenset[str]] = {}
    for word, names in (value or {}).items():
        if word not in RULED:
            raise ConfigurationError(f"access has a rule for {word!r}, which is no verb: known are {', '.join(RULED)}")
        given = [names] if isinstance(names, str) else names
        if not given or not all(each and isinstance(each, str | None) for each in given):
            raise ConfigurationError(f"access[{word!r}]={names!r}: names of roles, teams or users are needed, at least one")
        rules[RULED[word]] = frozenset(given)
    return TaskAccess(MappingProxyType(rules), is_admin_only) if rules or is_admin_only else None


SYSTEM = User("system", UserRole.ADMIN, kind="system")
"""Whoever has the process and the database in hand: the command line, code of the host."""
