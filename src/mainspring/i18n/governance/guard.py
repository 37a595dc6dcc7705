"""What the run-time guard says."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "guard.task": ("the asyncio task {name}", "der asyncio-Task {name}", "zadanie asyncio {name}"),
    "guard.thread": ("the thread {name}", "der Thread {name}", "wątek {name}"),
    "guard.future": ("the call of {name} in a pool", "der Aufruf von {name} in einem Pool", "wywołanie {name} w puli"),
    "guard.process": ("the process {name}", "der Prozess {name}", "proces {name}"),
    "guard.background": ("after-response work {name}", "die Arbeit {name} nach der Antwort", "praca {name} po odpowiedzi"),
    "guard.alive": (
        "{handler} left work behind: {what} still runs {seconds} s after the response.",
        "{handler} hat Arbeit hinterlassen: {what} läuft {seconds} s nach der Antwort noch.",
        "{handler} zostawił pracę: {what} działa jeszcze {seconds} s po odpowiedzi.",
    ),
    "guard.cut": (
        "{handler} left work behind: {what} was cut off {seconds} s after the response and is lost.",
        "{handler} hat Arbeit hinterlassen: {what} wurde {seconds} s nach der Antwort abgebrochen und ist verloren.",
        "{handler} zostawił pracę: {what} przerwano {seconds} s po odpowiedzi i przepadła.",
    ),
    "guard.place": (
        "It was started at {place} in {function}.", "Gestartet in {place} von {function}.", "Uruchomiono w {place} przez {function}.",
    ),
    "guard.disproved": (
        "The comment there says {ground}, and that is not so.",
        "Der Kommentar dort sagt {ground}, und das stimmt nicht.",
        "Komentarz tam mówi {ground}, a tak nie jest.",
    ),
    "guard.instead.task": (
        "A restart loses it. Await it, or make {name} a task and await {name}.enqueue(...); or justify the line: # mainspring: allow[{code}] GROUND -- REASON",
        "Ein Neustart verliert das. Darauf warten, oder {name} zur Task machen: await {name}.enqueue(...); oder die Zeile begründen: # mainspring: allow[{code}] GROUND -- REASON",
        "Restart to gubi. Poczekać na wynik albo zrobić z {name} zadanie: await {name}.enqueue(...); albo uzasadnić wiersz: # mainspring: allow[{code}] GROUND -- REASON",
    ),
    "guard.instead.thread": (
        "A restart loses it in mid-write. Join it, or make {name} a task and enqueue it: app.blocking.enqueue({name}, ...); or justify the line: # mainspring: allow[{code}] GROUND -- REASON",
        "Ein Neustart verliert das mitten im Schreiben. Darauf warten (join), oder {name} zur Task machen: app.blocking.enqueue({name}, ...); oder die Zeile begründen: # mainspring: allow[{code}] GROUND -- REASON",
        "Restart gubi to w połowie zapisu. Poczekać (join) albo zrobić z {name} zadanie: app.blocking.enqueue({name}, ...); albo uzasadnić wiersz: # mainspring: allow[{code}] GROUND -- REASON",
    ),
    "guard.instead.future": (
        "Nobody sees its error. Wait for its result, or make {name} a task and enqueue it: app.blocking.enqueue({name}, ...); or justify the line: # mainspring: allow[{code}] GROUND -- REASON",
        "Niemand sieht den Fehler darin. Auf das Ergebnis warten, oder {name} zur Task machen: app.blocking.enqueue({name}, ...); oder die Zeile begründen: # mainspring: allow[{code}] GROUND -- REASON",
        "Nikt nie zobaczy błędu. Poczekać na wynik albo zrobić z {name} zadanie: app.blocking.enqueue({name}, ...); albo uzasadnić wiersz: # mainspring: allow[{code}] GROUND -- REASON",
    ),
    "guard.instead.background": (
        "It holds a worker of the web server, and a restart loses it. Make it a task and enqueue it when the transaction is committed; or justify the line: # mainspring: allow[{code}] GROUND -- REASON",
        "Das hält einen Arbeiter des Webservers fest, und ein Neustart verliert es. Daraus eine Task machen und sie nach dem Commit einreihen; oder die Zeile begründen: # mainspring: allow[{code}] GROUND -- REASON",
        "To zajmuje proces serwera WWW, a restart to gubi. Zrobić z tego zadanie i dodać je do kolejki po zatwierdzeniu transakcji; albo uzasadnić wiersz: # mainspring: allow[{code}] GROUND -- REASON",
    ),
    "guard.instead.process": (
        "Nobody waits for it, and a restart leaves it an orphan. Wait for it, or run it inside a task with a timeout; or justify the line: # mainspring: allow[{code}] GROUND -- REASON",
        "Niemand wartet darauf, und nach einem Neustart ist der Prozess verwaist. Darauf warten, oder den Prozess in einer Task mit Zeitlimit starten; oder die Zeile begründen: # mainspring: allow[{code}] GROUND -- REASON",
        "Nikt na niego nie czeka, a po restarcie zostaje sierotą. Poczekać na niego albo uruchomić go w zadaniu z limitem czasu; albo uzasadnić wiersz: # mainspring: allow[{code}] GROUND -- REASON",
    ),
}  # fmt: skip
