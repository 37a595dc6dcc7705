"""Words of MS101 to MS110: work that is started and then left to itself."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

_SCHEDULE = (
    "Make {target} a task with a schedule: @task(schedule=every(…)) or cron(…); the engine starts it once for all processes.",
    "{target} zu einer Aufgabe mit Zeitplan machen: @task(schedule=every(…)) oder cron(…); die Engine startet sie einmal für alle Prozesse.",
    "Uczynić z {target} zadanie z harmonogramem: @task(schedule=every(…)) lub cron(…); silnik uruchamia je raz dla wszystkich procesów.",
)
_SERVICE = (
    "Make {target} a service: @service with `while not ctx.stopping`; a worker keeps it alive, and only once in the fleet.",
    "{target} zu einem Dienst machen: @service mit `while not ctx.stopping`; ein Worker hält ihn am Leben, einmal in der ganzen Flotte.",
    "Uczynić z {target} usługę: @service z `while not ctx.stopping`; worker utrzymuje ją przy życiu, raz w całej flocie.",
)
_STEPS = (
    "Put the steps into one task in their order, each repeatable (or a task a step with depends_on=), and enqueue it once.",
    "Die Schritte der Reihe nach in eine Aufgabe legen, jeden wiederholbar (oder je Schritt eine Aufgabe mit depends_on=), und sie einmal einreihen.",
    "Umieścić kroki po kolei w jednym zadaniu, każdy powtarzalny (lub zadanie na krok z depends_on=), i zakolejkować je raz.",
)
_SPAWNS = ("MS101", "MS102", "MS103", "MS104", "MS105", "MS106", "MS107", "MS108")

TEXTS: Texts = {
    "check.MS101": (
        "{call} starts {target} and nobody waits for it",
        "{call} startet {target}, und niemand wartet darauf",
        "{call} uruchamia {target} i nikt na to nie czeka",
    ),
    "check.MS101.ruff": (
        "{call} starts {target} and nobody waits for it (also ruff RUF006)",
        "{call} startet {target}, und niemand wartet darauf (auch ruff RUF006)",
        "{call} uruchamia {target} i nikt na to nie czeka (także ruff RUF006)",
    ),
    "check.MS101.ruff.why": (
        "A restart loses it and nothing retries it; a kept reference, as RUF006 advises, saves it from the garbage collector only.",
        "Ein Neustart verliert sie, nichts wiederholt sie; eine behaltene Referenz (RUF006) schützt nur vor der Speicherbereinigung.",
        "Restart ją gubi i nic jej nie powtarza; zachowana referencja (RUF006) chroni tylko przed odśmiecaczem pamięci.",
    ),
    "check.MS101.kept": (
        "{call} starts {target} and only keeps a reference to it, which survives no restart",
        "{call} startet {target} und behält nur eine Referenz darauf, die keinen Neustart übersteht",
        "{call} uruchamia {target} i tylko zachowuje referencję, która nie przetrwa restartu",
    ),
    "check.MS101.kept.why": (
        "A reference satisfies RUF006 and the garbage collector; a deploy or a crash still loses the work, and nobody retries it.",
        "Eine Referenz genügt RUF006 und der Speicherbereinigung; Deployment oder Absturz verlieren die Arbeit trotzdem, und niemand wiederholt sie.",
        "Referencja wystarcza dla RUF006 i odśmiecacza; wdrożenie lub awaria nadal gubi pracę i nikt jej nie powtarza.",
    ),
    "check.MS101.why": (
        "A restart loses it, its error is seen by nobody, and nothing retries it.",
        "Ein Neustart verliert sie, ihren Fehler sieht niemand, und nichts wiederholt sie.",
        "Restart ją gubi, jej błędu nikt nie widzi i nic jej nie powtarza.",
    ),
    "check.MS101.fix": (
        "Await it here, or make {target} a @task and `await {target}.enqueue(…)`.",
        "Hier darauf warten (await), oder {target} zu einer @task machen und `await {target}.enqueue(…)`.",
        "Poczekać na to tutaj (await) albo uczynić z {target} @task i wywołać `await {target}.enqueue(…)`.",
    ),
    "check.MS102": (
        "{call} runs {target} in a thread that nobody joins",
        "{call} lässt {target} in einem Thread laufen, auf den niemand wartet",
        "{call} uruchamia {target} w wątku, na który nikt nie czeka",
    ),
    "check.MS102.kept": (
        "{call} runs {target} in a thread that is only kept: a deploy or a crash still stops it in the middle",
        "{call} lässt {target} in einem Thread laufen, der nur aufbewahrt wird: Ein Deployment oder ein Absturz bricht ihn weiterhin mittendrin ab",
        "{call} uruchamia {target} w wątku, który jest tylko przechowywany: wdrożenie lub awaria nadal przerywa go w połowie",
    ),
    "check.MS102.why": (
        "Threads die with the process in mid-write, nothing limits how many there are, and their errors end on stderr.",
        "Threads sterben mit dem Prozess mitten im Schreiben, nichts begrenzt ihre Zahl, und ihre Fehler enden auf stderr.",
        "Wątki giną z procesem w połowie zapisu, nic nie ogranicza ich liczby, a ich błędy kończą na stderr.",
    ),
    "check.MS102.fix": (
        "Make {target} a @task and enqueue it: `await {target}.enqueue(…)`, or `app.blocking.enqueue({target}, …)` in sync code.",
        "{target} zu einer @task machen und einreihen: `await {target}.enqueue(…)`, in synchronem Code `app.blocking.enqueue({target}, …)`.",
        "Uczynić z {target} @task i zakolejkować: `await {target}.enqueue(…)`, w kodzie synchronicznym `app.blocking.enqueue({target}, …)`.",
    ),
    "check.MS103": (
        "{call} hands {target} to an executor and drops the result",
        "{call} übergibt {target} einem Executor und verwirft das Ergebnis",
        "{call} przekazuje {target} do egzekutora i porzuca wynik",
    ),
    "check.MS103.kept": (
        "{call} hands {target} to an executor and only keeps the future: a deploy or a crash still loses the work",
        "{call} übergibt {target} einem Executor und behält nur das Future: Ein Deployment oder ein Absturz verliert die Arbeit weiterhin",
        "{call} przekazuje {target} do egzekutora i tylko zachowuje obiekt future: wdrożenie lub awaria nadal gubi pracę",
    ),
    "check.MS103.why": (
        "An exception stays inside a future that nobody reads, and whatever waits in the pool is lost with the process.",
        "Eine Ausnahme bleibt in einem Future, das niemand liest, und was im Pool wartet, geht mit dem Prozess verloren.",
        "Wyjątek zostaje w obiekcie future, którego nikt nie odczytuje, a to, co czeka w puli, ginie z procesem.",
    ),
    "check.MS103.fix": (
        "Read the result (await it, or .result()), or make {target} a @task and enqueue it.",
        "Das Ergebnis lesen (await oder .result()), oder {target} zu einer @task machen und einreihen.",
        "Odczytać wynik (await albo .result()) albo uczynić z {target} @task i zakolejkować.",
    ),
    "check.MS104": (
        "{call} runs {target} in the web process after the response",
        "{call} führt {target} nach der Antwort im Webprozess aus",
        "{call} wykonuje {target} w procesie WWW po wysłaniu odpowiedzi",
    ),
    "check.MS104.steps": (
        "{call} begins {count} steps after the response that build on each other: {target}",
        "{call} beginnt {count} aufeinander aufbauende Schritte nach der Antwort: {target}",
        "{call} zaczyna po odpowiedzi kroki zależne od siebie ({count}): {target}",
    ),
    "check.MS104.why": (
        "It is gone when the process is, has no retry and no limit, and keeps a web worker busy that looks idle.",
        "Es ist weg, wenn der Prozess weg ist, hat weder Wiederholung noch Grenze und beschäftigt einen Web-Worker, der untätig aussieht.",
        "Znika razem z procesem, nie ma ponowień ani limitu i zajmuje proces WWW, który wygląda na bezczynny.",
    ),
    "check.MS104.fix": (
        "Make {target} a @task and enqueue it once the data is committed: `await {target}.enqueue(…)`.",
        "{target} zu einer @task machen und einreihen, sobald die Daten festgeschrieben sind: `await {target}.enqueue(…)`.",
        "Uczynić z {target} @task i zakolejkować po zatwierdzeniu danych: `await {target}.enqueue(…)`.",
    ),
    "check.MS105": (
        "{call} leaves a process running that nobody waits for: {target}",
        "{call} lässt einen Prozess laufen, auf den niemand wartet: {target}",
        "{call} zostawia działający proces, na który nikt nie czeka: {target}",
    ),
    "check.MS105.kept": (
        "{call} leaves a process running and only keeps its handle: {target}",
        "{call} lässt einen Prozess laufen und behält nur seinen Griff: {target}",
        "{call} zostawia działający proces i tylko zachowuje jego uchwyt: {target}",
    ),
    "check.MS105.shell": (
        "{call} sends a command to the background of the shell, where nobody sees it end: {target}",
        "{call} schickt einen Befehl in den Hintergrund der Shell, wo niemand sein Ende sieht: {target}",
        "{call} wysyła polecenie w tło powłoki, gdzie nikt nie widzi jego końca: {target}",
    ),
    "check.MS105.why": (
        "It is orphaned when the web process restarts, and nobody knows whether it worked.",
        "Er verwaist, wenn der Webprozess neu startet, und niemand weiß, ob er Erfolg hatte.",
        "Zostaje osierocony po restarcie procesu WWW i nikt nie wie, czy się powiódł.",
    ),
    "check.MS105.fix": (
        "Run the command inside a @task with timeout= and wait for it there, then enqueue that task.",
        "Den Befehl in einer @task mit timeout= ausführen und dort darauf warten; diese Aufgabe dann einreihen.",
        "Uruchomić polecenie w @task z timeout= i tam na nie poczekać, a zadanie zakolejkować.",
    ),
    "check.MS106": (
        "{call} starts {target} in a greenlet that nobody joins",
        "{call} startet {target} in einem Greenlet, auf das niemand wartet",
        "{call} uruchamia {target} w greenlecie, na który nikt nie czeka",
    ),
    "check.MS106.kept": (
        "{call} starts {target} in a greenlet and only keeps it: a deploy or a crash still loses the work",
        "{call} startet {target} in einem Greenlet und behält es nur: Ein Deployment oder ein Absturz verliert die Arbeit weiterhin",
        "{call} uruchamia {target} w greenlecie i tylko go zachowuje: wdrożenie lub awaria nadal gubi pracę",
    ),
    "check.MS106.why": (
        "A restart loses it, its error is printed and forgotten, and nothing retries it.",
        "Ein Neustart verliert es, sein Fehler wird ausgegeben und vergessen, und nichts wiederholt es.",
        "Restart go gubi, jego błąd jest wypisany i zapomniany, i nic go nie powtarza.",
    ),
    "check.MS106.fix": (
        "Make {target} a @task and enqueue it: `app.blocking.enqueue({target}, …)`.",
        "{target} zu einer @task machen und einreihen: `app.blocking.enqueue({target}, …)`.",
        "Uczynić z {target} @task i zakolejkować: `app.blocking.enqueue({target}, …)`.",
    ),
    "check.MS107": (
        "{call} starts {target} from a commit hook: the data is stored, the work may be lost",
        "{call} startet {target} aus einem Commit-Hook: Die Daten sind gespeichert, die Arbeit kann verloren gehen",
        "{call} uruchamia {target} z haka zatwierdzenia: dane są zapisane, praca może zginąć",
    ),
    "check.MS107.why": (
        "The commit succeeded, so nobody tries again when the process dies before the work is done.",
        "Der Commit ist gelungen, also versucht es niemand noch einmal, wenn der Prozess vor dem Ende der Arbeit stirbt.",
        "Zatwierdzenie się powiodło, więc nikt nie spróbuje ponownie, gdy proces zginie przed końcem pracy.",
    ),
    "check.MS107.fix": (
        "Enqueue in the transaction itself: `{target}.options(connection=…)`; the run exists exactly when the data does.",
        "In der Transaktion selbst einreihen: `{target}.options(connection=…)`; der Lauf ist genau dann da, wenn es die Daten sind.",
        "Zakolejkować w samej transakcji: `{target}.options(connection=…)`; uruchomienie istnieje dokładnie wtedy, gdy istnieją dane.",
    ),
    "check.MS108": (
        "{call} waits in memory before it runs {target}",
        "{call} wartet im Arbeitsspeicher, bevor {target} läuft",
        "{call} czeka w pamięci, zanim uruchomi {target}",
    ),
    "check.MS108.why": (
        "A restart within the delay cancels it silently.",
        "Ein Neustart innerhalb der Wartezeit sagt es stillschweigend ab.",
        "Restart w czasie oczekiwania po cichu to odwołuje.",
    ),
    "check.MS108.fix": (
        'Make {target} a @task and enqueue it for later: `{target}.options(delay="10m")`.',
        '{target} zu einer @task machen und für später einreihen: `{target}.options(delay="10m")`.',
        'Uczynić z {target} @task i zakolejkować na później: `{target}.options(delay="10m")`.',
    ),
    "check.MS109": (
        "{wrapper} detaches what it is given ({call}): whoever calls it starts work that nobody waits for",
        "{wrapper} lässt los, was ihm übergeben wird ({call}): Wer es aufruft, startet Arbeit, auf die niemand wartet",
        "{wrapper} odczepia to, co dostaje ({call}): kto to wywołuje, uruchamia pracę, na którą nikt nie czeka",
    ),
    "check.MS109.why": (
        "A helper with a friendly name hides detached work from reviewers and from other linters.",
        "Ein Helfer mit freundlichem Namen verbirgt losgelöste Arbeit vor Reviews und vor anderen Lintern.",
        "Pomocnik o przyjaznej nazwie ukrywa odczepioną pracę przed recenzentami i innymi linterami.",
    ),
    "check.MS109.fix": (
        "Delete it and enqueue tasks at its callers, or allow it with the ground engine-internal where it belongs to an engine.",
        "Ihn löschen und an den Aufrufstellen Aufgaben einreihen, oder mit dem Grund engine-internal erlauben, wo er zu einer Engine gehört.",
        "Usunąć go i kolejkować zadania w miejscach wywołań albo dopuścić z podstawą engine-internal, jeśli należy do silnika.",
    ),
    "check.MS110": (
        "{target} is left to itself with {object} ({type}), which is closed or used again once the request is over",
        "{target} läuft losgelöst mit {object} ({type}) weiter, das nach der Anfrage geschlossen oder wiederverwendet wird",
        "{target} działa w oderwaniu z {object} ({type}), które po zakończeniu żądania jest zamykane lub używane ponownie",
    ),
    "check.MS110.why": (
        "The object belongs to the request: afterwards it is closed, or already serves another one.",
        "Das Objekt gehört der Anfrage: Danach ist es geschlossen oder dient schon einer anderen.",
        "Obiekt należy do żądania: potem jest zamknięty albo służy już innemu.",
    ),
    "check.MS110.fix": (
        "Pass ids and plain values, and open what is needed inside the task.",
        "IDs und einfache Werte übergeben und das Nötige in der Aufgabe selbst öffnen.",
        "Przekazywać identyfikatory i proste wartości, a potrzebne zasoby otwierać w samym zadaniu.",
    ),
    **{
        f"check.{code}.wrapper": (
            "{call} detaches {target} by way of {wrapper}, and nobody waits for it",
            "{call} lässt {target} auf dem Weg über {wrapper} los, und niemand wartet darauf",
            "{call} odczepia {target} za pośrednictwem {wrapper} i nikt na to nie czeka",
        )
        for code in _SPAWNS
    },
    **{f"check.{code}.fix.cron": _SCHEDULE for code in _SPAWNS},
    **{f"check.{code}.fix.side": _SERVICE for code in _SPAWNS},
    **{f"check.{code}.fix.workflow": _STEPS for code in _SPAWNS},
}
