"""Words of an advice: the mandatory sentence, and everything around it, for the terminal and, always in English, for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mainspring.advisor.advise.advice import Advice, Reason
from mainspring.advisor.advise.answers import Length
from mainspring.advisor.advise.assume import HEARD, Assumption
from mainspring.advisor.advise.gates import NO_VERSION, UNKNOWN, Gate, needed_engine
from mainspring.advisor.features import OLDEST
from mainspring.advisor.finding import Kind
from mainspring.i18n import t

_MOST_REASONS = 3  # in the sentence; the list below it has all of them


class Words:
    """The words of an advice in one language, this process's own where none is named."""

    def __init__(self, advice: Advice, language: str | None = None) -> None:
        self.advice, self._language = advice, language

    def say(self, key: str, /, **values: object) -> str:
        """Return a text of the advisor."""
        return t(f"advise.{key}", language=self._language, **values)

    # The sentence

    def sentence(self) -> str:
        """Return what has to be said with the kind: rule, reasons, both versions, what is not taken and why, what is assumed or open."""
        advice = self.advice
        if advice.kind is None:
            return self.say("sentence.open")
        values = {
            "is_": self.say(f"kind.{advice.kind}.is"), "because": self._because(), "kind": self.say(f"kind.{advice.kind}.a"),
            "installed": self.installed(), "schema": self.schema(),
        }  # fmt: skip
        if advice.refused is not None:
            told = self.say(
                "sentence.refused", **values, need=self._needs(), fallback=self.say(f"kind.{advice.fallback or advice.kind}.a"),
                how=self.say(f"fallback.{advice.refused.name}"),
            )  # fmt: skip
            if advice.losses:
                told += " " + self.say("sentence.loses", losses="; ".join(self.say(f"loss.{each}") for each in advice.losses))
        else:
            other, why = advice.rejected[0]
            values |= {"rejected": self.say(f"kind.{other}.a"), "why": self.say(f"rejected.{why}")}
            told = self.say("sentence.right", **values, need=needed_engine(advice.kind))
        if advice.versions.engine is None:
            told += " " + self.say("sentence.unknown", oldest=OLDEST)
        if advice.questions:
            told += " " + self.say("sentence.provisional", n=len(advice.questions))
        return told

    def _because(self) -> str:
        reasons = [self.reason(each) for each in self.advice.reasons[:_MOST_REASONS]]
        if not reasons:
            return self.say("because.nothing")
        return self.say("and", first=", ".join(reasons[:-1]), last=reasons[-1]) if len(reasons) > 1 else reasons[0]

    def _needs(self) -> str:
        assert self.advice.refused is not None
        if not self.advice.refused.exists:
            return self.say("need.none")
        return ", ".join(gate.need for gate in self.advice.gates if gate.feature == self.advice.refused.name and gate.ok is False)

    def installed(self) -> str:
        """Return the engine of the project, or that it is unknown."""
        return self.say("unknown") if self.advice.versions.engine is None else str(self.advice.versions.engine)

    def schema(self) -> str:
        """Return the schema of the database, or that it is unknown."""
        return self.say("unknown") if self.advice.versions.schema is None else str(self.advice.versions.schema)

    # Parts

    def answer(self, value: bool | Length) -> str:
        """Return an answer as people give it."""
        return self.say(f"answer.{_code(value)}")

    def reason(self, each: Reason) -> str:
        """Return an answer as a reason, with the words that it was heard from."""
        plain = self.say(f"because.{each.question}.{_code(each.value)}")
        if not each.because:
            return self.say("because.assumed", reason=plain)
        return self.say("because.words", reason=plain, words=each.because)

    def kinds(self, kinds: Sequence[Kind]) -> str:
        """Return kinds, as people call them."""
        return ", ".join(self.say(f"kind.{each}") for each in kinds)

    def rejected(self) -> list[tuple[Kind, str]]:
        """Return the kinds that are not taken, each with why."""
        return [(kind, self.say(f"rejected.{code}")) for kind, code in self.advice.rejected]

    def assumptions(self) -> list[str]:
        """Return what is assumed, and what would be right otherwise."""
        return [f"{self.assumption(each)} ({self.say('otherwise', kinds=self.kinds(each.otherwise))})" for each in self.advice.assumptions]

    def assumption(self, each: Assumption) -> str:
        """Return an assumption and why it is made."""
        if each.why != HEARD:
            return self.say(f"assumption.{each.why}")
        return self.say("assumption.heard", reason=self.say(f"because.{each.question}.{_code(each.value)}"), words=each.words)

    def question(self, number: int) -> tuple[str, list[str]]:
        """Return the text of an open question, and for each answer the kinds that it leads to."""
        each = self.advice.questions[number]
        leads = [self.say("question.leads", answer=self.answer(value), kinds=self.kinds(kinds)) for value, kinds in each.leads]
        return self.say(f"question.{each.question}"), leads

    def checklist(self) -> list[tuple[str, str, str]]:
        """Return name, reason and suggestion of every line of the checklist."""
        return [
            (self.say(f"check.{each.name}"), self.say(f"check.{each.name}.{each.variant}"), each.code) for each in self.advice.checklist
        ]

    def gate(self, gate: Gate) -> str:
        """Return a gate as a line."""
        word = {True: "yes", False: "no", None: "unknown"}[gate.ok]
        need = self.say("need.none") if gate.need == NO_VERSION else gate.need
        have = self.say("unknown") if gate.have == UNKNOWN else gate.have
        return self.say("gate", feature=gate.feature, need=need, have=have, word=self.say(f"gate.{word}"))

    def upgrade(self) -> str:
        """Return the command that brings what is missing, or that none does."""
        refused = self.advice.refused
        assert refused is not None
        if not refused.exists:
            return self.say("upgrade.none")
        commands = []
        for gate in self.advice.gates:
            if gate.feature != refused.name or gate.ok is not False:
                continue
            name = gate.need.partition(">=")[0] if ">=" in gate.need else gate.need.partition("=")[0]
            commands.append({
                "engine": f"pip install --upgrade 'mainspring>={refused.engine}'", "schema": "mainspring migrate",
                "backend": "MAINSPRING_URL=postgresql://…", "deployment": "mainspring runner",
            }[name])  # fmt: skip
        return " && ".join(dict.fromkeys(commands))


