"""What a finding says, in words: the texts of its rule, filled in with its values."""

from __future__ import annotations

import string

from mainspring.advisor.catalogue import RULES
from mainspring.advisor.finding import Evidence, Finding, Kind
from mainspring.advisor.output.plain import cut, plain
from mainspring.advisor.record import record
from mainspring.i18n import ENGLISH, t
from mainspring.i18n.tables import PACKAGES, read, text_of

LONGEST = 200  # characters of a value: a message stays a line that people read


@record(frozen=True, slots=True)
class Words:
    """What is there, why it matters, what to do; each one line without a full stop where it is one sentence."""

    message: str
    why: str
    fix: str


def words_of(finding: Finding, language: str | None = ENGLISH) -> Words:
    """Return a finding's words; ``language`` None is what this process speaks."""
    values = {name: cut(plain(_short(value)), LONGEST) for name, value in finding.values}
    base = f"check.{finding.code}"
    message = t(f"{base}.{finding.variant}" if finding.variant else base, language=language, **values)
    why, fix = t(_why_of(finding), language=language, **values), t(_fix_of(finding), language=language, **values)
    return Words(message.removesuffix("."), _sentence(why), _sentence(fix))


def _short(value: str) -> str:
    """Return the name of a nested function without those around it: the place says where it stands."""
    return value.rpartition("<locals>.")[2]


def placed(finding: Finding) -> list[Evidence]:
    """Return the evidence that stands in a file: what a library does has no line that anybody could open."""
    return [each for each in finding.evidence if each.path and each.line > 0]


def _sentence(text: str) -> str:
    """Return a text with a capital letter and without a full stop, unless it begins with code."""
    begins = text[:1].upper() if text.partition(" ")[0].isalpha() else text[:1]
    return begins + text[1:].removesuffix(".")


def _why_of(finding: Finding) -> str:
    """Return the key of why: a variant may have a reason of its own."""
    of_variant = f"check.{finding.code}.{finding.variant}.why"
    return of_variant if finding.variant and of_variant in read(PACKAGES["check"]) else f"check.{finding.code}.why"


def _fix_of(finding: Finding) -> str:
    """Return the key of what to do: another kind of work than the rule's usual one may ask for something else."""
    of_kind = f"check.{finding.code}.fix.{finding.kind}"
    return of_kind if of_kind in read(PACKAGES["check"]) else f"check.{finding.code}.fix"


def words_of_rule(code: str, language: str | None = ENGLISH) -> tuple[str, str]:
    """Return why a rule is there and what to do, of no finding in particular: what only a finding knows is left open."""
    return _sentence(_open(f"check.{code}.why", language)), _sentence(_open(f"check.{code}.fix", language))


def _open(key: str, language: str | None) -> str:
    """Return a text whose values nobody knows yet."""
    names = {name for _, name, _, _ in string.Formatter().parse(text_of(PACKAGES["check"], key, ENGLISH)) if name}
    return t(key, language=language, **dict.fromkeys(names, "…"))


def rule_name(code: str) -> str:
    """Return the name of a rule; its code where it is not ours."""
    rule = RULES.get(code)
    return code if rule is None else rule.name


def kind_word(kind: Kind | None, language: str | None = None) -> str:
    """Return what people call a kind of work."""
    return t(f"check.kind.{kind or 'unnamed'}", language=language)


def directive_for(finding: Finding) -> str:
    """Return the comment that would justify a finding, to be filled in."""
    return f"# mainspring: allow[{finding.code}] GROUND -- REASON"


def can_be_allowed(finding: Finding) -> bool:
    """Tell whether a written exception is possible: directives themselves, and files that nobody could read, cannot be excepted."""
    return not finding.code.startswith("MS0")
