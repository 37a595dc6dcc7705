"""What `mainspring rules` says of each file."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "rules.new": ("{path}: not there", "{path}: fehlt", "{path}: brak"),
    "rules.fresh": ("{path}: fresh", "{path}: aktuell", "{path}: aktualny"),
    "rules.stale": ("{path}: stale", "{path}: veraltet", "{path}: nieaktualny"),
    "rules.edited": (
        "{path}: edited by somebody, left alone", "{path}: von jemandem bearbeitet, bleibt, wie es ist", "{path}: ktoś zmienił, pozostaje bez zmian",
    ),
    "rules.edited-stale": (
        "{path}: edited by somebody and made for other versions, left alone: delete the part between the marks to have it written anew",
        "{path}: von jemandem bearbeitet und für andere Versionen gemacht, bleibt, wie es ist: den Teil zwischen den Marken löschen, dann wird er neu geschrieben",
        "{path}: ktoś zmienił, a powstał dla innych wersji; pozostaje bez zmian: usunąć część między znacznikami, a zostanie napisana na nowo",
    ),
    "rules.written": ("{path}: written", "{path}: geschrieben", "{path}: zapisano"),
    "rules.would-write": ("{path}: would be written", "{path}: würde geschrieben", "{path}: zostałby zapisany"),
    "rules.needs-yes": (
        "{path}: not written, it was there before: add --yes", "{path}: nicht geschrieben, es gab sie schon: --yes angeben", "{path}: nie zapisano, już istniał: dodać --yes",
    ),
    "rules.sure": ("Change {path}?", "{path} ändern?", "Zmienić {path}?"),
    "rules.none": (
        "No rules are installed here: mainspring rules install", "Hier sind keine Regeln installiert: mainspring rules install", "Nie zainstalowano tu reguł: mainspring rules install",
    ),
}  # fmt: skip
