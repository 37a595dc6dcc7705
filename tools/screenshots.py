"""Take the pictures of README and docs: real pages over the data of the browser tests. It writes docs/images."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, ViewportSize, async_playwright  # noqa: E402

from tests.browser.places import PLACES, run  # noqa: E402
from tests.browser.seed import fill  # noqa: E402
from tests.browser.stand import Stand, open_stand  # noqa: E402

IMAGES = ROOT / "docs" / "images"
MOST = 150_000  # bytes of one picture
WIDE, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=760)
PICTURES = {
    "overview": ("/?window=6h", WIDE, "light"),
    "overview-dark": ("/?window=6h", WIDE, "dark"),
    "tasks": ("/tasks", WIDE, "light"),
    "form": ("/tasks/widgets", WIDE, "light"),
    "runs": ("/runs", ViewportSize(width=1280, height=720), "light"),
    "run": (run("?tab=output", task="chatters"), WIDE, "dark"),
    "schedules": ("/schedules", WIDE, "light"),
    "errors": ("/errors", WIDE, "light"),
    "run-phone": (run("", task="ticks"), PHONE, "light"),
}


async def take(browser: Browser, stand: Stand, folder: Path, name: str, path: str, size: ViewportSize, scheme: str) -> Path:
    """Take one picture."""
    context = await browser.new_context(
        viewport=size, color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce", locale="en-GB"
    )
    page = await context.new_page()
    await page.goto(stand.url(path), wait_until="load")
    await page.evaluate("() => document.fonts.ready")
    file = folder / f"{name}.png"
    await page.screenshot(path=file)
    await context.close()
    return file


async def main(names: list[str]) -> int:
    """Take all pictures, or those that are named; with ``--all`` every page in every look, into a folder for eyes."""
    chromium = subprocess.run(["sh", str(ROOT / "tools" / "chromium.sh")], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.db"
        await asyncio.to_thread(fill, seed)
        stand = await open_stand(f"sqlite:///{folder}/stand.db", seed=seed)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            if names[:1] == ["--all"]:
                target = Path(names[1])
                target.mkdir(parents=True, exist_ok=True)
                for place in PLACES:
                    for scheme, size in (("light", WIDE), ("dark", WIDE), ("light", PHONE)):
                        look = f"{place.name.replace(', ', '-').replace(' ', '-')}-{scheme}-{size['width']}"
                        await take(browser, stand, target, look, await place.on(stand), size, scheme)
            else:
                IMAGES.mkdir(parents=True, exist_ok=True)
                for name, (path, size, scheme) in PICTURES.items():
                    if names and name not in names:
                        continue
                    where = path if isinstance(path, str) else await path(stand)
                    file = await take(browser, stand, IMAGES, name, where, size, scheme)
                    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")
                    if file.stat().st_size > MOST:
                        print(f"  that is more than {MOST / 1000:.0f} kB")
            await browser.close()
        await stand.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1:])))
