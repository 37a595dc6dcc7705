"""Words of MS501 to MS509: schedules that should be something else, come too often, at the wrong time, or never."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.MS501": (
        "{task} looks every {period} for rows that wait ({rows}): that is work on demand, found late",
        "{task} sucht alle {period} nach wartenden Zeilen ({rows}): Das ist Arbeit auf Abruf, spät gefunden",
        "{task} szuka co {period} oczekujących wierszy ({rows}): to praca na żądanie, znajdowana za późno",
    ),
    "check.MS501.handler": (
        "{task} looks every {period} for waiting {rows}, which a request left behind ({where}): that is work on demand",
        "{task} sucht alle {period} nach wartenden {rows}, die eine Anfrage hinterlassen hat ({where}): Das ist Arbeit auf Abruf",
        "{task} szuka co {period} oczekujących {rows}, które zostawiło żądanie ({where}): to praca na żądanie",
    ),
    "check.MS501.why": (
        "Somebody waits for up to a whole period, most rounds find nothing, and two rounds may take the same row.",
        "Jemand wartet bis zu einer ganzen Periode, die meisten Runden finden nichts, und zwei Runden können dieselbe Zeile nehmen.",
        "Ktoś czeka nawet cały okres, większość rund nic nie znajduje, a dwie rundy mogą wziąć ten sam wiersz.",
    ),
    "check.MS501.fix": (
        "Enqueue the task in the request, with options(connection=…) in the same commit, and drop the schedule.",
        "Die Aufgabe in der Anfrage einreihen, mit options(connection=…) im selben Commit, und den Zeitplan streichen.",
        "Kolejkować zadanie w żądaniu, z options(connection=…) w tym samym commicie, i usunąć harmonogram.",
    ),
    "check.MS502": (
        "{task} is due every {period} and may take {timeout}: a slow run costs the next ones (they are skipped)",
        "{task} ist alle {period} fällig und darf {timeout} dauern: Ein langsamer Lauf kostet die nächsten (sie werden übersprungen)",
        "{task} przypada co {period}, a może trwać {timeout}: wolny przebieg kosztuje następne (są pomijane)",
    ),
    "check.MS502.allow": (
        "{task} is due every {period}, may take {timeout} and may overlap: slow runs pile up without a bound",
        "{task} ist alle {period} fällig, darf {timeout} dauern und sich überlappen: Langsame Läufe häufen sich ohne Grenze",
        "{task} przypada co {period}, może trwać {timeout} i nakładać się: wolne przebiegi piętrzą się bez granicy",
    ),
    "check.MS502.replace": (
        "{task} is due every {period} and may take {timeout}: a slow run is replaced before it ends, each time anew",
        "{task} ist alle {period} fällig und darf {timeout} dauern: Ein langsamer Lauf wird vor seinem Ende ersetzt, jedes Mal aufs Neue",
        "{task} przypada co {period}, a może trwać {timeout}: wolny przebieg jest zastępowany przed końcem, za każdym razem od nowa",
    ),
    "check.MS502.queue": (
        "{task} is due every {period} and may take {timeout}: slow runs queue up and the queue does not empty",
        "{task} ist alle {period} fällig und darf {timeout} dauern: Langsame Läufe stauen sich, und der Stau löst sich nicht",
        "{task} przypada co {period}, a może trwać {timeout}: wolne przebiegi ustawiają się w kolejce, która się nie opróżnia",
    ),
    "check.MS502.why": (
        "When the outside slows down, which is when it matters, the schedule stops keeping what it promises.",
        "Wenn außen etwas langsamer wird, also wenn es darauf ankommt, hält der Zeitplan nicht mehr, was er verspricht.",
        "Gdy coś na zewnątrz zwalnia, czyli gdy to ważne, harmonogram przestaje dotrzymywać tego, co obiecuje.",
    ),
    "check.MS502.fix": (
        "A timeout below the period, a longer period, or a short run that enqueues one task for each piece of work.",
        "Ein Timeout unter der Periode, eine längere Periode, oder ein kurzer Lauf, der für jedes Stück Arbeit eine Aufgabe einreiht.",
        "Limit czasu krótszy niż okres, dłuższy okres albo krótki przebieg, który kolejkuje zadanie na każdą porcję pracy.",
    ),
    "check.MS503": (
        "this schedule of {task} comes every {period}, a run may take {timeout}, and nothing keeps its runs apart",
        "dieser Zeitplan von {task} kommt alle {period}, ein Lauf darf {timeout} dauern, und nichts hält die Läufe auseinander",
        "ten harmonogram zadania {task} przypada co {period}, przebieg może trwać {timeout} i nic nie rozdziela przebiegów",
    ),
    "check.MS503.allow": (
        "{task} is due every {period}, its runs may overlap, and only the app's default of {timeout} ends one",
        "{task} ist alle {period} fällig, ihre Läufe dürfen sich überlappen, und nur die {timeout} der App beenden einen",
        "{task} przypada co {period}, jej przebiegi mogą się nakładać, a kończy je tylko domyślne {timeout} aplikacji",
    ),
    "check.MS503.why": (
        "A task whose code has a schedule skips while its last run goes on; one that is scheduled at run time does so only where it says so.",
        "Eine Aufgabe mit Zeitplan im Code überspringt, solange ihr letzter Lauf dauert; eine, die zur Laufzeit einen bekommt, nur wenn sie es sagt.",
        "Zadanie z harmonogramem w kodzie pomija, dopóki trwa ostatni przebieg; zadanie zaplanowane w czasie działania tylko, gdy tak mówi.",
    ),
    "check.MS503.fix": (
        'Give the task overlap="skip" (or "queue", "replace", "allow:2"), and a timeout below the period.',
        'Der Aufgabe overlap="skip" geben (oder "queue", "replace", "allow:2"), und einen Timeout unter der Periode.',
        'Podać zadaniu overlap="skip" (albo "queue", "replace", "allow:2") i limit czasu krótszy niż okres.',
    ),
    "check.MS504": (
        "{task} runs at {time} UTC ({text}): nobody said whose clock is meant",
        "{task} läuft um {time} UTC ({text}): Niemand hat gesagt, wessen Uhr gemeint ist",
        "{task} działa o {time} UTC ({text}): nikt nie powiedział, czyj zegar jest właściwy",
    ),
    "check.MS504.gap": (
        "{time} does not exist in {zone} on {day}: {task} runs at the first instant after the gap",
        "{time} gibt es in {zone} am {day} nicht: {task} läuft im ersten Augenblick nach der Lücke",
        "{time} nie istnieje w {zone} dnia {day}: {task} działa w pierwszej chwili po luce",
    ),
    "check.MS504.fold": (
        "{time} comes twice in {zone} on {day}: {task} runs at the first of the two",
        "{time} kommt in {zone} am {day} zweimal: {task} läuft beim ersten Mal",
        "{time} przypada w {zone} dwa razy dnia {day}: {task} działa przy pierwszym",
    ),
    "check.MS504.gap.wall": (
        '{time} does not exist in {zone} on {day}, and with dst="wall" {task} is left out that day',
        '{time} gibt es in {zone} am {day} nicht, und mit dst="wall" fällt {task} an dem Tag aus',
        '{time} nie istnieje w {zone} dnia {day} i przy dst="wall" {task} tego dnia wypada',
    ),
    "check.MS504.fold.wall": (
        '{time} comes twice in {zone} on {day}, and with dst="wall" {task} runs twice',
        '{time} kommt in {zone} am {day} zweimal, und mit dst="wall" läuft {task} zweimal',
        '{time} przypada w {zone} dwa razy dnia {day} i przy dst="wall" {task} działa dwa razy',
    ),
    "check.MS504.why": (
        "A time of day means something in one place only; without a zone it is an hour off for half of the year.",
        "Eine Uhrzeit bedeutet nur an einem Ort etwas; ohne Zone liegt sie ein halbes Jahr lang um eine Stunde daneben.",
        "Godzina znaczy coś tylko w jednym miejscu; bez strefy przez pół roku jest przesunięta o godzinę.",
    ),
    "check.MS504.fix": (
        'Say tz="Europe/Berlin", or tz="UTC" where that is meant; for work at night take an hour outside of 01:00 to 03:00.',
        'tz="Europe/Berlin" sagen, oder tz="UTC", wo das gemeint ist; nachts eine Stunde außerhalb von 01:00 bis 03:00 nehmen.',
        'Podać tz="Europe/Berlin" lub tz="UTC", jeśli o to chodzi; w nocy wybrać godzinę poza przedziałem 01:00–03:00.',
    ),
    "check.MS505": (
        "the schedule {text} of {task} never fires: {problem}",
        "der Zeitplan {text} von {task} feuert nie: {problem}",
        "harmonogram {text} zadania {task} nigdy nie zadziała: {problem}",
    ),
    "check.MS505.reboot": (
        "@reboot of {task} is no time: {problem}",
        "@reboot von {task} ist keine Zeit: {problem}",
        "@reboot zadania {task} nie jest czasem: {problem}",
    ),
    "check.MS505.period": (
        "the interval {text} of {task} is refused: {problem}",
        "das Intervall {text} von {task} wird abgelehnt: {problem}",
        "odstęp {text} zadania {task} jest odrzucany: {problem}",
    ),
    "check.MS505.zone": (
        "the schedule of {task} names a zone that does not exist: {problem}",
        "der Zeitplan von {task} nennt eine Zone, die es nicht gibt: {problem}",
        "harmonogram zadania {task} wymienia strefę, która nie istnieje: {problem}",
    ),
    "check.MS505.why": (
        "The app refuses to start with it; here it is said before that happens on a server.",
        "Die App startet damit nicht; hier wird es gesagt, bevor das auf einem Server geschieht.",
        "Aplikacja z nim nie wystartuje; tutaj mówi się o tym, zanim stanie się to na serwerze.",
    ),
    "check.MS505.fix": (
        "Write an expression that fires ('mainspring schedules preview' shows its next times); for the start of the app make it a service.",
        "Einen Ausdruck schreiben, der feuert ('mainspring schedules preview' zeigt die nächsten Zeiten); für den Start der App einen Dienst nehmen.",
        "Napisać wyrażenie, które zadziała ('mainspring schedules preview' pokazuje najbliższe czasy); na start aplikacji użyć usługi.",
    ),
    "check.MS506": (
        "{count} schedules of this project begin at {minute}, {task} among them",
        "{count} Zeitpläne dieses Projekts beginnen um {minute}, {task} ist einer davon",
        "{count} harmonogramów tego projektu zaczyna się o {minute}, {task} jest jednym z nich",
    ),
    "check.MS506.why": (
        "They come as one burst: queues, database and other systems are idle for the rest of the hour and overrun in that minute.",
        "Sie kommen als ein Stoß: Warteschlangen, Datenbank und andere Systeme ruhen die übrige Stunde und sind in dieser Minute überlaufen.",
        "Przychodzą jednym zrywem: kolejki, baza i inne systemy odpoczywają resztę godziny, a w tej minucie są przeciążone.",
    ),
    "check.MS506.fix": (
        'Spread them: jitter="5m", or window="01:00-05:00", or other minutes.',
        'Sie verteilen: jitter="5m", oder window="01:00-05:00", oder andere Minuten.',
        'Rozłożyć je: jitter="5m" albo window="01:00-05:00", albo inne minuty.',
    ),
    "check.MS507": (
        "{task} has a schedule and needs {param}: when the clock asks, nobody is there who could say it",
        "{task} hat einen Zeitplan und braucht {param}: Wenn die Uhr fragt, ist niemand da, der es sagen könnte",
        "{task} ma harmonogram i wymaga {param}: gdy pyta zegar, nie ma nikogo, kto mógłby to podać",
    ),
    "check.MS507.submitted": (
        "this request enqueues {task} for one {param}, and a schedule runs the same task: two kinds of work in one definition",
        "diese Anfrage reiht {task} für ein {param} ein, und ein Zeitplan führt dieselbe Aufgabe aus: zwei Arten Arbeit in einer Definition",
        "to żądanie kolejkuje {task} dla jednego {param}, a harmonogram wykonuje to samo zadanie: dwa rodzaje pracy w jednej definicji",
    ),
    "check.MS507.why": (
        "Work for one user is work on demand; a schedule is for what happens whoever is there.",
        "Arbeit für eine Person ist Arbeit auf Abruf; ein Zeitplan ist für das, was geschieht, wer immer da ist.",
        "Praca dla jednej osoby to praca na żądanie; harmonogram służy temu, co dzieje się niezależnie od obecnych.",
    ),
    "check.MS507.fix": (
        "Drop the schedule and enqueue the task where the user asks; or let a schedule enqueue one run for each user.",
        "Den Zeitplan streichen und die Aufgabe dort einreihen, wo jemand darum bittet; oder einen Zeitplan für jede Person einen Lauf einreihen lassen.",
        "Usunąć harmonogram i kolejkować zadanie tam, gdzie użytkownik o nie prosi; albo niech harmonogram kolejkuje przebieg dla każdego.",
    ),
    "check.MS508": (
        "the service {task} only rests for {period} and works: that is a schedule",
        "der Dienst {task} ruht nur {period} und arbeitet: Das ist ein Zeitplan",
        "usługa {task} tylko odpoczywa {period} i pracuje: to jest harmonogram",
    ),
    "check.MS508.client": (
        "this loop enqueues {task} every {period}: a schedule does that, once for all processes",
        "diese Schleife reiht {task} alle {period} ein: Das tut ein Zeitplan, einmal für alle Prozesse",
        "ta pętla kolejkuje {task} co {period}: robi to harmonogram, raz dla wszystkich procesów",
    ),
    "check.MS508.why": (
        "A schedule has slots that no restart loses, a history, one run in the whole fleet, and can be paused; a loop has none of it.",
        "Ein Zeitplan hat Termine, die kein Neustart verliert, einen Verlauf, einen Lauf in der ganzen Flotte und lässt sich anhalten; eine Schleife nichts davon.",
        "Harmonogram ma terminy, których nie gubi restart, historię, jeden przebieg w całej flocie i można go wstrzymać; pętla nie ma nic z tego.",
    ),
    "check.MS508.fix": (
        'Make it a task with schedule=every("…") and drop the loop.',
        'Eine Aufgabe mit schedule=every("…") daraus machen und die Schleife streichen.',
        'Zrobić z tego zadanie ze schedule=every("…") i usunąć pętlę.',
    ),
    "check.MS509": (
        "{task} goes through all of {head} in one run and calls {call} for each",
        "{task} geht in einem Lauf durch ganz {head} und ruft für jedes {call}",
        "{task} przechodzi w jednym przebiegu przez całe {head} i dla każdego wywołuje {call}",
    ),
    "check.MS509.why": (
        "One bad row ends the run, the next attempt does the good ones again, and it takes longer with each row that is added.",
        "Eine schlechte Zeile beendet den Lauf, der nächste Versuch wiederholt die guten, und mit jeder neuen Zeile dauert es länger.",
        "Jeden zły wiersz kończy przebieg, następna próba powtarza dobre, a z każdym nowym wierszem trwa to dłużej.",
    ),
    "check.MS509.fix": (
        'Let the scheduled run only enqueue: one run for each row (enqueue_many), with dedupe="…:{{row_id}}".',
        'Den geplanten Lauf nur einreihen lassen: einen Lauf je Zeile (enqueue_many), mit dedupe="…:{{row_id}}".',
        'Niech zaplanowany przebieg tylko kolejkuje: jeden przebieg na wiersz (enqueue_many), z dedupe="…:{{row_id}}".',
    ),
}
