"""Dotted names across files: one step after the other, until a name is where it was defined or leaves the project."""

from __future__ import annotations

from typing import Protocol

from mainspring.advisor.read.facts import Class, FileFacts
from mainspring.advisor.read.names import ALIASES, RETURNS, RETURNS_ATTRIBUTE, class_of

_STEPS = 24  # aliases of aliases; more of them is a circle


class Files(Protocol):
    """What following names asks of a project."""

    def split(self, ref: str) -> tuple[FileFacts, str] | None: ...
    def file(self, module: str) -> FileFacts | None: ...
    def canonical(self, ref: str) -> str: ...


def canonical(files: Files, ref: str) -> str:
    """Return the last name that a dotted name leads to."""
    if ref[:1] == "?" or not ref:
        return ref
    seen = {ref}
    for _ in range(_STEPS):
        following = _step(files, ref)
        if following == ref or following in seen:
            break
        ref = following
        seen.add(ref)
        if ref[:1] == "?":
            break
    return ref


def _step(files: Files, ref: str) -> str:
    at = ref.find("()")
    if at >= 0:
        return _called(files, ref[:at], ref[at + 2 :])
    found = files.split(ref)
    if found is None:
        return _outside(ref)
    file, rest = found
    return _inside(files, file, rest, ref) if rest else ref


def _called(files: Files, head: str, rest: str) -> str:
    """What calling a name gives: an instance of a class, or what a function's annotation says."""
    head = files.canonical(head)
    given = _given(files, head)
    if given:
        return f"{given}{rest}"
    if given is None:  # outside the project
        return f"{head}(){rest}"
    return f"?{rest}" if rest else f"{head}()"


def _given(files: Files, head: str) -> str | None:
    """Return the class of what a canonical name gives when it is called; "" where the project does not say, None where nobody does."""
    found = files.split(head)
    if found is None or not found[1]:
        known = RETURNS.get(f"{head}()") or class_of(head)
        return known if known and not known.endswith("()") else None
    file, rest = found
    function = file.function(rest)
    if function is not None:
        return function.gives
    if any(each.name == rest for each in file.classes):
        return head
    return next((RETURNS.get(type_, "") for name, type_ in file.types if name == rest), "")  # an object that is called: a sessionmaker


def _outside(ref: str) -> str:
    alias = ALIASES.get(ref)
    if alias is not None:
        return alias
    head = ref.rpartition(".")[0]
    while head:
        known = ALIASES.get(head) or RETURNS_ATTRIBUTE.get(head)
        if known is not None:
            return known + ref[len(head) :]
        head = head.rpartition(".")[0]
    return ref


def _inside(files: Files, file: FileFacts, rest: str, ref: str) -> str:
    """One step from a name that a file of the project should define."""
    first, _, behind = rest.partition(".")
    behind = f".{behind}" if behind else ""
    if file.function(rest) is not None:
        return ref
    owner = _owner(file, rest)
    if owner is not None:
        name = rest[len(owner.name) + 1 :]
        return _member(files, file, owner, name, ref) if name else ref
    for name, target in file.names:
        if name == first:
            return f"{target}{behind}"
    if behind:
        for name, type_ in file.types:
            if name == first:
                return f"{type_}{behind}"
    if file.function(first) is None:
        for star in file.stars:
            other = files.file(star)
            if other is not None and _defines(files, other, first):
                return f"{star}.{rest}"
        outside = [star for star in file.stars if files.file(star) is None]
        if len(outside) == 1 and not _is_assigned(file, first):
            return f"{outside[0]}.{rest}"
    return ref


def _owner(file: FileFacts, rest: str) -> Class | None:
    """The class that a name begins with, the innermost."""
    best: Class | None = None
    for each in file.classes:
        if (rest == each.name or rest.startswith(f"{each.name}.")) and (best is None or len(each.name) > len(best.name)):
            best = each
    return best


def _member(files: Files, file: FileFacts, owner: Class, name: str, ref: str) -> str:
    first, _, behind = name.partition(".")
    behind = f".{behind}" if behind else ""
    if file.function(f"{owner.name}.{first}") is not None:
        return ref
    for attribute, type_ in owner.attributes:
        if attribute == first and type_:
            return f"{type_}{behind}" if behind or type_.rpartition(".")[2] == first else ref
    outside = ""
    for base in owner.bases:
        target = files.canonical(base)
        found = files.split(target)
        if found is None:
            outside = outside or f"{target}.{name}"
            continue
        followed = files.canonical(f"{target}.{name}")
        if files.split(followed) is None and followed.endswith(f".{name}"):
            outside = outside or followed  # of a library that a base comes from; another base may have it here
            continue
        if followed != f"{target}.{name}" or _has(files, target, first):
            return followed
    return outside or ref


def _has(files: Files, class_ref: str, name: str) -> bool:
    found = files.split(class_ref)
    if found is None:
        return False
    file, rest = found
    return file.function(f"{rest}.{name}") is not None or any(
        each.name == rest and any(key == name for key, _ in each.attributes) for each in file.classes
    )


def _defines(files: Files, file: FileFacts, name: str, depth: int = 0) -> bool:
    return (
        file.function(name) is not None
        or any(each == name for each, _ in file.names)
        or any(each == name for each, _ in file.types)
        or any(each.name == name for each in file.classes)
        or _is_assigned(file, name)
        or (depth < 3 and any((other := files.file(star)) and _defines(files, other, name, depth + 1) for star in file.stars))
    )


def _is_assigned(file: FileFacts, name: str) -> bool:
    return bool(file.outermost) and any(each.target == name for each in file.outermost[0].assigns)
