"""Secrets as parameters: what travels and is stored is a reference, the value is looked up where the body runs.

A reference is ``env:NAME`` (an environment variable of the node), ``file:NAME`` (a file in the one folder that the configuration names) or
``store:NAME`` (a secret that the store keeps, encrypted).
A node resolves only what its configuration declares for the task and the tenant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from mainspring.core.carried import tell
from mainspring.core.errors import ConfigurationError
from mainspring.core.param import OURS

PATTERN = r"^(env:[A-Za-z_][A-Za-z0-9_]{0,199}|file:[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}|store:[A-Za-z_][A-Za-z0-9_.-]{0,199})$"
SOURCES = ("env", "file", "store")
_REFERENCE = re.compile(PATTERN.replace("$", r"\Z"))
NEEDED = "a reference is needed, env:NAME, file:NAME or store:NAME; the value itself never goes into a call"


class Secret:
    """A parameter that is a secret. ``Secret("env:STRIPE_KEY")`` names it, ``reveal()`` inside the body gives the value.

    It shows itself as its reference, so that it may be logged. ``value`` is for tests that call the plain function.
    """

    __slots__ = ("_value", "reference")

    def __init__(self, reference: str, *, value: str | None = None) -> None:
        if not _REFERENCE.match(str(reference)):
            raise ConfigurationError(f"Secret(reference): {NEEDED}")  # what was given may be the value: it is not repeated
        self.reference, self._value = reference, value

    @property
    def source(self) -> str:
        """``env``, ``file`` or ``store``."""
        return self.reference.partition(":")[0]

    @property
    def name(self) -> str:
        """The part behind the colon."""
        return self.reference.partition(":")[2]

    def reveal(self) -> str:
        """Return the value; raises `ConfigurationError` outside of the body that it was handed to."""
        if self._value is None:
            raise ConfigurationError(f"the secret {self.reference} is known only inside the body that it is a parameter of")
        return self._value

    get_secret_value = reveal  # as pydantic's own type calls it

    def resolved(self, value: str) -> None:
        """Take the value; used by the engine."""
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return self.reference

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    def __reduce__(self) -> tuple[object, ...]:  # the value does not travel, in whatever way somebody sends it
        return Secret, (self.reference,)

    @classmethod
    def _accept(cls, value: Any) -> Secret:
        from pydantic_core import PydanticCustomError

        reference = value.reference if isinstance(value, Secret) else value
        if not isinstance(reference, str) or not _REFERENCE.match(reference):
            raise PydanticCustomError("secret_reference", NEEDED)
        made = cls(reference)  # always another one: a default is shared by all runs, a value belongs to one
        tell(made)
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # the types are pydantic's, which core loads late
        """Say how it is checked and written; called by pydantic."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._accept, serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema())
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Say how it looks in JSON; called by pydantic."""
        return {"type": "string", "format": "secret-reference", "pattern": PATTERN, OURS: {"secret": True}}


# -- which references a node may resolve


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One declared secret: its reference, and the tasks and tenants that may have it. None means every tenant."""

    reference: str
    tasks: tuple[str, ...]
    tenants: tuple[str, ...] | None = None

    def allows(self, task: str, tenant: str) -> bool:
        """Tell whether a run may have it."""
        named = any(task.startswith(each[:-1]) if each.endswith("*") else task == each for each in self.tasks)
        return named and (self.tenants is None or tenant in self.tenants)


@dataclass(frozen=True, slots=True)
class SecretRules:
    """Everything that ``[secrets]`` declares; nothing else is ever resolved."""

    folder: str | None = None
    rules: Mapping[str, SecretRule] = field(default_factory=dict)

    def refusal(self, reference: str, task: str, tenant: str) -> str | None:
        """Say why a run may not have a secret, with the remedy; None where it may."""
        rule = self.rules.get(reference)
        source, _, name = reference.partition(":")
        table = f"[secrets.{source}.{name}]" if "." not in name else f'[secrets.{source}."{name}"]'
        if rule is None:
            return f"the secret {reference} is not declared: add {table} with tasks = [{task!r}] to mainspring.toml"
        if not rule.allows(task, tenant):
            whose = f" of the tenant {tenant!r}" if tenant else ""
            return f"the secret {reference} is not declared for the task {task!r}{whose}: see {table} in mainspring.toml"
        return None


_RULE_KEYS = ("tasks", "tenants")


def parse_secrets(table: object, where: str) -> SecretRules:
    """Return the rules of a ``[secrets]`` table; raises `ConfigurationError` that names file, key, value and remedy.

    ::

        [secrets]
        folder = "/run/secrets"        # where file: may look, and nowhere else

        [secrets.env.STRIPE_KEY]
        tasks = ["charge", "refund*"]  # a star at the end stands for anything
        tenants = ["acme"]             # left out: every tenant
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}: secrets={table!r}: a table is needed, as [secrets.env.NAME]")
    folder = table.get("folder")
    if folder is not None and (not isinstance(folder, str) or not folder.startswith("/")):
        raise ConfigurationError(f"{where}: secrets.folder={folder!r}: an absolute path is needed, as '/run/secrets'")
    for key in table:
        if key not in ("folder", *SOURCES):
            near = get_close_matches(key, ("folder", *SOURCES), n=1)
            raise ConfigurationError(
                f"{where}: secrets.{key} is unknown"
                + (f", did you mean {near[0]}?" if near else ": write [secrets.env.NAME], [secrets.file.NAME] or [secrets.store.NAME]")
            )
    rules: dict[str, SecretRule] = {}
    for source in SOURCES:
        given = table.get(source, {})
        if not isinstance(given, Mapping):
            raise ConfigurationError(f'{where}: secrets.{source} must be tables, as [secrets.{source}.NAME] with tasks = ["…"]')
        for name, rule in given.items():
            reference = f"{source}:{name}"
            if not _REFERENCE.match(reference):
                raise ConfigurationError(
                    f"{where}: secrets.{source}.{name}: the name may have letters, digits and _, of a file or a stored one . and - too"
                )
            rules[reference] = _parse_rule(rule, reference, f"{where}: secrets.{source}.{name}")
    if folder is None and any(reference.startswith("file:") for reference in rules):
        raise ConfigurationError(f"{where}: secrets.file needs secrets.folder, the one folder in which such files lie, as '/run/secrets'")
    return SecretRules(folder, rules)


def _parse_rule(rule: object, reference: str, where: str) -> SecretRule:
    if not isinstance(rule, Mapping):
        raise ConfigurationError(f'{where}: a table is needed, with tasks = ["…"]; the value itself never stands here')
    if unknown := [key for key in rule if key not in _RULE_KEYS]:
        raise ConfigurationError(f"{where}.{unknown[0]} is unknown: {' and '.join(_RULE_KEYS)} are known")
    tasks, tenants = rule.get("tasks"), rule.get("tenants")
    if not _is_texts(tasks):
        raise ConfigurationError(f'{where}.tasks={tasks!r}: a list of task names is needed, as ["charge"]; ["*"] means every task')
    if tenants is not None and not _is_texts(tenants):
        raise ConfigurationError(f'{where}.tenants={tenants!r}: a list of tenants is needed, as ["acme"]; left out it means every tenant')
    return SecretRule(reference, tuple(tasks), None if tenants is None else tuple(tenants))  # type: ignore[arg-type]  # asked above


def _is_texts(value: object) -> bool:
    return (
        isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(isinstance(each, str) and each for each in value)
    )
