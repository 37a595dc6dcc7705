"""What a report looks like in each of its forms; and that code which somebody checks speaks to nobody but its reader."""

from __future__ import annotations

import hashlib
import json
import os
import re
import string
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from mainspring.advisor.catalogue import RULES
from mainspring.advisor.finding import Edit, Evidence, Finding, Judged, Justification, Kind, Place, Role, Severity, Status
from mainspring.advisor.output import FORMATS, github, markdown, text, write
from mainspring.advisor.output import json as json_form
from mainspring.advisor.output.plain import plain
from mainspring.advisor.report import Accepted, Report, Unscanned
from mainspring.i18n import speak
from mainspring.i18n.tables import PACKAGES, TAGS, read, text_of

SARIF = Path(__file__).parents[1] / "vendor" / "sarif-schema-2.1.0-rtm.5" / "sarif-2.1.0-rtm.5.json"
# A title for the terminal, a bell, C1, text that runs backwards, a build command in both forms, tags, a mention, a picture, ends of spans.
HOSTILE = (
    "x\x1b]0;owned\x07\x9b2J\u202eevil\n::error file=a::boom\r\n##[error]boom ]]></failure> <img src=x onerror=alert(1)> &amp; "
    '@everyone ![a](http://b) `c` | "d" \' %0A {0} \x00\u2028\ufeff'
)


def values_of(code: str, value: str, variant: str = "") -> tuple[tuple[str, str], ...]:
    """Return a value for whatever the texts of a rule are filled in with."""
    keys = [f"check.{code}{'.' + variant if variant else ''}", f"check.{code}.why", f"check.{code}.fix"]
    found = [string.Formatter().parse(text_of(PACKAGES["check"], key, "en")) for key in keys]
    return tuple((name, value) for name in sorted({name for each in found for _, name, _, _ in each if name}))


def finding(
    code: str = "MS104", path: str = "app/views.py", line: int = 12, *, severity: Severity = Severity.ERROR,
    kind: Kind | None = Kind.ADHOC, value: str = "export", **more: Any,
) -> Finding:  # fmt: skip
    place = Place(line, 5, line, 40)
    given: dict[str, Any] = {"function": "export_view", "statement": "tasks.add_task(export, user.id)", "values": values_of(code, value)}
    return Finding(code, path, place, severity, kind, Role.HANDLER, **(given | more))


def judged(found: Finding, status: Status = Status.OPEN, justification: Justification | None = None) -> Judged:
    print_ = hashlib.sha256(f"{found.code}{found.path}{found.place.line}".encode("utf-8", "replace")).hexdigest()[:16]
    return Judged(found, status, print_, justification)


def report(*found: Judged, **more: Any) -> Report:
    settings: dict[str, Any] = {"accepted": (), "files": 7, "unscanned": (), "seconds": 0.25, "codes": tuple(RULES), "version": "0.1.0"}
    return Report(found, **(settings | more))


ALLOWED = Justification("sub-second", "one counter in memory, losing it is harmless", "", "app/metrics.py", 3)
FULL = report(
    judged(finding(
        alternatives=(Kind.WORKFLOW,), evidence=(Evidence("app/mail.py", 40, "httpx.post(url)"),),
        edits=(Edit(Place(12, 5, 12, 40), "await export.enqueue(user.id)"), Edit(Place(1, 1, 1, 1), "import x\n", "app/tasks.py")),
    )),
    judged(finding("MS202", "app/main.py", 3, severity=Severity.WARNING, kind=Kind.CRON, is_approximate=True)),
    judged(finding("MS101", "app/metrics.py", 4), Status.SUPPRESSED, ALLOWED),
    judged(finding("MS102", "app/old.py", 9), Status.RATCHETED),
    accepted=(Accepted(ALLOWED, ("MS101",), (finding("MS101", "app/metrics.py", 4),)),),
    unscanned=(Unscanned("app/new.py", 2, "invalid syntax"),),
)  # fmt: skip


