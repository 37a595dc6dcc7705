"""Words of the live log."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str, str]] = {
    "web.log": ("Log", "Protokoll des Laufs", "Dziennik uruchomienia"),
    "web.log.empty": ("Nothing has been logged yet.", "Noch wurde nichts protokolliert.", "Niczego jeszcze nie zapisano."),
    "web.log.level": ("Least level", "Mindeststufe", "Najniższy poziom"),
    "web.log.find": ("Find in these lines", "In diesen Zeilen suchen", "Szukaj w tych wierszach"),
    "web.log.wrap": ("Wrap", "Umbrechen", "Zawijaj"),
    "web.log.time": ("Times", "Zeiten", "Czasy"),
    "web.log.time.off": ("No times", "Ohne Zeiten", "Bez czasów"),
    "web.log.time.relative": ("Since the first line", "Seit der ersten Zeile", "Od pierwszego wiersza"),
    "web.log.time.absolute": ("Time of day", "Uhrzeit", "Godzina"),
    "web.log.size": ("Size", "Größe", "Rozmiar"),
    "web.log.next": ("Next error", "Nächster Fehler", "Następny błąd"),
    "web.log.previous": ("Previous error", "Voriger Fehler", "Poprzedni błąd"),
    "web.log.raw": ("Text", "Text", "Tekst"),
    "web.log.ansi": ("With colours", "Mit Farben", "Z kolorami"),
    "web.log.ndjson": ("NDJSON", "NDJSON", "NDJSON"),
    "web.log.download": ("Download", "Herunterladen", "Pobierz"),
    "web.log.fetch": ("Fetch", "Nachladen", "Pobierz"),
    "web.log.skip": (
        "{n} events were left out because this page was too slow ({from}–{to}).",
        "{n} Ereignisse wurden ausgelassen, weil diese Seite zu langsam war ({from}–{to}).",
        "Pominięto zdarzenia: {n}, bo strona nie nadążała ({from}–{to}).",
    ),
    "web.log.gap": (
        "Events {from}–{to} are no longer kept.",
        "Die Ereignisse {from}–{to} sind nicht mehr vorhanden.",
        "Zdarzeń {from}–{to} już nie ma.",
    ),
    "web.log.dropped": (
        "{n} lines were dropped: the run said more than could be written.",
        "{n} Zeilen gingen verloren: Der Lauf sagte mehr, als geschrieben werden konnte.",
        "Utracone wiersze: {n}. Uruchomienie mówiło więcej, niż dało się zapisać.",
    ),
    "web.log.newer": ("New lines: {n} ↓", "Neue Zeilen: {n} ↓", "Nowe wiersze: {n} ↓"),
    "web.log.latest": ("Latest lines ↓", "Neueste Zeilen ↓", "Najnowsze wiersze ↓"),
    "web.log.earlier": (
        "Load earlier 2,000 ({n} before these)",
        "2.000 frühere laden ({n} davor)",
        "Wczytaj 2000 wcześniejszych (przed tymi: {n})",
    ),
    "web.log.before": ("Earlier lines", "Frühere Zeilen", "Wcześniejsze wiersze"),
    "web.log.reload": ("Reload for what is new", "Neu laden zeigt, was neu ist", "Odśwież, aby zobaczyć nowe"),
    "web.log.started": ("Attempt {attempt} started", "Versuch {attempt} begann", "Rozpoczęto próbę {attempt}"),
    "web.log.retry_scheduled": ("It will be tried again.", "Es folgt ein neuer Versuch.", "Próba zostanie powtórzona."),
    "web.log.snoozed": ("It waits and goes on later.", "Der Lauf ruht und geht später weiter.", "Uruchomienie czeka na ciąg dalszy."),
    "web.log.released": (
        "It was given back and goes on elsewhere.",
        "Der Lauf wird anderswo fortgesetzt.",
        "Uruchomienie przejmie inny węzeł.",
    ),
    "web.log.lost": ("Its node was lost.", "Der Knoten ging verloren.", "Utracono węzeł."),
    "web.log.blocked": ("It is blocked.", "Der Lauf ist blockiert.", "Uruchomienie jest zablokowane."),
    "web.log.cancel_requested": ("Somebody asked it to stop.", "Der Abbruch wurde verlangt.", "Zażądano przerwania."),
    "web.log.completed": ("Completed", "Abgeschlossen", "Zakończono"),
    "web.log.failed": ("Failed", "Gescheitert", "Niepowodzenie"),
    "web.log.timed_out": ("Timed out", "Zeit überschritten", "Przekroczono czas"),
    "web.log.cancelled": ("Cancelled", "Abgebrochen", "Anulowano"),
    "web.log.skipped": ("Skipped", "Übersprungen", "Pominięto"),
    "web.live.pause": ("Pause live updates", "Aktualisierung anhalten", "Wstrzymaj aktualizacje"),
}