def _code(value: bool | Length) -> str:
    return str(value) if isinstance(value, Length) else "yes" if value else "no"


def as_json(advice: Advice, files: Sequence[str] | None = None) -> dict[str, Any]:
    """Return an advice for programs: stable names, English texts. ``files`` are those that were written by a scaffold."""
    words = Words(advice, "en")
    versions = advice.versions
    return {
        "kind": None if advice.kind is None else str(advice.kind),
        "sentence": words.sentence(),
        "is_settled": advice.is_settled,
        "reasons": [
            {"question": str(each.question), "answer": _code(each.value), "because": words.reason(each), "is_assumed": not each.because}
            for each in advice.reasons
        ],
        "rejected": [{"kind": str(kind), "because": why} for kind, why in words.rejected()],
        "assumptions": [
            {
                "question": str(each.question),
                "answer": _code(each.value),
                "because": words.assumption(each),
                "otherwise": [str(kind) for kind in each.otherwise],
            }
            for each in advice.assumptions
        ],
        "gates": [{"feature": each.feature, "need": each.need, "have": each.have, "ok": each.ok} for each in advice.gates],
        "refused": _refused(advice, words),
        "fallback": _fallback(advice, words),
        "questions": [
            {
                "question": str(each.question),
                "text": words.say(f"question.{each.question}"),
                "leads": [{"answer": _code(value), "kinds": [str(kind) for kind in kinds]} for value, kinds in each.leads],
                "conflict": list(dict(advice.conflicts).get(each.question, ())),
            }
            for each in advice.questions
        ],
        "checklist": [
            {"name": each.name, "because": why, "suggestion": code}
            for each, (_, why, code) in zip(advice.checklist, words.checklist(), strict=True)
        ],
        "shapes": [{"shape": str(shape), "words": said} for shape, said in advice.specials],
        "versions": {
            "engine": None if versions.engine is None else str(versions.engine),
            "schema": versions.schema,
            "backend": versions.backend,
            "deployment": versions.deployment,
            "sources": {name: source for name in ("engine", "schema", "backend", "deployment") if (source := versions.source(name))},
        },
        "scaffold": None if files is None else {"files": list(files)},
    }


def _refused(advice: Advice, words: Words) -> dict[str, Any] | None:
    refused = advice.refused
    if refused is None:
        return None
    return {
        "feature": refused.name,
        "kind": str(advice.kind),
        "missing": [each.need for each in advice.gates if each.feature == refused.name and each.ok is False],
        "installed": words.installed(),
        "schema": words.schema(),
        "upgrade": words.upgrade(),
    }


def _fallback(advice: Advice, words: Words) -> dict[str, Any] | None:
    if advice.refused is None:
        return None
    return {
        "kind": str(advice.fallback or advice.kind),
        "how": words.say(f"fallback.{advice.refused.name}"),
        "losses": [words.say(f"loss.{each}") for each in advice.losses],
    }


def as_text(advice: Advice, *, bold: Callable[[str], str] = str) -> str:
    """Return an advice for people, in the language of this process."""
    words = Words(advice)
    lines: list[str] = []
    if advice.kind is not None:
        lines += [bold(f"{words.say(f'kind.{advice.kind}')} [{advice.kind}]")]
    lines += [words.sentence()]

    def part(name: str, items: Sequence[str]) -> None:
        if items:
            lines.extend(["", bold(words.say(f"head.{name}")), *(f"  {each}" for each in items)])

    part("reasons", [words.reason(each) for each in advice.reasons])
    part("rejected", [f"{words.say(f'kind.{kind}')}: {why}" for kind, why in words.rejected()])
    part("assumptions", words.assumptions())
    part("questions", [line for number in range(len(advice.questions)) for line in _asked(words, number)])
    part("gates", [words.gate(each) for each in advice.gates if each.ok is not True])
    if advice.refused is not None:
        part("upgrade", [words.upgrade()])
    part("checklist", [": ".join((name, "  # ".join(filter(None, (code, why))))) for name, why, code in words.checklist()])
    return "\n".join(lines)


def _asked(words: Words, number: int) -> list[str]:
    text, leads = words.question(number)
    question = words.advice.questions[number].question
    both = dict(words.advice.conflicts).get(question)
    told = [words.say("question.conflict", words=", ".join(f"“{each}”" for each in both))] if both else []
    return [text, *(f"  {each}" for each in (*told, *leads))]
