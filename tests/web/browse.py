"""A browser without scripts, as far as forms go: reads a page's form, and knows what would be sent (HTML, 4.10.21)."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_UNNAMED = {"submit", "button", "reset", "image", "file"}


@dataclass
class Control:
    """One control: its name, its value, and what is true of it."""

    tag: str
    attributes: dict[str, str]
    value: str = ""
    options: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")


class Form(HTMLParser):
    """The form ``#form`` of a page; also every element with an id, with its attributes and what is written in it."""

    def __init__(self, html: str, id_: str = "form") -> None:
        super().__init__(convert_charrefs=True)
        self.controls: list[Control] = []
        self.ids: dict[str, dict[str, str]] = {}
        self.text: list[str] = []
        self._wanted, self._is_in, self._template = id_, False, 0
        self._area: Control | None = None
        self._select: Control | None = None
        self._option: list[str] | None = None
        self.action, self.kind = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._template += 1
        if self._template:
            return
        if "id" in given:
            assert given["id"] not in self.ids, f"two elements are called {given['id']}"
            self.ids[given["id"]] = {**given, "": tag}
        if tag == "form":
            self._is_in = given.get("id") == self._wanted
            if self._is_in:
                self.action, self.kind = given["action"], given.get("enctype", "")
        if not self._is_in:
            return
        if tag == "textarea":
            self._area = Control(tag, given)
            self.controls.append(self._area)
        elif tag == "select":
            self._select = Control(tag, given)
            self.controls.append(self._select)
        elif tag == "option" and self._select is not None:
            self._select.options.append((given.get("value", "\0"), "selected" in given))
        elif tag in ("input", "button"):
            value = given.get("value", "on" if given.get("type") in ("checkbox", "radio") else "")
            self.controls.append(Control(tag, given, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._template -= 1
        elif tag == "form":
            self._is_in = False
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._template:
            return
        self.text.append(data)
        if self._area is not None:
            self._area.value += data if self._area.value or not data.startswith("\n") else data[1:]
        if self._select is not None and self._select.options and self._select.options[-1][0] == "\0":
            self._select.options[-1] = (data, self._select.options[-1][1])

    def sent(self, button: str | None = None, **changed: str) -> list[tuple[str, str]]:
        """Return what would be sent: names and values, line ends as in every form; ``button`` is the one that is pressed."""
        found: list[tuple[str, str]] = []
        for each in self.controls:
            if not each.name or "disabled" in each.attributes:
                continue
            kind = each.attributes.get("type", "submit" if each.tag == "button" else "text")
            if each.tag == "button" or kind in _UNNAMED:
                if each.name == button:
                    found.append((each.name, each.value))
                continue
            if kind in ("checkbox", "radio") and "checked" not in each.attributes:
                continue
            value = each.value
            if each.tag == "select":
                value = next((value for value, is_chosen in each.options if is_chosen), each.options[0][0] if each.options else "")
            elif each.tag == "input" and kind not in ("hidden", "checkbox", "radio"):
                value = value.replace("\r", "").replace("\n", "")
            found.append((each.name, value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")))
        named = dict(changed)
        return [(name, named.pop(name, value)) for name, value in found] + list(named.items())

    def names(self) -> set[str]:
        """Return the names of everything that is not a button."""
        return {each.name for each in self.controls if each.tag != "button" and each.name}
