"""axe-core, from a pinned copy: what it finds on a page, in words that say where."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

FOLDER = Path(__file__).parents[1] / "vendor" / "axe-core-4.14.1"
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
RUN = """async ([tags, off]) => {
  const rules = Object.fromEntries(off.map((name) => [name, { enabled: false }]));
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"], rules });
  return found.violations.map((each) => ({
    id: each.id, help: each.help, nodes: each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + " | " + node.failureSummary),
    n: each.nodes.length,
  }));
}"""


@cache
def source() -> str:
    """Return the library, after a look at its sum."""
    text = (FOLDER / "axe.min.js").read_bytes()
    wanted = (FOLDER / "axe.min.js.sha256").read_text("ascii").split()[0]
    assert hashlib.sha256(text).hexdigest() == wanted, "the vendored axe-core is not the one that was vendored"
    return text.decode()


async def findings(page: Page, *, off: tuple[str, ...] = ()) -> list[str]:
    """Return what axe finds wrong on a page as it is now; ``off`` names rules that are not asked."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(source())  # the page's policy forbids script elements, not what the debugger evaluates
    found: list[dict[str, Any]] = await page.evaluate(RUN, [list(STANDARDS), list(off)])
    return [f"{each['id']} ({each['n']}): {each['help']}\n    " + "\n    ".join(each["nodes"]) for each in found]
