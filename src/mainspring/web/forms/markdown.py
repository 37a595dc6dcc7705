"""Descriptions: a small part of Markdown, in which no HTML is possible. Everything is escaped first; what is made of it is made here."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*\*(?=\S)([^\n]+?)(?<=\S)\*\*")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])|(?<![\w_])_(?=[^\s_])([^_\n]+?)(?<=\S)_(?![\w_])")
_LINK = re.compile(r"\[([^\]\n]{1,300})\]\((https?://[^\s()<>\"']{1,1000})\)")
_ITEM = re.compile(r"\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*")
_FENCE = re.compile(r"\s*(```|~~~)")


def render(text: str) -> Markup:
    """Return a description as HTML: paragraphs, lists, headings, code, bold, italic, and links to http(s)."""
    made: list[Markup] = []
    paragraph: list[str] = []
    items: list[str] = []
    kind = "ul"

    def close() -> None:
        if paragraph:
            made.append(Markup("<p>{}</p>").format(_inline(" ".join(paragraph))))
            paragraph.clear()
        if items:
            inner = Markup("").join(Markup("<li>{}</li>").format(_inline(each)) for each in items)
            made.append(Markup("<ul>{}</ul>" if kind == "ul" else "<ol>{}</ol>").format(inner))
            items.clear()

    lines = iter(text.splitlines())
    for line in lines:
        if fence := _FENCE.match(line):
            close()
            block: list[str] = []
            for inside in lines:
                if inside.strip().startswith(fence[1]):
                    break
                block.append(inside)
            made.append(Markup("<pre>{}</pre>").format("\n".join(block)))
        elif not line.strip():
            close()
        elif heading := _HEADING.fullmatch(line.strip()):
            close()
            made.append(Markup("<p><strong>{}</strong></p>").format(_inline(heading[1])))
        elif item := _ITEM.fullmatch(line):
            wanted = "ol" if item[1] else "ul"
            if paragraph or (items and kind != wanted):
                close()
            kind = wanted
            items.append(item[2])
        elif items and line.startswith((" ", "\t")):
            items[-1] += f" {line.strip()}"
        else:
            if items:
                close()
            paragraph.append(line.strip())
    close()
    return Markup("\n").join(made)


def _inline(text: str) -> Markup:
    """Return one line with its marks made; what stands in backticks keeps them."""
    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else _marks(part) for number, part in enumerate(parts)
    )  # fmt: skip


def _marks(text: str) -> Markup:
    parts = _LINK.split(text)
    made: list[Markup] = []
    for number in range(0, len(parts), 3):
        made.append(_emphasis(parts[number]))
        if number + 2 < len(parts):
            made.append(
                Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>').format(parts[number + 2], _emphasis(parts[number + 1]))
            )
    return Markup("").join(made)


def _emphasis(text: str) -> Markup:
    safe = str(escape(text))
    safe = _BOLD.sub(r"<strong>\1</strong>", safe)
    return Markup(_ITALIC.sub(lambda found: f"<em>{found[1] or found[2]}</em>", safe))


def plain(text: str) -> str:
    """Return the first paragraph of a description without its marks, for a line in a list."""
    first = text.strip().partition("\n\n")[0]
    return " ".join(_LINK.sub(r"\1", first).replace("**", "").replace("`", "").split())
