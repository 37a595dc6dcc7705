"""Hears whatever a page complains of: a test that looks at pages fails when they do."""

from __future__ import annotations

import re

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError

# CSP reports also go to the console, but not all of them in every version: this one hears each.
TELL = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP ${event.effectiveDirective} refuses ${event.blockedURI} (${event.sourceFile}:${event.lineNumber}) ${event.sample}`);
});
"""
GONE = ("net::ERR_ABORTED",)  # what a page no longer waits for when it is left
LEFT = "WebSocket is closed before the connection is established"  # likewise: its socket


class Watch:
    """Collects complaints; `expect` names those that a test provokes on purpose."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """Let complaints pass that this pattern is found in."""
        self._expected.append(re.compile(pattern))

    async def over(self, context: BrowserContext) -> None:
        """Watch every page of a profile."""
        await context.add_init_script(TELL)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("requestfailed", self._failed)
        page.on("crash", lambda _: self.problems.append("the page crashed"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and LEFT not in message.text:
            place = message.location
            self.problems.append(f"{message.type}: {message.text} ({place.get('url')}:{place.get('lineNumber')})")

    def _error(self, error: WebError) -> None:
        self.problems.append(f"uncaught: {error.error}")

    def _failed(self, request: Request) -> None:
        why = request.failure or ""
        if why not in GONE:
            self.problems.append(f"failed: {request.method} {request.url}: {why}")

    @property
    def unexpected(self) -> list[str]:
        """What nobody has announced."""
        return [each for each in self.problems if not any(pattern.search(each) for pattern in self._expected)]

    def judge(self) -> None:
        """Fail when pages have complained of what was not expected."""
        if found := self.unexpected:
            raise AssertionError("the page complained:\n" + "\n".join(found))
