"""What the files say: the texts of this package with the versions of a project filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from mainspring.advisor.catalogue import RULES
from mainspring.advisor.features import FEATURES, OF_KIND, OLDEST
from mainspring.advisor.output.words import kind_word, words_of_rule
from mainspring.advisor.versions import Versions
from mainspring.i18n import ENGLISH

NAME = "mainspring-tasks"
MOST_LINES = 60  # of the block in AGENTS.md: it is read with every request


@dataclass(frozen=True, slots=True)
class Text:
    """What one file is to say: ``head`` stands before the managed part (a frontmatter), ``body`` is managed."""

    path: str
    body: str
    head: str = ""

    @property
    def is_block(self) -> bool:
        """Whether it is a part of a file that belongs to somebody else."""
        return self.path == "AGENTS.md"


class Target:
    """The words of the options: what can be installed."""

    AGENTS, SKILL, CURSOR, COPILOT, CLAUDE = "agents-md", "skill", "cursor", "copilot", "claude"
    ALL = (AGENTS, SKILL, CURSOR, COPILOT, CLAUDE)


def texts_for(target: str, versions: Versions) -> Iterator[Text]:
    """Yield the files of a target, as they are to be."""
    values = _values(versions)
    match target:
        case Target.AGENTS:
            yield Text("AGENTS.md", _filled("block.md", values))
        case Target.SKILL:
            yield from _skill(f".agents/skills/{NAME}", values)
        case Target.CLAUDE:
            yield from _skill(f".claude/skills/{NAME}", values)
        case Target.CURSOR:
            head = f'description: "{_short()}"\nglobs: "**/*.py"\nalwaysApply: false'
            yield Text(".cursor/rules/mainspring.mdc", _filled("block.md", values), _frontmatter(head))
        case Target.COPILOT:
            yield Text(".github/instructions/mainspring.instructions.md", _filled("block.md", values), _frontmatter('applyTo: "**/*.py"'))
        case _:
            raise ValueError(f"there is no target {target!r}: there are {', '.join(Target.ALL)}")


def _skill(folder: str, values: Mapping[str, str]) -> Iterator[Text]:
    description = _read("description.txt").strip().replace('"', "'")
    head = _frontmatter(f'name: {NAME}\ndescription: "{description}"')
    yield Text(f"{folder}/SKILL.md", _filled("skill.md", values), head)
    for name in ("kinds.md", "rules.md", "migrate-celery.md"):
        yield Text(f"{folder}/references/{name}", _filled(name, values))


def _short() -> str:
    """Return the first sentence of the description."""
    return _read("description.txt").partition(". ")[0] + "."


def _frontmatter(text: str) -> str:
    return f"---\n{text}\n---\n"


def _values(versions: Versions) -> dict[str, str]:
    engine = versions.engine
    has = str(engine) if engine is not None and engine.version else ""
    return {
        "engine": has or OLDEST,
        "versions": _versions(versions),
        "missing": _missing(versions),
        "rules": _rules(),
    }


def _versions(versions: Versions) -> str:
    """Say what was found here; what was not found is said to be unknown, and is never the newest."""
    engine = versions.engine
    told = [
        f"engine {engine} (from {_safe(engine.source)})" if engine is not None and str(engine)
        else f"engine unknown: take it for {OLDEST}, the oldest that is looked after"
    ]  # fmt: skip
    told.append("schema unknown" if versions.schema is None else f"schema {versions.schema}")
    if versions.backend is not None:
        told.append(f"on {versions.backend}")
    if versions.deployment is not None:
        told.append(f"deployed as {versions.deployment}")
    return ", ".join(told) + "."


def _missing(versions: Versions) -> str:
    """Say which kinds the installed version lacks, and what to take instead."""
    engine = versions.engine
    told = []
    for kind, name in OF_KIND.items():
        feature = FEATURES[name]
        has = feature.is_in_engine(OLDEST) if engine is None or not engine.version else bool(engine.has(feature.engine or "999999"))
        is_there = has and (versions.deployment is None or versions.deployment in feature.profiles)
        if not is_there:
            needs = f"needs {feature.engine}" if feature.exists else "no released version has it"
            instead = "" if feature.fallback is None else f"; take {kind_word(feature.fallback, ENGLISH)} (`{feature.fallback}`) instead"
            told.append(f"Not here: {kind_word(kind, ENGLISH)} (`{kind}`), {needs}{instead}.")
    return "\n".join(told)


def _rules() -> str:
    rows = ["| code | name | kind | why |", "|---|---|---|---|"]
    for rule in RULES.values():
        why, _ = words_of_rule(rule.code)
        kind = "" if rule.kind is None else kind_word(rule.kind, ENGLISH)
        rows.append(f"| {rule.code} | {rule.name} | {kind} | {why.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def _safe(text: str) -> str:
    """Return the name of a file as one of few characters: it stands in a text that machines obey."""
    return re.sub(r"[^A-Za-z0-9._/ -]", "", text)[:60]


def _filled(name: str, values: Mapping[str, str]) -> str:
    text = _read(name)
    for slot, value in values.items():
        text = text.replace("{{" + slot + "}}" + ("" if value else "\n"), value)
    return text


def _read(name: str) -> str:
    return files("mainspring.advisor.agents").joinpath("texts", name).read_text("utf-8")
