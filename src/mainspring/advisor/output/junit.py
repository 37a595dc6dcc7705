"""JUnit XML, which every build system shows: a case for each finding, and one that passes for each clean run."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from mainspring.advisor.finding import Judged, Status
from mainspring.advisor.output.plain import plain
from mainspring.advisor.output.words import rule_name, words_of
from mainspring.advisor.report import Report


def write(report: Report) -> str:
    """Return one suite: what fails the build is a failure, what is only a notice passes, what is justified is skipped."""
    failing = {id(each) for each in report.failing}
    cases = [_case(each, id(each) in failing) for each in report.judged]
    if not cases:
        cases = [f'  <testcase classname="mainspring.check" name={_attribute(f"{report.files} files")} time="0"/>']
    skipped = sum(1 for each in report.judged if each.status is not Status.OPEN)
    head = (
        f'<testsuite name="mainspring check" tests="{len(cases)}" failures="{len(failing)}" errors="0" '
        f'skipped="{skipped}" time="{report.seconds:.3f}">'
    )
    return (
        "\n".join(['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", f" {head}", *cases, " </testsuite>", "</testsuites>"]) + "\n"
    )


def _case(judged: Judged, is_failure: bool) -> str:
    finding, words = judged.finding, words_of(judged.finding)
    at = f"{finding.path}:{finding.place.line}:{finding.place.column}"
    opening = (
        f"  <testcase classname={_attribute(finding.path)} name={_attribute(f'{finding.code} {rule_name(finding.code)} {at}')} "
        f'file={_attribute(finding.path)} line={_attribute(str(finding.place.line))} time="0"'
    )
    told = _text("\n".join(filter(None, (at, finding.statement, words.why, words.fix))))
    if judged.status is not Status.OPEN:
        reason = str(judged.status) if judged.justification is None else f"{judged.justification.ground}: {judged.justification.reason}"
        return f"{opening}><skipped message={_attribute(reason)}/></testcase>"
    if not is_failure:
        return f"{opening}><system-out>{_text(words.message)}\n{told}</system-out></testcase>"
    return f"{opening}><failure type={_attribute(str(finding.severity))} message={_attribute(words.message)}>{told}</failure></testcase>"


def _text(text: str) -> str:
    return escape("\n".join(plain(line) for line in text.split("\n")))


def _attribute(text: str) -> str:
    return quoteattr(plain(text))
