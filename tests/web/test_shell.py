"""What every page has: languages, zones, themes, errors, search, static files."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_decimal

from mainspring import Context, task
from mainspring.core.access import User, UserRole
from mainspring.operations.operation import Caller
from mainspring.web.shell import formats
from mainspring.web.shell.assets import HOME, assets
from mainspring.web.shell.prefs import Prefs
from tests.web.pages import Pages, pages, plain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACE = "\N{NO-BREAK SPACE}"


@task(title="Count things", tags=["sums"])
def count(n: int = 1) -> int:
    """Count."""
    return n


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, [count]) as made:
        yield made


@pytest.mark.scenario("U12", part="pages")
def test_the_language_changes_what_is_said_and_not_what_is_stored(site: Pages) -> None:
    site.send("/queues/mail/pause", reason="zu viel")
    stored = [(row["verb"], row["object"]) for row in site.audit()]
    said = {}
    for language, word in (("en", "Paused"), ("de", "Angehalten"), ("pl", "Wstrzymane")):
        page = site.page("/queues", accept_language=f"{language};q=0.9,xx")
        assert f'<html lang="{language}"' in page
        assert word in plain(page)
        said[language] = plain(page)
    assert len(set(said.values())) == 3
    assert [(row["verb"], row["object"]) for row in site.audit()] == stored == [("queues.pause", "queue:mail")]
    chosen = site.page("/queues", accept_language="pl", cookie="mainspring_prefs=language=de")
    assert "Angehalten" in plain(chosen), "a choice wins over the browser"


@pytest.mark.scenario("B-26", part="pseudo-locale")
@pytest.mark.parametrize("path", ["/", "/tasks", "/tasks/count", "/runs", "/schedules", "/services", "/queues", "/queues/default", "/nodes",
                                  "/errors", "/dead", "/events", "/audit", "/settings", "/search"])  # fmt: skip
def test_no_text_of_a_page_has_missed_the_tables(site: Pages, path: str) -> None:
    page = site.page(path, cookie="mainspring_prefs=language=qps")
    body = re.sub(r"<(script|style|svg|code|kbd|pre|option|title)\b.*?</\1>", " ", page, flags=re.DOTALL)
    texts = [each.strip() for each in re.findall(r">([^<>]*[A-Za-z]{3,}[^<>]*)<", body)]
    values = r"Count things|Count\.|count|default|sums|general|medium|expensive|\bint\b"
    known = re.compile(rf"\[|mainspring|{values}|UTC|local|CSV|JSON|Esc|Ctrl|Enter|\d", re.IGNORECASE)
    assert [each for each in texts if not known.search(each)] == []


def test_a_zone_that_does_not_exist_is_refused_and_a_good_one_is_remembered(site: Pages) -> None:
    refused = site.send("/settings/prefs", zone="Europe/Atlantis")
    assert refused.status == 422
    assert "'Europe/Atlantis' is no time zone" in plain(refused.text)
    kept = site.send("/settings/prefs", zone="Europe/Berlin", theme="dark", language="xx")
    assert kept.status == 303
    assert "zone=Europe%2FBerlin" in kept.headers["set-cookie"]
    assert "theme=dark" in kept.headers["set-cookie"]
    assert "language" not in kept.headers["set-cookie"], "what is not known is left out"


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_a_way_back_never_leaves_the_console(site: Pages, back: str) -> None:
    answer = site.send("/settings/prefs", theme="dark", back=back)
    assert answer.headers["location"] in ("/settings", "/\\evil.example".replace("\\", "%5C"))


def test_a_page_that_is_not_there_says_so_in_the_frame_of_the_console(site: Pages) -> None:
    answer = site.get("/nowhere")
    assert answer.status == 404
    assert "There is nothing here." in plain(answer.text)
    assert site.ask("POST", "/audit", sec_fetch_site="same-origin").status == 405


def test_the_search_finds_pages_tasks_and_runs_and_the_palette_asks_the_same(site: Pages) -> None:
    assert "/tasks/count" in site.page("/search?q=sums")
    assert "/settings" in site.page("/search?q=sett")
    assert "Nothing is called that." in plain(site.page("/search?q=zzzz"))

    async def start() -> str:
        return (await site.app.enqueue(count, n=3)).id

    run = site.do(start())
    found = site.page(f"/search?part=1&q={run[-8:]}")
    assert f'data-href="/runs/{run}"' in found
    assert "<html" not in found


def test_static_files_are_kept_for_ever_under_their_digest_and_packed(site: Pages) -> None:
    path = assets().path("app.css")
    answer = site.get(path, accept_encoding="gzip")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert gzip.decompress(answer.body) == (HOME / "app.css").read_bytes()
    old = site.get(path.replace(assets().digest, "0123456789"))
    assert (old.status, old.headers["cache-control"]) == (200, "no-cache")
    for wrong in ("/static/x/../../site.py", "/static/x/%2e%2e/site.py", "/static/x/nothing.js"):
        assert site.get(wrong).status == 404


def test_what_is_vendored_is_what_the_list_says() -> None:
    lines = (HOME / "vendor" / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert {name: hashlib.sha256((HOME / "vendor" / name).read_bytes()).hexdigest() for name in sums} == sums
    assert {each.name for each in (HOME / "vendor").iterdir()} == {*sums, "SHA256SUMS", "README.md"}


LENGTHS = [(None, "–"), (0, "0 ms"), (820, "820 ms"), (1240, "1.24 s"), (12_000, "12.0 s"), (59_999, "1 m 00 s"), (252_000, "4 m 12 s"),
           (11_100_000, "3 h 05 m"), (187_200_000, "2 d 4 h")]  # fmt: skip


@pytest.mark.parametrize(("ms", "text"), LENGTHS)
def test_durations(ms: float | None, text: str) -> None:
    assert formats.duration(ms).replace(SPACE, " ") == text


@pytest.mark.parametrize(("n", "cap", "text"), [(None, None, "–"), (0, None, "0"), (9999, None, "9,999"), (12_345, None, "12.3 k"),
                                                (10_000, 10_000, "10 k+"), (2_000_000, None, "2 M")])  # fmt: skip
def test_counts(n: int | None, cap: int | None, text: str) -> None:
    assert formats.count(n, "en", cap=cap).replace(SPACE, " ") == text


@pytest.mark.parametrize("language", ["en", "de", "pl"])
@pytest.mark.parametrize("n", [7, 999, 1234, 9876, 1_234_567])
def test_whole_numbers_are_grouped_as_the_language_does(language: str, n: int) -> None:
    expected = format_decimal(n, locale=language)
    ours = formats.grouped(n, language)
    assert ours.replace(SPACE, "") == expected.replace(SPACE, "") or (language == "pl" and n < 10_000), "Polish leaves four digits together"


def test_times_are_told_in_the_zone_and_an_hour_that_comes_twice_has_its_offset() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert formats.moment(NOW, berlin) == "2026-03-01 13:00:00"
    assert formats.moment(NOW, berlin, clock="12") == "2026-03-01 01:00:00 PM"
    assert formats.moment(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), berlin) == "2026-10-25 02:30:00 +02:00"
    assert formats.moment(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), berlin) == "2026-10-25 02:30:00 +01:00"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "now"), (12, "12 s ago"), (-240, "in 4 m"), (7200, "2 h ago"), (86400 * 400, "1 y ago")]
)
def test_how_far_away_a_moment_is(seconds: float, text: str) -> None:
    assert formats.ago(NOW - timedelta(seconds=seconds), NOW, "en").replace(SPACE, " ") == text


def test_preferences_take_what_they_know_and_nothing_else() -> None:
    assert Prefs().with_({"theme": "dark", "zone": "Europe/Berlin", "density": "tiny", "nonsense": "1"}) == Prefs(
        theme="dark", zone="Europe/Berlin"
    )


@task
async def greet(ctx: Context) -> str | None:
    """Say in which language it was asked for."""
    return ctx.locale


@pytest.mark.scenario("S0-08", part="the language of who asks")
def test_a_body_knows_the_language_of_the_browser_that_asked(tmp_path: Path) -> None:
    with pages(tmp_path, [greet]) as site:
        site.work()
        site.caller = Caller("ola", "web", User("ola", UserRole.OPERATOR, frozenset({"acme"}), kind="host"), "acme")
        answer = site.ask(
            "POST", "/api/v1/tasks/greet/run?wait=20", {}, accept_language="pl,en;q=0.5", sec_fetch_site="same-origin",
            origin="http://testserver",
        )  # fmt: skip
        assert answer.status == 200, answer.text
        assert answer.json["result"] == "pl"
