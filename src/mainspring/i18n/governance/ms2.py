"""Words of the rules for what recurs or never ends inside a web process."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.MS201": (
        "{scheduler} runs {job} inside this process: every worker fires it again, and a restart forgets what was due",
        "{scheduler} führt {job} in diesem Prozess aus: jeder Worker löst es noch einmal aus, und ein Neustart vergisst, was fällig war",
        "{scheduler} wykonuje {job} wewnątrz tego procesu: każdy worker uruchamia to ponownie, a restart zapomina, co było zaplanowane",
    ),
    "check.MS201.made": (
        "{scheduler} keeps its jobs in this process: every worker fires them again, and a restart forgets what was due",
        "{scheduler} hält seine Aufträge in diesem Prozess: jeder Worker löst sie noch einmal aus, und ein Neustart vergisst, was fällig war",
        "{scheduler} trzyma swoje zadania w tym procesie: każdy worker uruchamia je ponownie, a restart zapomina, co było zaplanowane",
    ),
    "check.MS201.made.apart": (
        "{scheduler} keeps its jobs in a process of its own, which nobody replaces when it dies",
        "{scheduler} hält seine Aufträge in einem eigenen Prozess, den niemand ersetzt, wenn er stirbt",
        "{scheduler} trzyma swoje zadania w osobnym procesie, którego nikt nie zastąpi, gdy padnie",
    ),
    "check.MS201.once": (
        "{scheduler} keeps the one-off job {job} in memory: a restart before its time loses it",
        "{scheduler} hält den einmaligen Auftrag {job} im Speicher: ein Neustart vor seiner Zeit verliert ihn",
        "{scheduler} trzyma jednorazowe zadanie {job} w pamięci: restart przed jego czasem je gubi",
    ),
    "check.MS201.apart": (
        "{scheduler} runs {job} in a process of its own, which only hands work on; the engine's schedules make that process unnecessary",
        "{scheduler} führt {job} in einem eigenen Prozess aus, der Arbeit nur weitergibt; mit den Zeitplänen der Engine entfällt dieser Prozess",
        "{scheduler} wykonuje {job} w osobnym procesie, który tylko przekazuje pracę; harmonogramy silnika czynią ten proces zbędnym",
    ),
    "check.MS201.worker": (
        "{scheduler} runs {job} in a process that nobody replaces when it dies, and a missed time stays missed",
        "{scheduler} führt {job} in einem Prozess aus, den niemand ersetzt, wenn er stirbt; eine verpasste Zeit bleibt verpasst",
        "{scheduler} wykonuje {job} w procesie, którego nikt nie zastąpi, gdy padnie; pominięty termin pozostaje pominięty",
    ),
    "check.MS201.local": (
        "{scheduler} runs {job} in every process; as far as can be seen it touches this process only",
        "{scheduler} führt {job} in jedem Prozess aus; soweit erkennbar, betrifft es nur diesen Prozess",
        "{scheduler} wykonuje {job} w każdym procesie; o ile widać, dotyczy to tylko tego procesu",
    ),
    "check.MS201.why": (
        "a timer in a web process fires once per worker, not at all while it restarts, and leaves no record of what it did",
        "ein Zeitgeber im Webprozess läuft einmal je Worker, während eines Neustarts gar nicht, und hinterlässt keine Aufzeichnung",
        "zegar w procesie WWW odpala raz na każdy worker, podczas restartu wcale, i nie zostawia śladu tego, co zrobił",
    ),
    "check.MS201.fix": (
        'make it a task with a schedule: @task(schedule=cron("0 3 * * *", tz="Europe/Berlin"), overlap="skip")',
        'einen Task mit Zeitplan daraus machen: @task(schedule=cron("0 3 * * *", tz="Europe/Berlin"), overlap="skip")',
        'zamienić to w zadanie z harmonogramem: @task(schedule=cron("0 3 * * *", tz="Europe/Berlin"), overlap="skip")',
    ),
    "check.MS202": (
        "{target} never ends and works on what others share ({what}), once in every web process",
        "{target} endet nie und arbeitet an Gemeinsamem ({what}), einmal in jedem Webprozess",
        "{target} nigdy się nie kończy i pracuje na tym, co wspólne ({what}), po razie w każdym procesie WWW",
    ),
    "check.MS202.local": (
        "{target} never ends; as far as can be seen it touches this process only",
        "{target} endet nie; soweit erkennbar, betrifft es nur diesen Prozess",
        "{target} nigdy się nie kończy; o ile widać, dotyczy tylko tego procesu",
    ),
    "check.MS202.worker": (
        "the loop in {target} is a home-made schedule: it works on {what} and sleeps, in a process that nobody watches",
        "die Schleife in {target} ist ein selbst gebauter Zeitplan: sie bearbeitet {what} und schläft, in einem Prozess, den niemand überwacht",
        "pętla w {target} to samodzielnie zbudowany harmonogram: przetwarza {what} i śpi, w procesie, którego nikt nie pilnuje",
    ),
    "check.MS202.why": (
        "two workers do it twice, an error ends it for good without a word, and a deploy cuts it off in the middle",
        "zwei Worker tun es doppelt, ein Fehler beendet es stumm und endgültig, und ein Deployment unterbricht es mittendrin",
        "dwa workery robią to dwa razy, błąd kończy ją na dobre i bez słowa, a wdrożenie przerywa w połowie",
    ),
    "check.MS202.fix": (
        'move one round into a task: @task(schedule=every("5m"), overlap="skip"); what must stay connected becomes a @service',
        'eine Runde in einen Task verlegen: @task(schedule=every("5m"), overlap="skip"); was verbunden bleiben muss, wird ein @service',
        'przenieść jeden obieg do zadania: @task(schedule=every("5m"), overlap="skip"); co musi trwać połączone, staje się @service',
    ),
    "check.MS203": (
        "{target} sets its own timer again ({timer}): a schedule that lives and dies with this process",
        "{target} stellt seinen eigenen Zeitgeber neu ({timer}): ein Zeitplan, der mit diesem Prozess lebt und stirbt",
        "{target} nastawia ponownie własny zegar ({timer}): harmonogram, który żyje i ginie razem z tym procesem",
    ),
    "check.MS203.local": (
        "{target} sets its own timer again ({timer}); as far as can be seen it touches this process only",
        "{target} stellt seinen eigenen Zeitgeber neu ({timer}); soweit erkennbar, betrifft es nur diesen Prozess",
        "{target} nastawia ponownie własny zegar ({timer}); o ile widać, dotyczy tylko tego procesu",
    ),
    "check.MS203.why": (
        "one error between two rounds and it is never set again; nobody sees that it stopped",
        "ein Fehler zwischen zwei Runden, und er wird nie wieder gestellt; niemand sieht, dass er steht",
        "jeden błąd między obiegami i zegar nie zostanie już nastawiony; nikt nie zauważy, że stanął",
    ),
    "check.MS203.fix": (
        'make it a task with a schedule: @task(schedule=every("1m"), overlap="skip")',
        'einen Task mit Zeitplan daraus machen: @task(schedule=every("1m"), overlap="skip")',
        'zamienić to w zadanie z harmonogramem: @task(schedule=every("1m"), overlap="skip")',
    ),
    "check.MS204": (
        "{target} looks again and again for {what}, which {writer} writes: this work has a user who waits for it",
        "{target} sucht immer wieder nach {what}, geschrieben von {writer}: auf diese Arbeit wartet ein Mensch",
        "{target} wciąż od nowa szuka {what}, które zapisuje {writer}: na tę pracę czeka użytkownik",
    ),
    "check.MS204.why": (
        "a poller adds its interval to every wait, finds nothing most of the time, and two of them take the same row",
        "ein Abfrager verlängert jede Wartezeit um sein Intervall, findet meistens nichts, und zwei davon nehmen dieselbe Zeile",
        "odpytywanie wydłuża każde czekanie o swój odstęp, zwykle nic nie znajduje, a dwie kopie biorą ten sam wiersz",
    ),
    "check.MS204.fix": (
        "enqueue a task in the request that writes the row: await app.enqueue(f.options(connection=session), …)",
        "in der Anfrage, welche die Zeile schreibt, einen Task einreihen: await app.enqueue(f.options(connection=session), …)",
        "zlecić zadanie w żądaniu, które zapisuje wiersz: await app.enqueue(f.options(connection=session), …)",
    ),
    "check.MS205": (
        "{target} holds a connection for ever ({what}) inside the web process",
        "{target} hält dauerhaft eine Verbindung ({what}) im Webprozess",
        "{target} bez końca trzyma połączenie ({what}) w procesie WWW",
    ),
    "check.MS205.local": (
        "{target} holds a connection for ever ({what}) and passes it on to this process's own clients",
        "{target} hält dauerhaft eine Verbindung ({what}) und reicht sie an die eigenen Clients dieses Prozesses weiter",
        "{target} bez końca trzyma połączenie ({what}) i przekazuje je własnym klientom tego procesu",
    ),
    "check.MS205.why": (
        "every worker connects again, a broken connection ends it in silence, and messages between two deploys are lost",
        "jeder Worker verbindet sich noch einmal, ein Abbruch beendet es stumm, und Nachrichten während eines Deployments gehen verloren",
        "każdy worker łączy się osobno, zerwanie kończy pętlę w ciszy, a wiadomości podczas wdrożenia przepadają",
    ),
    "check.MS205.fix": (
        'make it a service, which is supervised and runs once: @service(restart="always") with while not ctx.stopping',
        'einen Dienst daraus machen, der überwacht wird und einmal läuft: @service(restart="always") mit while not ctx.stopping',
        'zamienić to w usługę, nadzorowaną i działającą raz: @service(restart="always") z while not ctx.stopping',
    ),
    "check.MS206": (
        "the request sleeps until the job is done ({loop}), with nothing that ends the wait",
        "die Anfrage schläft, bis der Auftrag fertig ist ({loop}), und nichts begrenzt das Warten",
        "żądanie śpi, aż praca się skończy ({loop}), i nic nie ogranicza tego czekania",
    ),
    "check.MS206.why": (
        "a job that never ends holds a worker for ever, and the client gives up long before",
        "ein Auftrag, der nie endet, belegt einen Worker für immer, und der Client gibt lange vorher auf",
        "praca, która się nie kończy, na zawsze zajmuje worker, a klient rezygnuje dużo wcześniej",
    ),
    "check.MS206.fix": (
        "answer 202 with the run's id and let the client ask for its state, or wait with a limit: await run.result(timeout=…)",
        "mit 202 und der Id des Laufs antworten und den Client nach dem Stand fragen lassen, oder begrenzt warten: await run.result(timeout=…)",
        "odpowiedzieć 202 z identyfikatorem uruchomienia, a klient niech pyta o stan, albo czekać z limitem: await run.result(timeout=…)",
    ),
    "check.MS207": (
        "{lock} elects a leader by hand, so that {what} runs in one process only",
        "{lock} wählt von Hand einen Anführer, damit {what} nur in einem Prozess läuft",
        "{lock} ręcznie wybiera lidera, żeby {what} działało tylko w jednym procesie",
    ),
    "check.MS207.why": (
        "a lock that outlives its holder stops the work for everybody, one that expires early lets two run",
        "eine Sperre, die ihren Halter überlebt, hält die Arbeit für alle an; eine, die zu früh verfällt, lässt zwei laufen",
        "blokada, która przeżyje właściciela, zatrzymuje pracę wszystkim, a taka, która wygaśnie za wcześnie, wpuszcza dwóch",
    ),
    "check.MS207.fix": (
        "let the engine fire the schedule: each due time becomes exactly one run, whatever the number of processes",
        "den Zeitplan der Engine überlassen: jede fällige Zeit wird genau ein Lauf, gleich wie viele Prozesse es gibt",
        "zostawić harmonogram silnikowi: każdy termin staje się dokładnie jednym uruchomieniem, niezależnie od liczby procesów",
    ),
}
