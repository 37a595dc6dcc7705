"""Words of MS401 to MS412: what a definition is missing, or does that it should leave to the engine."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.MS401": (
        "{task} takes the secret {param} as plain text: it is stored with the run, shown in lists and kept in backups",
        "{task} bekommt das Geheimnis {param} als Klartext: Es wird mit dem Lauf gespeichert, in Listen gezeigt und in Sicherungen behalten",
        "{task} przyjmuje sekret {param} jako zwykły tekst: jest zapisywany z przebiegiem, pokazywany na listach i trzymany w kopiach zapasowych",
    ),
    "check.MS401.masked": (
        "{task} takes {param} as {type}, which writes itself as stars: the body would get the stars",
        "{task} bekommt {param} als {type}, das sich selbst als Sternchen schreibt: Im Rumpf kämen die Sternchen an",
        "{task} przyjmuje {param} jako {type}, które zapisuje się jako gwiazdki: do treści zadania dotarłyby gwiazdki",
    ),
    "check.MS401.field": (
        "{task} takes the secret {field} as plain text inside of {param}: it is stored with the run and shown in lists",
        "{task} bekommt das Geheimnis {field} als Klartext in {param}: Es wird mit dem Lauf gespeichert und in Listen gezeigt",
        "{task} przyjmuje sekret {field} jako zwykły tekst wewnątrz {param}: jest zapisywany z przebiegiem i pokazywany na listach",
    ),
    "check.MS401.literal": (
        "this call hands {task} a text that looks like {what}",
        "dieser Aufruf gibt {task} einen Text mit, der aussieht wie: {what}",
        "to wywołanie przekazuje do {task} tekst, który wygląda jak: {what}",
    ),
    "check.MS401.value": (
        "this call hands the value of {what} to {task}: it is stored with the run",
        "dieser Aufruf gibt den Wert von {what} an {task} weiter: Er wird mit dem Lauf gespeichert",
        "to wywołanie przekazuje wartość {what} do {task}: jest zapisywana z przebiegiem",
    ),
    "check.MS401.why": (
        "Parameters are rows: whoever may see a run, an export or a backup can read the secret, and it stays after it was changed.",
        "Parameter sind Zeilen: Wer einen Lauf, einen Export oder eine Sicherung sehen darf, kann das Geheimnis lesen, auch nach einem Wechsel.",
        "Parametry to wiersze: kto może zobaczyć przebieg, eksport lub kopię zapasową, odczyta sekret, także po jego zmianie.",
    ),
    "check.MS401.fix": (
        'Annotate the parameter as Secret, hand over Secret("env:NAME"), and call .reveal() in the body.',
        'Den Parameter als Secret annotieren, Secret("env:NAME") übergeben und im Rumpf .reveal() aufrufen.',
        'Oznaczyć parametr jako Secret, przekazać Secret("env:NAME") i wywołać .reveal() w treści zadania.',
    ),
    "check.MS402": (
        "{task} takes {param} as {type}: an object that lives in one process, which no row can hold",
        "{task} bekommt {param} als {type}: ein Objekt, das in einem Prozess lebt und in keine Zeile passt",
        "{task} przyjmuje {param} jako {type}: obiekt, który żyje w jednym procesie i nie mieści się w żadnym wierszu",
    ),
    "check.MS402.row": (
        "{task} takes {param} as {type}, a row of the database: what arrives would be a copy from another time",
        "{task} bekommt {param} als {type}, eine Zeile der Datenbank: Ankommen würde eine Kopie aus einer anderen Zeit",
        "{task} przyjmuje {param} jako {type}, wiersz bazy danych: dotarłaby kopia z innego czasu",
    ),
    "check.MS402.file": (
        "{task} takes {param} as {type}, an open file of one process",
        "{task} bekommt {param} als {type}, eine offene Datei eines Prozesses",
        "{task} przyjmuje {param} jako {type}, otwarty plik jednego procesu",
    ),
    "check.MS402.bytes": (
        "{task} takes {param} as bytes, which are kept in a row as base64: above some kilobytes a File is meant",
        "{task} bekommt {param} als Bytes, die als Base64 in einer Zeile liegen: Ab einigen Kilobyte ist eine File gemeint",
        "{task} przyjmuje {param} jako bajty, trzymane w wierszu jako base64: powyżej kilku kilobajtów właściwy jest File",
    ),
    "check.MS402.given": (
        "this call hands {task} an object of this process ({type}), which no row can hold",
        "dieser Aufruf gibt {task} ein Objekt dieses Prozesses mit ({type}), das in keine Zeile passt",
        "to wywołanie przekazuje do {task} obiekt tego procesu ({type}), który nie mieści się w żadnym wierszu",
    ),
    "check.MS402.given.row": (
        "this call hands {task} a whole row of the database ({type}): what arrives would be a copy from another time",
        "dieser Aufruf gibt {task} eine ganze Zeile der Datenbank mit ({type}): Ankommen würde eine Kopie aus einer anderen Zeit",
        "to wywołanie przekazuje do {task} cały wiersz bazy danych ({type}): dotarłaby kopia z innego czasu",
    ),
    "check.MS402.given.file": (
        "this call hands {task} an open file of this process ({type})",
        "dieser Aufruf gibt {task} eine offene Datei dieses Prozesses mit ({type})",
        "to wywołanie przekazuje do {task} otwarty plik tego procesu ({type})",
    ),
    "check.MS402.why": (
        "The body runs later, in another process, perhaps on another machine: only plain values get there, and only ids stay true.",
        "Der Rumpf läuft später, in einem anderen Prozess, vielleicht auf einem anderen Rechner: Nur einfache Werte kommen an, nur Ids bleiben wahr.",
        "Treść zadania działa później, w innym procesie, może na innym komputerze: docierają tylko proste wartości, prawdziwe pozostają tylko id.",
    ),
    "check.MS402.fix": (
        "Hand over the id, or a File, and fetch or open what is needed inside of the body.",
        "Die Id oder eine File übergeben und im Rumpf holen oder öffnen, was nötig ist.",
        "Przekazać id albo File i pobrać lub otworzyć w treści zadania to, co potrzebne.",
    ),
    "check.MS403": (
        "{call} in {task} waits without an end, and the task gives no timeout",
        "{call} in {task} wartet ohne Ende, und die Aufgabe nennt keinen Timeout",
        "{call} w {task} czeka bez końca, a zadanie nie podaje limitu czasu",
    ),
    "check.MS403.service": (
        "{call} in the service {task} waits without an end, and nothing bounds a service from outside",
        "{call} im Dienst {task} wartet ohne Ende, und einen Dienst begrenzt von außen nichts",
        "{call} w usłudze {task} czeka bez końca, a usługi nic z zewnątrz nie ogranicza",
    ),
    "check.MS403.off": (
        "{call} in {task} switches its own timeout off, and the task gives none",
        "{call} in {task} schaltet den eigenen Timeout ab, und die Aufgabe nennt keinen",
        "{call} w {task} wyłącza własny limit czasu, a zadanie żadnego nie podaje",
    ),
    "check.MS403.default": (
        "{call} in {task} has no timeout of its own: only the app's default of five minutes ends it",
        "{call} in {task} hat keinen eigenen Timeout: Nur die fünf Minuten, die in der App gelten, beenden es",
        "{call} w {task} nie ma własnego limitu czasu: kończy je tylko domyślne pięć minut aplikacji",
    ),
    "check.MS403.why": (
        "A peer that stops answering holds the slot, and what waits behind it, for as long as nobody ends it.",
        "Eine Gegenstelle, die nicht mehr antwortet, hält den Platz und alles dahinter, solange niemand es beendet.",
        "Druga strona, która przestaje odpowiadać, trzyma miejsce i wszystko za nim, dopóki nikt tego nie przerwie.",
    ),
    "check.MS403.fix": (
        'Give the client a timeout, and the task timeout="…" for the whole attempt.',
        'Dem Client einen Timeout geben, und der Aufgabe timeout="…" für den ganzen Versuch.',
        'Podać klientowi limit czasu, a zadaniu timeout="…" na całą próbę.',
    ),
    "check.MS404": (
        "{task} calls another system ({call}) and has switched retries off: one lost packet fails the run",
        "{task} ruft ein anderes System ({call}) und hat Wiederholungen abgeschaltet: Ein verlorenes Paket lässt den Lauf scheitern",
        "{task} wywołuje inny system ({call}) i ma wyłączone ponowienia: jeden zgubiony pakiet kończy przebieg błędem",
    ),
    "check.MS404.hammer": (
        "{task} retries at once ({call}): without a delay all attempts meet the same outage",
        "{task} wiederholt sofort ({call}): Ohne Wartezeit treffen alle Versuche auf dieselbe Störung",
        "{task} ponawia natychmiast ({call}): bez opóźnienia wszystkie próby trafiają na tę samą awarię",
    ),
    "check.MS404.jitter": (
        "{task} retries without jitter ({call}): runs that failed together come back together",
        "{task} wiederholt ohne Streuung ({call}): Läufe, die gemeinsam scheiterten, kommen gemeinsam wieder",
        "{task} ponawia bez rozrzutu ({call}): przebiegi, które razem zawiodły, wracają razem",
    ),
    "check.MS404.foreign": (
        "{task} calls another system ({call}) and has no retry policy",
        "{task} ruft ein anderes System ({call}) und hat keine Regel für Wiederholungen",
        "{task} wywołuje inny system ({call}) i nie ma reguły ponawiania",
    ),
    "check.MS404.why": (
        "Networks fail for seconds all the time; a wait and a second try is what makes such a task dependable.",
        "Netze fallen ständig für Sekunden aus; erst Warten und ein zweiter Versuch machen eine solche Aufgabe verlässlich.",
        "Sieci stale zawodzą na sekundy; dopiero odczekanie i druga próba czynią takie zadanie niezawodnym.",
    ),
    "check.MS404.fix": (
        "Leave retry= out (three retries with backoff and jitter), or give retry=Retry(…); where one attempt is meant, say repeatable=False.",
        "retry= weglassen (drei Wiederholungen mit wachsender, gestreuter Wartezeit) oder retry=Retry(…) geben; ist ein Versuch gemeint: repeatable=False.",
        "Pominąć retry= (trzy ponowienia z rosnącym, rozrzuconym opóźnieniem) lub podać retry=Retry(…); gdy chodzi o jedną próbę: repeatable=False.",
    ),
    "check.MS405": (
        "{task} asks for another attempt whatever went wrong ({caught}), also where that can never help",
        "{task} verlangt einen weiteren Versuch, was immer schiefging ({caught}), auch wo er nie helfen kann",
        "{task} prosi o kolejną próbę niezależnie od błędu ({caught}), także tam, gdzie nigdy nie pomoże",
    ),
    "check.MS405.terminal": (
        "{task} asks for another attempt after {caught}, which the next attempt meets again",
        "{task} verlangt einen weiteren Versuch nach {caught}, was dem nächsten Versuch wieder begegnet",
        "{task} prosi o kolejną próbę po {caught}, co następna próba napotka ponownie",
    ),
    "check.MS405.nested": (
        "{caught} retries everything inside of each attempt of {task}: the attempts multiply, and terminal errors are tried again too",
        "{caught} wiederholt alles innerhalb jedes Versuchs von {task}: Die Versuche vervielfachen sich, auch bei endgültigen Fehlern",
        "{caught} ponawia wszystko wewnątrz każdej próby {task}: próby się mnożą, także przy błędach ostatecznych",
    ),
    "check.MS405.why": (
        "A refused password or a missing row is refused again each time: retries delay the answer and may lock an account.",
        "Ein abgelehntes Passwort oder eine fehlende Zeile bleibt es: Wiederholungen verzögern die Antwort und können ein Konto sperren.",
        "Odrzucone hasło lub brak wiersza pozostaje takie samo: ponowienia opóźniają odpowiedź i mogą zablokować konto.",
    ),
    "check.MS405.fix": (
        "Raise Fail(…) for what is final, RetryLater(…) for what passes, and let the rest go to retry=Retry(terminal=(…)).",
        "Fail(…) für Endgültiges, RetryLater(…) für Vorübergehendes, und den Rest retry=Retry(terminal=(…)) überlassen.",
        "Fail(…) dla tego, co ostateczne, RetryLater(…) dla tego, co mija, a resztę zostawić retry=Retry(terminal=(…)).",
    ),
    "check.MS406": (
        "{task} posts to another system ({call}) and nothing keeps it from doing so twice",
        "{task} sendet an ein anderes System ({call}), und nichts hält sie davon ab, es zweimal zu tun",
        "{task} wysyła do innego systemu ({call}) i nic nie chroni przed zrobieniem tego dwa razy",
    ),
    "check.MS406.charge": (
        "{task} moves money ({call}) and nothing keeps it from doing so twice",
        "{task} bewegt Geld ({call}), und nichts hält sie davon ab, es zweimal zu tun",
        "{task} przenosi pieniądze ({call}) i nic nie chroni przed zrobieniem tego dwa razy",
    ),
    "check.MS406.mail": (
        "{task} writes to people ({call}) and nothing keeps it from doing so twice",
        "{task} schreibt Menschen an ({call}), und nichts hält sie davon ab, es zweimal zu tun",
        "{task} pisze do ludzi ({call}) i nic nie chroni przed zrobieniem tego dwa razy",
    ),
    "check.MS406.why": (
        "A double click makes two runs, and a run that was lost after its effect runs again: at least once is what an engine can promise.",
        "Ein Doppelklick macht zwei Läufe, und ein Lauf, der nach seiner Wirkung verloren ging, läuft noch einmal: Mindestens einmal ist, was eine Engine verspricht.",
        "Podwójne kliknięcie tworzy dwa przebiegi, a przebieg zgubiony po swoim skutku działa ponownie: silnik może obiecać co najmniej raz.",
    ),
    "check.MS406.fix": (
        'Give the task dedupe="order:{{order_id}}" against two enqueues, and the other system an idempotency key against two attempts.',
        'Der Aufgabe dedupe="order:{{order_id}}" gegen doppeltes Einreihen geben, und dem anderen System einen Idempotenzschlüssel gegen zwei Versuche.',
        'Podać zadaniu dedupe="order:{{order_id}}" przeciw podwójnemu zakolejkowaniu, a drugiemu systemowi klucz idempotencji przeciw dwóm próbom.',
    ),
    "check.MS407": (
        "{task} is enqueued inside of {what}, by a commit of its own: it may start before the rows are there, or although they never come",
        "{task} wird in {what} eingereiht, mit einem eigenen Commit: Sie kann beginnen, bevor die Zeilen da sind, oder obwohl sie nie kommen",
        "{task} jest kolejkowane wewnątrz {what}, z własnym commitem: może ruszyć, zanim wiersze się pojawią, albo choć nigdy się nie pojawią",
    ),
    "check.MS407.before": (
        "{task} is enqueued before {what}: it may start before the rows are there, or although they never come",
        "{task} wird vor {what} eingereiht: Sie kann beginnen, bevor die Zeilen da sind, oder obwohl sie nie kommen",
        "{task} jest kolejkowane przed {what}: może ruszyć, zanim wiersze się pojawią, albo choć nigdy się nie pojawią",
    ),
    "check.MS407.why": (
        "Two commits come apart: a rollback leaves a run for rows that do not exist, and a fast worker looks before they are visible.",
        "Zwei Commits fallen auseinander: Ein Rollback hinterlässt einen Lauf für Zeilen, die es nicht gibt, und ein schneller Worker sucht sie zu früh.",
        "Dwa commity się rozchodzą: rollback zostawia przebieg dla wierszy, których nie ma, a szybki worker szuka ich za wcześnie.",
    ),
    "check.MS407.fix": (
        "Enqueue in the same transaction: task.options(connection=session); or after the commit (in Django: transaction.on_commit).",
        "In derselben Transaktion einreihen: task.options(connection=session); oder nach dem Commit (in Django: transaction.on_commit).",
        "Kolejkować w tej samej transakcji: task.options(connection=session); albo po commicie (w Django: transaction.on_commit).",
    ),
    "check.MS408": (
        "{call} blocks the event loop in the async task {task}",
        "{call} blockiert die Event-Loop in der async-Aufgabe {task}",
        "{call} blokuje pętlę zdarzeń w asynchronicznym zadaniu {task}",
    ),
    "check.MS408.http": (
        "{call} waits for the network and holds the event loop of the async task {task}",
        "{call} wartet auf das Netz und hält die Event-Loop der async-Aufgabe {task} an",
        "{call} czeka na sieć i zatrzymuje pętlę zdarzeń asynchronicznego zadania {task}",
    ),
    "check.MS408.sleep": (
        "{call} sleeps and holds the event loop of the async task {task}",
        "{call} schläft und hält die Event-Loop der async-Aufgabe {task} an",
        "{call} śpi i zatrzymuje pętlę zdarzeń asynchronicznego zadania {task}",
    ),
    "check.MS408.process": (
        "{call} waits for a process and holds the event loop of the async task {task}",
        "{call} wartet auf einen Prozess und hält die Event-Loop der async-Aufgabe {task} an",
        "{call} czeka na proces i zatrzymuje pętlę zdarzeń asynchronicznego zadania {task}",
    ),
    "check.MS408.why": (
        "All async bodies of a node share one loop: while one blocks it, none of the others moves, and timeouts and cancels come late.",
        "Alle async-Rümpfe eines Knotens teilen eine Loop: Solange einer sie blockiert, bewegt sich kein anderer, und Timeouts und Abbrüche kommen spät.",
        "Wszystkie asynchroniczne treści węzła dzielą jedną pętlę: gdy jedna ją blokuje, żadna inna się nie rusza, a limity i anulowania się spóźniają.",
    ),
    "check.MS408.fix": (
        "Write the task as a plain def (it gets a process of its own), or use an async client, asyncio.sleep, or await asyncio.to_thread(…).",
        "Die Aufgabe als einfaches def schreiben (sie bekommt einen eigenen Prozess), oder einen async-Client, asyncio.sleep oder await asyncio.to_thread(…) nehmen.",
        "Napisać zadanie jako zwykłe def (dostanie własny proces) albo użyć klienta asynchronicznego, asyncio.sleep lub await asyncio.to_thread(…).",
    ),
    "check.MS409": (
        "{column} has two writers: this code, which enqueues {task}, and the body {where}",
        "{column} hat zwei Schreiber: diesen Code, der {task} einreiht, und den Rumpf {where}",
        "{column} ma dwóch piszących: ten kod, który kolejkuje {task}, i treść {where}",
    ),
    "check.MS409.why": (
        "Whoever writes last wins: a finished run is shown as going on, or one that failed as done, and no retry puts that right.",
        "Wer zuletzt schreibt, gewinnt: Ein fertiger Lauf sieht aus wie ein laufender, ein gescheiterter wie ein fertiger, und keine Wiederholung richtet das.",
        "Wygrywa ostatni piszący: zakończony przebieg wygląda na trwający, nieudany na gotowy i żadne ponowienie tego nie naprawi.",
    ),
    "check.MS409.fix": (
        "Let the body alone write it; before the enqueue at most the first state (queued), in the same transaction. Or ask the run: run.status().",
        "Allein den Rumpf schreiben lassen; vor dem Einreihen höchstens den ersten Zustand (queued), in derselben Transaktion. Oder den Lauf fragen: run.status().",
        "Niech pisze tylko treść zadania; przed zakolejkowaniem co najwyżej pierwszy stan (queued), w tej samej transakcji. Albo pytać przebieg: run.status().",
    ),
    "check.MS410": (
        "the service {task} goes on for ever (while {head}) and never looks whether it is to stop",
        "der Dienst {task} läuft ewig (while {head}) und schaut nie, ob er aufhören soll",
        "usługa {task} działa bez końca (while {head}) i nigdy nie sprawdza, czy ma się zatrzymać",
    ),
    "check.MS410.stream": (
        "the service {task} waits for {head} and has nothing that ends the wait when it is to stop",
        "der Dienst {task} wartet auf {head} und hat nichts, was das Warten beendet, wenn er aufhören soll",
        "usługa {task} czeka na {head} i nie ma nic, co kończy czekanie, gdy ma się zatrzymać",
    ),
    "check.MS410.why": (
        "Every deploy then waits for stop_within and cancels it wherever it is; work in hand is cut off.",
        "Jedes Deployment wartet dann stop_within ab und bricht ihn ab, wo immer er ist; angefangene Arbeit wird abgeschnitten.",
        "Każde wdrożenie czeka wtedy stop_within i przerywa ją w dowolnym miejscu; rozpoczęta praca zostaje ucięta.",
    ),
    "check.MS410.fix": (
        "Loop while not ctx.stopping and rest with ctx.sleep(…), which returns early; close what it waits for in on_shutdown=.",
        "Mit while not ctx.stopping laufen und mit ctx.sleep(…) ruhen, das früher zurückkehrt; in on_shutdown= schließen, worauf er wartet.",
        "Pętla while not ctx.stopping i odpoczynek przez ctx.sleep(…), które wraca wcześniej; w on_shutdown= zamknąć to, na co czeka.",
    ),
    "check.MS411": (
        "{call} in the workflow {task}, outside of a step, gives another answer when the body is replayed",
        "{call} im Workflow {task}, außerhalb eines Schritts, antwortet anders, wenn der Rumpf noch einmal durchlaufen wird",
        "{call} w przepływie {task}, poza krokiem, da inną odpowiedź przy ponownym przejściu treści",
    ),
    "check.MS411.now": (
        "{call} in the workflow {task} reads the clock outside of a step: a replay reads another time",
        "{call} im Workflow {task} liest die Uhr außerhalb eines Schritts: Eine Wiederholung liest eine andere Zeit",
        "{call} w przepływie {task} czyta zegar poza krokiem: powtórka odczyta inny czas",
    ),
    "check.MS411.random": (
        "{call} in the workflow {task} draws outside of a step: a replay draws something else",
        "{call} im Workflow {task} zieht außerhalb eines Schritts: Eine Wiederholung zieht etwas anderes",
        "{call} w przepływie {task} losuje poza krokiem: powtórka wylosuje coś innego",
    ),
    "check.MS411.env": (
        "{call} in the workflow {task} reads the environment outside of a step: another node may have another",
        "{call} im Workflow {task} liest die Umgebung außerhalb eines Schritts: Ein anderer Knoten hat vielleicht eine andere",
        "{call} w przepływie {task} czyta środowisko poza krokiem: inny węzeł może mieć inne",
    ),
    "check.MS411.network": (
        "{call} in the workflow {task} asks another system outside of a step: a replay asks again",
        "{call} im Workflow {task} fragt ein anderes System außerhalb eines Schritts: Eine Wiederholung fragt noch einmal",
        "{call} w przepływie {task} pyta inny system poza krokiem: powtórka zapyta ponownie",
    ),
    "check.MS411.sleep": (
        "{call} in the workflow {task} sleeps outside of a step: the wait begins anew with each replay",
        "{call} im Workflow {task} schläft außerhalb eines Schritts: Das Warten beginnt mit jeder Wiederholung neu",
        "{call} w przepływie {task} śpi poza krokiem: czekanie zaczyna się od nowa przy każdej powtórce",
    ),
    "check.MS411.why": (
        "After a loss the body runs again from its start and takes up the results of its steps: everything between them must come out the same.",
        "Nach einem Verlust läuft der Rumpf von vorn und nimmt die Ergebnisse seiner Schritte auf: Alles dazwischen muss gleich ausgehen.",
        "Po utracie treść działa od początku i przejmuje wyniki swoich kroków: wszystko między nimi musi wyjść tak samo.",
    ),
    "check.MS411.fix": (
        "Move it into a step, whose result is kept.",
        "Es in einen Schritt verlegen, dessen Ergebnis aufbewahrt wird.",
        "Przenieść to do kroku, którego wynik jest zachowywany.",
    ),
    "check.MS412": (
        "no test names the task {task}",
        "kein Test nennt die Aufgabe {task}",
        "żaden test nie wymienia zadania {task}",
    ),
    "check.MS412.happy": (
        "no test of the task {task} lets it fail",
        "kein Test der Aufgabe {task} lässt sie scheitern",
        "żaden test zadania {task} nie pozwala mu zawieść",
    ),
    "check.MS412.why": (
        "What a task does when it fails is what it was made durable for, and nobody sees it by trying the page.",
        "Was eine Aufgabe im Fehlerfall tut, ist der Grund, sie dauerhaft zu machen, und niemand sieht es beim Ausprobieren der Seite.",
        "To, co zadanie robi przy błędzie, jest powodem jego trwałości, a nikt tego nie zobaczy, próbując strony.",
    ),
    "check.MS412.fix": (
        "Write a happy test, one failure and one repeated run; 'mainspring advise --scaffold' writes all three.",
        "Einen Test für den Erfolg, einen für einen Fehler und einen für einen wiederholten Lauf schreiben; 'mainspring advise --scaffold' schreibt alle drei.",
        "Napisać test powodzenia, jednego błędu i powtórzonego przebiegu; 'mainspring advise --scaffold' pisze wszystkie trzy.",
    ),
}
