"""Write the console's vendored assets from unpacked npm packages: ``python tools/assets.py FOLDER``, with what ``npm pack`` fetched inside.

Which versions: `VERSIONS`. What is written is committed with its licence and its SHA-256, so that nobody needs this to build or to run.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "src" / "mainspring" / "web" / "static" / "vendor"
VERSIONS = {"htmx.org": "4.0.1", "uplot": "1.6.32", "lucide-static": "1.62.0"}
FILES = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE-htmx"},
    "uplot": {"dist/uPlot.iife.min.js": "uplot.min.js", "dist/uPlot.min.css": "uplot.min.css", "LICENSE": "LICENSE-uplot"},
    "lucide-static": {"LICENSE": "LICENSE-lucide"},
}
ICONS = (
    "activity", "alarm-clock", "archive", "archive-restore", "arrow-down", "arrow-left", "arrow-right", "arrow-up", "ban", "bell",
    "bookmark", "box", "brain", "bug", "calendar", "calendar-clock", "calendar-days", "chart-line", "check", "chevron-down",
    "chevron-left", "chevron-right", "chevrons-down", "circle-alert", "circle-check", "circle-dashed", "circle-help", "circle-play",
    "circle-slash", "circle-stop", "circle-x", "clipboard", "clock", "code", "cog", "copy", "cpu", "database", "download", "ellipsis",
    "external-link", "eye", "file", "file-text", "filter", "flame", "folder", "gauge", "git-branch", "globe", "grip", "hash",
    "heart-pulse", "hourglass", "image", "info", "key", "languages", "layers", "link", "list-checks", "list-tree", "loader-circle",
    "lock", "log-out", "mail", "map", "maximize", "menu", "message-square", "minus", "monitor", "moon", "network", "package",
    "paintbrush", "pause", "pencil", "pin", "play", "plug", "plus", "radio", "refresh-cw", "rocket", "rotate-ccw", "rotate-cw", "save",
    "scroll-text", "search", "send", "server", "settings", "shield", "shopping-cart", "shuffle", "skip-forward", "skull",
    "sliders-horizontal", "square", "square-check", "square-terminal", "star", "sun", "table", "tag", "terminal", "timer", "trash-2",
    "trending-up", "triangle-alert", "truck", "undo-2", "upload", "user", "users", "waves", "workflow", "wrap-text", "wrench", "x", "zap",
)  # fmt: skip


def main(folder: Path) -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    for package, files in FILES.items():
        home = folder / f"{package}-{VERSIONS[package]}"
        for source, target in files.items():
            (VENDOR / target).write_bytes((home / source).read_bytes())
    (VENDOR / "icons.svg").write_text(_sprite(folder / f"lucide-static-{VERSIONS['lucide-static']}" / "icons"))
    (VENDOR / "SHA256SUMS").write_text("".join(f"{_digest(each)}  {each.name}\n" for each in _listed()))
    (VENDOR / "README.md").write_text(_words())


def _sprite(icons: Path) -> str:
    symbols = []
    for name in ICONS:
        text = re.sub(r"<!--.*?-->", "", (icons / f"{name}.svg").read_text(), flags=re.DOTALL)
        body = re.sub(r"\s+", " ", text[text.index(">") + 1 : text.rindex("</svg>")]).replace(" />", "/>").replace("> <", "><").strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>\n"


def _listed() -> list[Path]:
    return [each for each in sorted(VENDOR.iterdir()) if each.name not in ("SHA256SUMS", "README.md")]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _words() -> str:
    rows = "\n".join(
        f"| {package} | {version} | `LICENSE-{package.split('.')[0].split('-')[0]}` |" for package, version in VERSIONS.items()
    )
    return (
        "# Vendored assets\n\nUnchanged files of npm packages, and a sprite of some icons; `tools/assets.py` writes them, `SHA256SUMS` names each."
        f"\n\n| package | version | licence |\n|---|---|---|\n{rows}\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
