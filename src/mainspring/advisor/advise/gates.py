"""Gates: whether what a kind stands on is there, in the installed engine, the database's schema, its backend and the way of deployment.

An unknown version is unknown. It opens no gate and closes none: the advice is for the oldest engine that is looked after, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mainspring.advisor.features import FEATURES, OF_KIND, OLDEST, Backend, Feature, Profile
from mainspring.advisor.finding import Kind
from mainspring.advisor.versions import Versions

UNKNOWN = "unknown"
NO_VERSION = "no released version"  # what a feature needs that nobody has yet


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of one feature. ``ok`` is None where nobody knows what there is."""

    feature: str
    need: str
    have: str
    ok: bool | None


@dataclass(frozen=True, slots=True)
class Passage:
    """All conditions of a kind. ``refused`` is the feature that its kind cannot do without and that is not there."""

    gates: tuple[Gate, ...]
    refused: Feature | None

    @property
    def missing(self) -> tuple[Gate, ...]:
        """The conditions that do not hold."""
        return tuple(each for each in self.gates if each.ok is False)


def passage(kind: Kind, versions: Versions, besides: Iterable[str] = ()) -> Passage:
    """Ask every gate of a kind, and of features that its definition would use ``besides``; only the first can refuse the kind."""
    needed = [FEATURES[OF_KIND[kind]]] if kind in OF_KIND else []
    if needed and versions.deployment is Profile.FLEET:
        needed.append(FEATURES["many-hosts"])
    own = {feature.name: gates_of(feature, versions) for feature in needed}
    refused = next((FEATURES[name] for name, gates in own.items() if any(gate.ok is False for gate in gates)), None)
    more = [gate for name in dict.fromkeys(besides) if name not in own for gate in gates_of(FEATURES[name], versions)]
    return Passage(tuple(gate for gates in own.values() for gate in gates) + tuple(more), refused)


def gates_of(feature: Feature, versions: Versions) -> list[Gate]:
    """Return the conditions of a feature: engine and schema always, backend and deployment where they make a difference."""
    engine = versions.engine
    have = UNKNOWN if engine is None else str(engine)
    if not feature.exists:
        return [Gate(feature.name, NO_VERSION, have, False)]
    found = [Gate(feature.name, f"engine>={feature.engine}", have, None if engine is None else engine.has(feature.engine))]
    schema = versions.schema
    is_there = None if schema is None else schema >= feature.schema
    found.append(Gate(feature.name, f"schema>={feature.schema}", UNKNOWN if schema is None else str(schema), is_there))
    if len(feature.backends) < len(Backend):
        needed = ", ".join(sorted(feature.backends))
        has = versions.backend
        found.append(Gate(feature.name, f"backend={needed}", has or UNKNOWN, None if has is None else has in feature.backends))
    if len(feature.profiles) < len(Profile):
        needed = ", ".join(each for each in Profile if each in feature.profiles)
        place = versions.deployment
        found.append(Gate(feature.name, f"deployment={needed}", place or UNKNOWN, None if place is None else place in feature.profiles))
    return found


def needed_engine(kind: Kind) -> str:
    """Return the first engine that has a kind; empty where none has, and the oldest of all for plain code, which needs none."""
    return FEATURES[OF_KIND[kind]].engine if kind in OF_KIND else OLDEST
