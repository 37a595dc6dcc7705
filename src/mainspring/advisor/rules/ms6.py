"""MS601 to MS603: code that asks for what the project's engine, schema or backend does not have.

What a project has is read from its own files (`versions`), what a feature needs stands in the one table (`features`). What nobody knows
is no finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.features import BY_NAME, BY_OPTION, FEATURES, Feature, Profile
from mainspring.advisor.finding import Finding, Place, Severity
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm
from mainspring.advisor.rules.definitions import definitions
from mainspring.advisor.rules.enqueues import ENQUEUES, enqueues
from mainspring.advisor.rules.literals import plain
from mainspring.advisor.rules.ours import OURS, canonical
from mainspring.advisor.versions import Versions, backend_of
from mainspring.core.capability import parse_requirement, version_key
from mainspring.core.errors import ConfigurationError

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what MS601 to MS603 find in a file, each feature once."""
    if not _speaks_of_us(project, file):
        return
    told: set[tuple[str, str]] = set()
    found: dict[tuple[str, Place], Finding] = {}
    for feature, function, place, asked in _asked_for(project, file):
        for finding in _judge(project, file, feature, function, place, asked):
            if (finding.code, feature.name) not in told:
                told.add((finding.code, feature.name))
                before = found.get((finding.code, finding.place))
                found[finding.code, finding.place] = finding if before is None else _together(before, finding)
    yield from found.values()
    yield from _requirements(project, file)
    yield from _one_file_many_hosts(project, file)


def _together(one: Finding, other: Finding) -> Finding:
    """Return two findings of a place as one: both features, and what is enough for both."""
    first, second = dict(one.values), dict(other.values)
    first["feature"] = f"{first['feature']}, {second['feature']}"
    if "need" in first:
        first["need"] = max(first["need"], second.get("need", first["need"]), key=version_key)
    return replace(one, values=tuple(first.items()))


def _speaks_of_us(project: Project, file: FileFacts) -> bool:
    """Tell cheaply whether a file has anything of ours: by its imports, or by definitions through a module of the project."""
    if any(name.partition(".")[0] == OURS for _, name in (*file.names, *file.types)):
        return True
    return any(True for _ in definitions(project, file))


# What is asked for


_FEATURED = tuple({ref.rpartition(".")[2] for ref in BY_NAME})


def _asked_for(project: Project, file: FileFacts) -> Iterator[tuple[Feature, Function, Place | Call, str]]:
    """Yield the features that a file asks for, each with the place and the name or option by which it does."""
    for function in file.naming(*_FEATURED):
        for decorator in function.decorators:
            ref = canonical(project, decorator.ref)
            if (feature := BY_NAME.get(ref)) is not None:
                yield feature, function, decorator.place, ref
        for call in function.calls:
            ref = canonical(project, call.ref)
            if ref.startswith(f"{OURS}.") and (feature := BY_NAME.get(ref)) is not None:
                yield feature, function, call, ref
        for param in function.params:
            ref = canonical(project, param.type) if param.type else ""
            if (feature := BY_NAME.get(ref)) is not None:
                yield feature, function, param.place or function.place, ref
    for definition in definitions(project, file):
        if definition.is_ours:
            for option, value in definition.options.items():
                if (feature := BY_OPTION.get(option)) is not None and value.form is not ValueForm.NONE:
                    yield feature, definition.function, definition.place, f"{option}="
            for schedule in definition.schedules:
                if schedule.says("tz") and "tz" in BY_OPTION:
                    yield BY_OPTION["tz"], definition.function, schedule.place, "tz="
            yield from _stored_secrets(definition.scope, definition.function, definition.options, definition.place)
    for function in file.calling(*ENQUEUES):
        for enqueue in enqueues(project, function):
            for option in enqueue.options:
                if (feature := BY_OPTION.get(option)) is not None:
                    yield feature, function, enqueue.call, f"{option}="


def _stored_secrets(
    scope: Function, function: Function, options: object, place: Place
) -> Iterator[tuple[Feature, Function, Place | Call, str]]:
    for call in scope.calls:
        if call.ref == f"{OURS}.Secret" and call.args and call.args[0].text.startswith("store:") and "stored-secrets" in FEATURES:
            yield FEATURES["stored-secrets"], function, call, "store:"


