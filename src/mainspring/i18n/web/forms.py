"""Words of forms: controls, their bounds, rows, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str, str]] = {
    "web.forms.problem": ("There is a problem", "Etwas stimmt nicht", "Coś jest nie tak"),
    "web.forms.error-title": ("Error: {title}", "Fehler: {title}", "Błąd: {title}"),
    "web.forms.required": ("required", "erforderlich", "wymagane"),
    "web.forms.none": ("No value", "Kein Wert", "Brak wartości"),
    "web.forms.default": ("The default", "Die Vorgabe", "Wartość domyślna"),
    "web.forms.empty": ("An empty text, not the default", "Ein leerer Text, nicht die Vorgabe", "Pusty tekst zamiast wartości domyślnej"),
    "web.forms.choose": ("Choose…", "Auswählen…", "Wybierz…"),
    "web.forms.filter": ("Type to filter", "Zum Filtern tippen", "Pisz, aby filtrować"),
    "web.forms.true": ("Yes", "Ja", "Tak"),
    "web.forms.false": ("No", "Nein", "Nie"),
    "web.forms.add": ("Add", "Hinzufügen", "Dodaj"),
    "web.forms.remove": ("Remove", "Entfernen", "Usuń"),
    "web.forms.up": ("Move up", "Nach oben", "W górę"),
    "web.forms.down": ("Move down", "Nach unten", "W dół"),
    "web.forms.item": ("{label} {n}", "{label} {n}", "{label} {n}"),
    "web.forms.key": ("Name", "Name", "Nazwa"),
    "web.forms.value": ("Value", "Wert", "Wartość"),
    "web.forms.drop": ("Leave it out", "Weglassen", "Pomiń"),
    "web.forms.drop-here": ("This file is too large", "Diese Datei ist zu groß", "Ten plik jest za duży"),
    "web.forms.zone-of": ("Time zone of {label}", "Zeitzone von {label}", "Strefa czasowa: {label}"),
    "web.forms.no-zone": ("without a zone", "ohne Zeitzone", "bez strefy"),
    "web.forms.between": ("{low} to {high}.", "{low} bis {high}.", "Od {low} do {high}."),
    "web.forms.least": ("At least {n}.", "Mindestens {n}.", "Co najmniej {n}."),
    "web.forms.most": ("At most {n}.", "Höchstens {n}.", "Co najwyżej {n}."),
    "web.forms.more": ("More than {n}.", "Mehr als {n}.", "Więcej niż {n}."),
    "web.forms.less": ("Less than {n}.", "Weniger als {n}.", "Mniej niż {n}."),
    "web.forms.multiple": ("A multiple of {n}.", "Ein Vielfaches von {n}.", "Wielokrotność {n}."),
    "web.forms.min-length": ("At least {n} characters.", "Mindestens {n} Zeichen.", "Co najmniej {n:znak|znaki|znaków}."),
    "web.forms.max-length": ("At most {n} characters.", "Höchstens {n} Zeichen.", "Co najwyżej {n:znak|znaki|znaków}."),
    "web.forms.pattern": ("Like", "Wie", "Jak"),
    "web.forms.min-items": ("At least {n}.", "Mindestens {n}.", "Co najmniej {n}."),
    "web.forms.max-items": ("At most {n}.", "Höchstens {n}.", "Co najwyżej {n}."),
    "web.forms.max-size": ("At most {size}.", "Höchstens {size}.", "Najwyżej {size}."),
    "web.forms.duration": ("As 90s, 5m or 1h 30m.", "Etwa 90s, 5m oder 1h 30m.", "Na przykład 90s, 5m lub 1h 30m."),
}
