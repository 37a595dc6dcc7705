"""What the checker itself says: of its ratchet, of what it passes by, and how far it is."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.link": (
        "Not followed: {path}, a link to a folder elsewhere",
        "Nicht verfolgt: {path}, ein Verweis auf einen Ordner anderswo",
        "Pominięto {path}: dowiązanie do folderu w innym miejscu",
    ),
    "check.progress": ("{n:file|files} read", "{n:Datei|Dateien} gelesen", "odczytano {n:plik|pliki|plików}"),
    "check.ratchet.expired": (
        "The ratchet has forgiven {n:finding|findings} long enough: the time is over",
        "Die Ratsche hat {n:Fund|Funde} lange genug verziehen: die Zeit ist um",
        "Zapadka wybaczała już dość długo {n:znalezisko|znaleziska|znalezisk}: czas minął",
    ),
    "check.ratchet.stale": (
        "{n:entry|entries} of the ratchet file found nothing: --update-ratchet drops them",
        "{n:Eintrag|Einträge} der Ratschen-Datei ohne Fund: --update-ratchet entfernt sie",
        "{n:wpis|wpisy|wpisów} pliku zapadki bez znaleziska: --update-ratchet je usunie",
    ),
    "check.fix.none": (
        "--fix has nothing to change here: it rewrites a spawn once its target is a @task, and removes exceptions for nothing",
        "--fix hat hier nichts zu ändern: ein Aufruf wird umgeschrieben, sobald sein Ziel ein @task ist, und Ausnahmen für nichts fallen weg",
        "--fix nie ma tu nic do zmiany: przepisuje wywołanie, gdy jego cel jest już @task, i usuwa zbędne wyjątki",
    ),
    "check.ratchet.written": (
        "{file} forgives {n:finding|findings}; from now on only new ones count",
        "{file} verzeiht {n:Fund|Funde}; von jetzt an zählen nur neue",
        "{file} wybacza {n:znalezisko|znaleziska|znalezisk}; od teraz liczą się tylko nowe",
    ),
}
