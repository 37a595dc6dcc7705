"""What is written where a value is wanted: literals, constants, spans of time. What only a running program knows stays unknown."""

from __future__ import annotations

import ast
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mainspring.advisor.read.facts import FileFacts, Function, Value, ValueForm
from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import ConfigurationError

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


class Unknown:
    """A value that only a running program knows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Plain = str | int | float | bool | None | Unknown


def module_scope(file: FileFacts) -> Function | None:
    """Return the function that stands for a file's own level."""
    return file.outermost[0] if file.outermost else None


def scope_of(file: FileFacts, function: Function) -> Function:
    """Return the function in which another is defined: its decorators and defaults are evaluated there."""
    name = function.name
    outer = file.function(name.rpartition(".<locals>.")[0]) if ".<locals>." in name else module_scope(file)
    return outer or module_scope(file) or function


def constant(project: Project, file: FileFacts, value: Value | None) -> Value | None:
    """Return what a name stands for where it is a constant of a module; the value itself otherwise."""
    seen = 0
    while value is not None and value.form is ValueForm.REF and seen < 3:
        found = _assigned(project, file, value.text)
        if found is None:
            return value
        value, seen = found, seen + 1
    return value


def _assigned(project: Project, file: FileFacts, ref: str) -> Value | None:
    name = project.canonical(ref)
    module, _, attribute = name.rpartition(".")
    home = project.file(module) if module != file.module else file
    scope = None if home is None else module_scope(home)
    if scope is None:
        return None
    given = [assign.value for assign in scope.assigns if assign.attribute == attribute and assign.target == attribute]
    return given[0] if len(given) == 1 else None


def plain(value: Value | None) -> Plain:
    """Return the plain value that a literal is, also of ``60 * 5``; `UNKNOWN` where only a running program knows."""
    if value is None:
        return UNKNOWN
    match value.form:
        case ValueForm.TEXT:
            return value.text
        case ValueForm.NONE:
            return None
        case ValueForm.FLAG:
            return value.text == "True"
        case ValueForm.NUMBER | ValueForm.OTHER:
            return _number(value.text)
    return UNKNOWN


def _number(text: str) -> int | float | Unknown:
    if len(text) > 60:
        return UNKNOWN
    try:
        return _count(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError):
        return UNKNOWN


def _count(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_count(operand)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _count(left) * _count(right)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _count(left) + _count(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _count(left) - _count(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _count(left) / _count(right)
    raise ValueError


_SPANS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")


def duration(project: Project, file: FileFacts, scope: Function, value: Value | None) -> timedelta | Unknown | None:
    """Return a duration as the engine would read it: seconds, ``"5m"`` or ``timedelta(…)``; None for None."""
    found = constant(project, file, value)
    if found is None or found.form is ValueForm.NONE:
        return None
    if found.form is ValueForm.CALL:
        calls = scope.calls if found is value else ((module_scope(file) or scope).calls)
        if found.text.rpartition(".")[2] != "timedelta" or not 0 <= found.call < len(calls):
            return UNKNOWN
        call, given = calls[found.call], {}
        if call.ref.rpartition(".")[2] != "timedelta":
            return UNKNOWN
        for name, part in (*zip(("days", "seconds"), call.args, strict=False), *call.keywords):
            number = plain(part)
            if name not in _SPANS or isinstance(number, (Unknown, str, bool)) or number is None:
                return UNKNOWN
            given[name] = number
        try:
            return timedelta(**given)
        except (OverflowError, TypeError):
            return UNKNOWN
    said = plain(found)
    if isinstance(said, (Unknown, bool)) or said is None:
        return UNKNOWN
    return duration_of_text(said) or UNKNOWN if said not in (0, "0", "0s") else timedelta(0)


def duration_of_text(said: str | float) -> timedelta | None:
    """Return a duration of words or seconds, None for what is none."""
    try:
        return parse_duration(said, "duration")
    except ConfigurationError:
        return None


def span(seconds: float) -> str:
    """Return seconds as people say them."""
    return describe(timedelta(seconds=seconds))