# What the project has


def _judge(project: Project, file: FileFacts, feature: Feature, function: Function, place: Place | Call, asked: str) -> Iterator[Finding]:
    versions = project.versions
    shown = asked.removeprefix(f"{OURS}.")
    if (finding := _too_old(project, file, feature, function, place, shown, versions)) is not None:
        yield finding
        return
    if versions.schema is not None and versions.schema < feature.schema:
        yield project.finding(
            "MS602", file, function, place, feature=shown, need=str(feature.schema), have=str(versions.schema),
            source=versions.source("schema"),
        )  # fmt: skip
    if versions.backend is not None and versions.backend not in feature.backends:
        yield project.finding(
            "MS603", file, function, place, feature=shown, need=", ".join(sorted(feature.backends)), have=versions.backend,
            source=versions.source("backend"),
        )  # fmt: skip
    elif versions.deployment is not None and versions.deployment not in feature.profiles:
        yield project.finding(
            "MS603", file, function, place, variant="deployment", feature=shown, need=", ".join(sorted(feature.profiles)),
            have=versions.deployment, source=versions.source("deployment"),
        )  # fmt: skip


def _too_old(
    project: Project, file: FileFacts, feature: Feature, function: Function, place: Place | Call, shown: str, versions: Versions
) -> Finding | None:
    engine = versions.engine
    have, source = ("unknown", "") if engine is None else (str(engine), engine.source)
    if not feature.exists:
        return project.finding(
            "MS601", file, function, place, variant="none" if engine is None else "never", feature=shown, have=have, source=source
        )
    if engine is not None and engine.has(feature.engine) is False:
        return project.finding("MS601", file, function, place, feature=shown, need=feature.engine, have=have, source=source)
    return None


# Requirements of a definition


def _requirements(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Tell of ``requires=`` that does not hold: the task is left out at start, which is meant to be known before."""
    versions = project.versions
    for definition in definitions(project, file):
        value = definition.option("requires")
        if value is None or not definition.is_ours:
            continue
        for item in value.items if value.form is ValueForm.LIST else (value,):
            text = plain(item)
            if not isinstance(text, str):
                continue
            try:
                wanted = parse_requirement(text)
            except ConfigurationError:
                continue  # the engine refuses it, with the grammar
            code, have, source = _unmet(versions, wanted.name, wanted.sign, wanted.wanted)
            if code:
                finding = project.finding(
                    code, file, definition.function, definition.place, variant="requires", task=definition.name, need=text, have=have,
                    source=source, feature=definition.name,
                )  # fmt: skip
                yield replace(finding, severity=Severity.NOTICE)


def _unmet(versions: Versions, name: str, sign: str, wanted: str) -> tuple[str, str, str]:
    engine = versions.engine
    if name == "engine" and sign == ">=" and engine is not None and engine.has(wanted) is False:
        return "MS601", str(engine), engine.source
    if name == "schema" and sign == ">=" and versions.schema is not None and versions.schema < int(wanted.partition(".")[0]):
        return "MS602", str(versions.schema), versions.source("schema")
    if name == "backend" and versions.backend is not None and (versions.backend == wanted) is (sign == "!="):
        return "MS603", str(versions.backend), versions.source("backend")
    return "", "", ""


def _one_file_many_hosts(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Find a store of one machine in a project that says that it runs on several."""
    if project.versions.deployment is not Profile.FLEET:
        return
    for function in file.calling("Mainspring"):
        for call in function.calls:
            if canonical(project, call.ref) not in (f"{OURS}.Mainspring", f"{OURS}.app.Mainspring"):
                continue
            url = _url(call)
            backend = backend_of(url) if url is not None else None
            if backend is not None and backend not in FEATURES["many-hosts"].backends:
                yield project.finding(
                    "MS603", file, function, call, feature="a store for several machines", need="postgres", have=backend,
                    source=project.versions.source("deployment"),
                )  # fmt: skip


def _url(call: Call) -> str | None:
    value: Value | None = call.argument(0, "url")
    found = plain(value)
    return found if isinstance(found, str) else None