def sarif_of(given: Report) -> dict[str, Any]:
    """Return the SARIF log of a report, after the schema of the standard has agreed."""
    schema = SARIF.read_bytes()
    wanted = SARIF.with_name(SARIF.name + ".sha256").read_text().split()[0]
    assert hashlib.sha256(schema).hexdigest() == wanted, "the vendored schema is not the one that was vendored"
    log: dict[str, Any] = json.loads(write(given, "sarif"))
    jsonschema.Draft4Validator(json.loads(schema), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER).validate(log)
    return log


def json_of(given: Report) -> dict[str, Any]:
    """Return the JSON of a report, after our own schema has agreed."""
    schema = json.loads(files("mainspring.advisor.output").joinpath("report.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    whole: dict[str, Any] = json.loads(write(given, "json"))
    jsonschema.Draft202012Validator(schema).validate(whole)
    return whole


def test_every_rule_has_its_words_in_every_language() -> None:
    for code in RULES:
        for part in ("", ".why", ".fix"):
            assert all(text_of(PACKAGES["check"], f"check.{code}{part}", tag) for tag in TAGS), code


def test_every_text_of_the_checker_is_there_in_three_languages_with_the_same_values() -> None:
    for key, texts in read(PACKAGES["check"]).items():
        assert len(texts) == len(TAGS) and all(texts), key
        assert len({frozenset(name for _, name, _, _ in string.Formatter().parse(each) if name) for each in texts}) == 1, key


# -- text


def test_text_tells_place_kind_statement_evidence_why_remedy_and_how_to_justify() -> None:
    lines = write(FULL, "text").splitlines()
    assert lines[0].startswith("app/views.py:12:5: MS104 [adhoc] ")
    assert "    tasks.add_task(export, user.id)" in lines
    assert "    app/mail.py:40: httpx.post(url)" in lines
    assert any(line.startswith("    why: ") for line in lines)
    assert any(line.startswith("    do this: ") for line in lines)
    assert "    or justify: # mainspring: allow[MS104] GROUND -- REASON" in lines
    assert "    or perhaps: multi-step [workflow]" in lines
    assert any(line.startswith("app/main.py:3:5: MS202 [cron] warning: ") and "(approximate" in line for line in lines)


def test_text_ends_with_a_summary_by_kind_with_exceptions_and_files_that_nobody_could_read() -> None:
    told = write(FULL, "text")
    assert "1 error, 1 warning, 0 notices in 7 files (0.25 s)" in told
    assert "Better as: on demand 1, schedule 1" in told
    assert "1 justified exception: mainspring check --justifications lists them" in told
    assert "1 older finding is in the ratchet file" in told
    assert "Not scanned: 1 file, about which nothing is known" in told and "    app/new.py:2: invalid syntax" in told
    assert "--fix would mend 1 finding" in told
    assert "app/metrics.py" not in told and "app/old.py" not in told, "what does not count is no finding"


def test_text_says_the_same_why_once() -> None:
    told = write(report(judged(finding()), judged(finding(line=20)), judged(finding("MS101", line=30))), "text")
    assert told.count("allow[MS104]") == 1 and told.count("allow[MS101]") == 1
    assert len(re.findall(r"^app/views\.py:(?:12|20|30):5: ", told, re.MULTILINE)) == 3


def test_text_of_a_clean_run_is_a_line() -> None:
    assert write(report(), "text") == "Nothing found in 7 files (0.25 s)\n"


def test_text_is_coloured_only_where_it_is_asked_for_and_wraps_without_losing_a_word() -> None:
    assert "\x1b" not in text.write(FULL)
    coloured, narrow = text.write(FULL, is_colour=True), text.write(FULL, columns=60)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text.write(FULL)
    assert "".join(narrow.split()) == "".join(text.write(FULL).split())
    below = [line for line in narrow.splitlines() if line.startswith("    ") and "allow[" not in line]
    assert max(map(len, below)) <= 60


@pytest.mark.parametrize(("language", "word"), [("de", "besser so: "), ("pl", "co zrobić: ")])
def test_text_speaks_the_language_of_the_terminal(language: str, word: str) -> None:
    speak(language)
    try:
        assert word in text.write(FULL)
    finally:
        speak("en")


def test_justifications_are_listed_with_place_ground_and_reason() -> None:
    told = text.write_justifications(FULL)
    assert told.splitlines() == [
        "app/metrics.py:3: MS101 sub-second (covers 1 finding)",
        "    one counter in memory, losing it is harmless",
        "1 justified exception",
    ]


def test_what_a_library_does_is_told_without_a_line_that_nobody_could_open() -> None:
    found = report(judged(finding(evidence=(Evidence("", 0, "redis.asyncio.Redis.pipeline"), Evidence("a.py", 3, "x()")))))
    assert "\n    redis.asyncio.Redis.pipeline\n    a.py:3: x()\n" in write(found, "text")
    assert json_of(found)["findings"][0]["evidence"] == [{"file": "a.py", "line": 3, "text": "x()"}]
    assert len(sarif_of(found)["runs"][0]["results"][0]["relatedLocations"]) == 1


def test_a_nested_function_is_called_by_its_own_name() -> None:
    told = write(report(judged(finding(value="shop.views.export.<locals>.later"))), "text")
    assert "later" in told and "<locals>" not in told


# -- forms for machines


@pytest.mark.scenario("G-30", part="json")
def test_json_has_stable_names_that_its_schema_describes() -> None:
    whole = json_of(FULL)
    first = whole["findings"][0]
    assert list(first) == [
        "file", "line", "column", "end_line", "rule", "name", "severity", "kind", "alternatives", "context", "message", "why", "fix",
        "evidence", "status", "justification", "fingerprint", "approximate",
    ]  # fmt: skip
    assert (first["file"], first["line"], first["rule"], first["kind"]) == ("app/views.py", 12, "MS104", "adhoc")
    assert first["fix"]["edits"][1] == {
        "file": "app/tasks.py", "line": 1, "column": 1, "end_line": 1, "end_column": 1, "text": "import x\n",
    }  # fmt: skip
    assert [each["status"] for each in whole["findings"]] == ["open", "open", "suppressed", "ratcheted"]
    assert whole["findings"][2]["justification"] == {"ground": "sub-second", "reason": ALLOWED.reason, "until": None}
    assert whole["summary"]["by_kind"] == {"adhoc": 1, "cron": 1} and whole["exit_code"] == 1
    json_of(report())


def test_machines_read_english_whatever_the_terminal_speaks() -> None:
    before = {form: write(FULL, form) for form in FORMATS if form != "text"}
    speak("pl")
    try:
        assert {form: write(FULL, form) for form in before} == before
    finally:
        speak("en")


def test_json_lines_are_the_findings_of_the_json_form_and_nothing_for_none() -> None:
    assert [json.loads(line) for line in write(FULL, "jsonl").splitlines()] == json_of(FULL)["findings"]
    assert write(report(), "jsonl") == ""


@pytest.mark.scenario("G-30", part="sarif")
def test_sarif_fits_the_standard_and_declares_every_rule_also_on_a_clean_run() -> None:
    for given in (FULL, report()):
        driver = sarif_of(given)["runs"][0]["tool"]["driver"]
        assert [rule["id"] for rule in driver["rules"]] == list(RULES)
        assert [rule["defaultConfiguration"]["level"] for rule in driver["rules"]] == [
            {"error": "error", "warning": "warning", "notice": "note"}[rule.severity] for rule in RULES.values()
        ]
    assert sarif_of(report())["runs"][0]["results"] == []


@pytest.mark.scenario("G-30", part="sarif")
def test_sarif_leaves_out_what_does_not_count_unless_it_is_asked_for() -> None:
    run = sarif_of(FULL)["runs"][0]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [("MS104", "error"), ("MS202", "warning")]
    assert all(run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    assert all(each["partialFingerprints"]["mainspring/v1"] for each in run["results"])
    artifact = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "app/views.py", "uriBaseId": "%SRCROOT%"}
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "invalid syntax"
    told = sarif_of(report(*FULL.judged, with_suppressed=True))["runs"][0]["results"]
    assert [each.get("suppressions", [{}])[0].get("kind") for each in told] == [None, None, "inSource", "external"]
    assert told[2]["suppressions"][0]["justification"] == f"sub-second: {ALLOWED.reason}"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a b/ü#?.py", {"uri": "a%20b/%C3%BC%23%3F.py", "uriBaseId": "%SRCROOT%"}),
        ("c:d.py", {"uri": "c%3Ad.py", "uriBaseId": "%SRCROOT%"}),
        ("/srv/a.py", {"uri": "file:///srv/a.py"}),
        ("bad\udcff.py", {"uri": "bad%FF.py", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_sarif_writes_paths_as_uris(path: str, wanted: dict[str, str]) -> None:
    run = sarif_of(report(judged(finding(path=path))))["runs"][0]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == wanted


@pytest.mark.scenario("G-30", part="github")
def test_github_prints_ten_errors_and_ten_warnings_at_most_errors_and_changed_lines_first() -> None:
    warnings = [judged(finding("MS202", "a.py", line, severity=Severity.WARNING)) for line in range(1, 15)]
    errors = [judged(finding("MS104", "b.py", line)) for line in range(1, 15)]
    lines = write(report(*warnings, *errors, changed=frozenset({("b.py", 14), ("a.py", 13)})), "github").splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert [line.split(" ")[0] for line in commands] == ["::error"] * 10 + ["::warning"] * 10
    assert "file=b.py,line=14," in commands[0] and "file=a.py,line=13," in commands[10]
    assert lines[20] == "8 more, which GitHub would not show beside the code:" and len(lines) == 20 + 1 + 8 + 1
    assert lines[-1] == "mainspring check: 14 errors, 14 warnings, 0 notices in 7 files"
    assert write(report(), "github") == "mainspring check: 0 errors, 0 warnings, 0 notices in 7 files\n"


def test_github_escapes_properties_and_data() -> None:
    line = write(report(judged(finding(path="a,b:c%.py"))), "github").splitlines()[0]
    assert line.startswith("::error file=a%2Cb%3Ac%25.py,line=12,endLine=12,col=5,title=MS104 after-response-work,endColumn=40::[adhoc] ")
    assert "%0A" in line.partition("::[adhoc]")[2]


def test_gitlab_gives_each_issue_a_fingerprint_of_its_own() -> None:
    same = judged(finding())
    issues = json.loads(write(report(same, same, *FULL.judged[1:]), "gitlab"))
    assert len({each["fingerprint"] for each in issues}) == len(issues) == 3
    assert [each["severity"] for each in issues] == ["critical", "critical", "major"]
    assert issues[0]["location"] == {"path": "app/views.py", "lines": {"begin": 12, "end": 12}}
    assert write(report(), "gitlab") == "[]\n"


def test_junit_counts_failures_and_skips_and_passes_a_clean_run() -> None:
    suite = ElementTree.fromstring(write(FULL, "junit"))[0]
    assert {name: suite.attrib[name] for name in ("tests", "failures", "skipped")} == {"tests": "4", "failures": "2", "skipped": "2"}
    assert [case[0].tag for case in suite] == ["failure", "failure", "skipped", "skipped"]
    notice = ElementTree.fromstring(write(report(judged(finding("MS506", severity=Severity.NOTICE, kind=Kind.CRON))), "junit"))[0]
    assert notice.attrib["failures"] == "0" and notice[0][0].tag == "system-out"
    clean = ElementTree.fromstring(write(report(), "junit"))[0]
    assert clean.attrib["tests"] == "1" and len(clean[0]) == 0


def test_markdown_is_a_comment_with_a_mark_a_table_and_what_to_do() -> None:
    told = write(FULL, "markdown")
    assert told.startswith(markdown.MARK + "\n\n### mainspring check: 1 error, 1 warning\n")
    assert "| ❌ | `app/views.py:12` | MS104 after-response-work | on demand | " in told
    assert "`# mainspring: allow[MS104] GROUND -- REASON`" in told
    assert "1 justified exceptions hold." in told and "**not scanned**: `app/new.py`" in told
    many = write(report(*(judged(finding(line=line)) for line in range(1, 400))), "markdown")
    assert "… and 349 more." in many and len(many) < 65_536
    assert github.summary(FULL) == told


# -- hostile code


def hostile() -> Report:
    """Return a report in which everything that comes from outside is out to get somebody."""
    found = [
        finding(
            code, f"app/{HOSTILE}\udcff.py", value=HOSTILE, function=HOSTILE, statement=HOSTILE,
            evidence=(Evidence(HOSTILE, 1, HOSTILE),), edits=(Edit(Place(1, 1, 1, 1), HOSTILE, HOSTILE),),
        )
        for code in ("MS101", "MS102", "MS104", "MS201", "MS301")
    ]  # fmt: skip
    given = Justification("sub-second", HOSTILE, "", HOSTILE, 3)
    return report(
        *(judged(each) for each in found), judged(found[0], Status.SUPPRESSED, given),
        *(judged(finding(line=line, value=HOSTILE)) for line in range(1, 12)),
        accepted=(Accepted(given, ("MS101",), (found[0],)),), unscanned=(Unscanned(HOSTILE, 1, HOSTILE),), with_suppressed=True,
    )  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_no_form_lets_code_speak_to_a_terminal(form: str) -> None:
    told = write(hostile(), form)
    told.encode()  # no half of a surrogate pair is left
    assert plain(told.replace("\n", "")) == told.replace("\n", "")
    assert plain(text.write_justifications(hostile()).replace("\n", "")).count("\\x1b") == 2


def test_hostile_code_breaks_no_form() -> None:
    json_of(hostile())
    sarif_of(hostile())
    assert all(json.loads(line) for line in write(hostile(), "jsonl").splitlines())
    assert json.loads(write(hostile(), "gitlab"))
    assert {case.tag for case in ElementTree.fromstring(write(hostile(), "junit"))[0]} == {"testcase"}


def test_hostile_code_gives_github_no_command() -> None:
    lines = write(hostile(), "github").splitlines()
    assert sum(line.startswith("::") for line in lines) == 10
    for line in lines:
        assert re.match(r"::error file=[^:]*::\[adhoc\] |::error file=[^:]*::\[cron\] |- |mainspring check: |\d+ more", line), line
        assert line.startswith("::") or "##[" not in line


def test_hostile_code_is_no_markup() -> None:
    told = write(hostile(), "markdown")
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", re.sub(r"\\.", "", told))
    assert "<img" not in outside and "](http" not in outside and "@everyone" not in outside
    rows = [line for line in told.splitlines() if line.startswith("| ❌")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_an_unknown_form_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="there is no form 'xml': there are text, json"):
        write(FULL, "xml")


def test_the_forms_that_json_shares_describe_a_finding_alike() -> None:
    assert json_form.describe(FULL.judged[0]) == json_of(FULL)["findings"][0]


def test_a_report_goes_into_a_pipe_and_through_a_link_and_takes_the_place_of_neither(tmp_path: Path) -> None:
    pipe, link, real = tmp_path / "pipe", tmp_path / "link", tmp_path / "real"
    (tmp_path / "plain.py").write_text("x = 1\n")
    os.mkfifo(pipe)
    link.symlink_to(real)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for target in (pipe, link):
            command = [sys.executable, "-m", "mainspring", "check", "--no-cache", "-f", "json", "-o", str(target), "plain.py"]
            assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
        assert json.loads(os.read(reader, 65_536))["files"] == 1
    finally:
        os.close(reader)
    assert pipe.is_fifo() and link.is_symlink() and json.loads(real.read_text())["files"] == 1
