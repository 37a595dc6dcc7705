"""Values that are quick to make a class of: what a dataclass generates is shared here, or generated when the first of them is made.

The checker starts anew for every commit and every keystroke, and has some seventy such classes: generating their methods took a fifth of
that time. They are dataclasses still, for `dataclasses.fields` and `dataclasses.replace` as well, but the type checker alone holds those
frozen that say so: the lock would double what making one costs.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen=False, slots=True):
        """Make a class a value of its fields: equal by them, hashed by them where it is frozen."""

        def made(cls):
            cls.__doc__ = cls.__doc__ or cls.__name__  # else one is written from its signature, which takes as long as all else
            kind = dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
            names = kind.__match_args__
            key = attrgetter(*names)

            def init(self, *args, **kwargs):
                kind.__init__ = _init(kind)
                kind.__init__(self, *args, **kwargs)

            def eq(self, other):
                return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

            def show(self):
                return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

            kind.__init__, kind.__eq__, kind.__repr__ = init, eq, show
            kind.__hash__ = (lambda self: hash(key(self))) if frozen else None
            return kind

        return made


def _init(kind: type) -> object:
    """Write what makes one of a class: its fields in their order, with their defaults."""
    known: dict[str, object] = {"_MISSING": MISSING}
    params, lines = [], []
    for each in fields(kind):
        name = each.name
        lines.append(f"self.{name} = {name}")
        if each.default is not MISSING:
            known[f"_{name}"] = each.default
            params.append(f"{name}=_{name}")
        elif each.default_factory is not MISSING:
            known[f"_{name}"] = each.default_factory
            params.append(f"{name}=_MISSING")
            lines[-1] = f"self.{name} = _{name}() if {name} is _MISSING else {name}"
        else:
            params.append(name)
    if hasattr(kind, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n    ".join(lines or ["pass"])
    exec(f"def __init__(self, {', '.join(params)}):\n    {body}", known)  # names of fields, which stand in this program
    return known["__init__"]
