"""Words of the rules for home-made queues, retries and chains."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.MS301": (
        "{target} takes work from the queue {queue}, which lives in this process's memory",
        "{target} nimmt Arbeit aus der Warteschlange {queue}, die im Speicher dieses Prozesses liegt",
        "{target} bierze pracę z kolejki {queue}, która żyje w pamięci tego procesu",
    ),
    "check.MS301.local": (
        "{target} empties the queue {queue} in memory; as far as can be seen nothing is lost with it but this process's own data",
        "{target} leert die Warteschlange {queue} im Speicher; soweit erkennbar, gehen mit ihr nur Daten dieses Prozesses verloren",
        "{target} opróżnia kolejkę {queue} w pamięci; o ile widać, ginie z nią tylko to, co należy do tego procesu",
    ),
    "check.MS301.why": (
        "a restart empties the queue, nobody sees its length, and an error in the consumer stops everything behind it",
        "ein Neustart leert die Warteschlange, niemand sieht ihre Länge, und ein Fehler im Abnehmer hält alles Folgende an",
        "restart opróżnia kolejkę, nikt nie widzi jej długości, a błąd odbiorcy zatrzymuje wszystko, co za nim",
    ),
    "check.MS301.fix": (
        "make the consumer's body a task and enqueue where something is put into the queue: await f.enqueue(…)",
        "den Rumpf des Abnehmers zum Task machen und dort einreihen, wo heute in die Warteschlange gelegt wird: await f.enqueue(…)",
        "zamienić ciało odbiorcy w zadanie i zlecać je tam, gdzie dziś wkłada się do kolejki: await f.enqueue(…)",
    ),
    "check.MS302": (
        "{target} is a home-made queue on a broker's list ({queue}): what it has taken is gone when it dies",
        "{target} ist eine selbst gebaute Warteschlange auf der Liste eines Brokers ({queue}): was entnommen ist, ist bei einem Absturz weg",
        "{target} to samodzielnie zbudowana kolejka na liście brokera ({queue}): co zostało wyjęte, przepada wraz z procesem",
    ),
    "check.MS302.stream": (
        "{target} is a home-made queue on a broker's stream ({queue}), with claiming, retries and dead letters left to this code",
        "{target} ist eine selbst gebaute Warteschlange auf einem Stream ({queue}); Übernahme, Wiederholung und Aussortieren bleiben diesem Code",
        "{target} to samodzielnie zbudowana kolejka na strumieniu brokera ({queue}); przejmowanie, ponowienia i odrzuty zostają temu kodowi",
    ),
    "check.MS302.why": (
        "popping is not acknowledging: no retry, no timeout, no record of what ran, and no limit on what runs twice",
        "entnehmen ist nicht quittieren: keine Wiederholung, kein Zeitlimit, keine Aufzeichnung, und nichts verhindert doppelte Läufe",
        "wyjęcie to nie potwierdzenie: brak ponowień, limitu czasu i śladu wykonania, nic też nie chroni przed podwójnym wykonaniem",
    ),
    "check.MS302.fix": (
        "make the loop's body a task and enqueue it where the list is pushed to; several queues are @task(queue=…)",
        "den Rumpf der Schleife zum Task machen und ihn dort einreihen, wo in die Liste gelegt wird; mehrere Bahnen sind @task(queue=…)",
        "zamienić ciało pętli w zadanie i zlecać je tam, gdzie dziś dopisuje się do listy; kilka kolejek to @task(queue=…)",
    ),
    "check.MS303": (
        "{target} is a home-made queue on a table ({queue}): it looks for waiting rows and works them off",
        "{target} ist eine selbst gebaute Warteschlange auf einer Tabelle ({queue}): sie sucht wartende Zeilen und arbeitet sie ab",
        "{target} to samodzielnie zbudowana kolejka na tabeli ({queue}): szuka oczekujących wierszy i je przetwarza",
    ),
    "check.MS303.listen": (
        "{target} listens to the database's notifications ({queue}) and works on what they say",
        "{target} lauscht auf Benachrichtigungen der Datenbank ({queue}) und bearbeitet, was sie melden",
        "{target} nasłuchuje powiadomień bazy ({queue}) i przetwarza to, co mówią",
    ),
    "check.MS303.why": (
        "rows of a dead worker stay taken, nothing is tried again, and the table grows without anybody pruning it",
        "Zeilen eines toten Workers bleiben vergeben, nichts wird wiederholt, und die Tabelle wächst, ohne dass jemand aufräumt",
        "wiersze martwego workera pozostają zajęte, nic nie jest ponawiane, a tabela rośnie i nikt jej nie czyści",
    ),
    "check.MS303.fix": (
        "make the work a task and enqueue it in the transaction that writes the row: f.options(connection=session)",
        "die Arbeit zum Task machen und in der Transaktion einreihen, welche die Zeile schreibt: f.options(connection=session)",
        "zamienić pracę w zadanie i zlecać je w transakcji, która zapisuje wiersz: f.options(connection=session)",
    ),
    "check.MS304": (
        "{target} tries again by hand, with sleeps, while nobody waits for it: a restart in between ends it",
        "{target} wiederholt von Hand und schläft dazwischen, während niemand darauf wartet: ein Neustart beendet es",
        "{target} ponawia ręcznie i śpi pomiędzy próbami, choć nikt na to nie czeka: restart to kończy",
    ),
    "check.MS304.why": (
        "attempts that only a sleeping coroutine knows of are lost with the process, and the last error with them",
        "Versuche, von denen nur eine schlafende Coroutine weiß, gehen mit dem Prozess verloren, und der letzte Fehler mit ihnen",
        "próby, o których wie tylko śpiąca korutyna, giną razem z procesem, a z nimi ostatni błąd",
    ),
    "check.MS304.fix": (
        "give the policy to the engine: @task(retry=Retry(retries=5)), and raise Fail for what must not be tried again",
        "die Regel der Engine geben: @task(retry=Retry(retries=5)), und Fail auslösen für das, was nicht wiederholt werden darf",
        "oddać regułę silnikowi: @task(retry=Retry(retries=5)), a dla tego, czego nie wolno ponawiać, zgłosić Fail",
    ),
    "check.MS305": (
        "{count} steps run one after the other behind the answer ({steps}): the later ones need what the earlier ones did",
        "{count} Schritte laufen nacheinander hinter der Antwort ({steps}): die späteren brauchen, was die früheren getan haben",
        "{count} kroków wykonuje się kolejno po odpowiedzi ({steps}): późniejsze potrzebują tego, co zrobiły wcześniejsze",
    ),
    "check.MS305.callback": (
        "when {target} is done its callback starts {steps}: a chain that only this process remembers",
        "ist {target} fertig, startet sein Callback {steps}: eine Kette, die nur dieser Prozess kennt",
        "gdy {target} się skończy, jego callback uruchamia {steps}: łańcuch, o którym pamięta tylko ten proces",
    ),
    "check.MS305.why": (
        "when the second step fails or the process stops, the first is done, the third never comes, and nobody knows",
        "scheitert der zweite Schritt oder endet der Prozess, ist der erste getan, der dritte kommt nie, und niemand weiß davon",
        "gdy drugi krok zawiedzie lub proces stanie, pierwszy jest zrobiony, trzeci nigdy nie nastąpi i nikt o tym nie wie",
    ),
    "check.MS305.fix": (
        "make it one task that does the steps in order and can be repeated; where steps exist, a step for each",
        "einen Task daraus machen, der die Schritte der Reihe nach tut und wiederholbar ist; wo es Schritte gibt, je einen",
        "zamienić to w jedno zadanie, które wykonuje kroki po kolei i daje się powtórzyć; gdzie są kroki, po jednym na każdy",
    ),
    "check.MS306": (
        "{status} is written here, beside the start of {target}, which writes it as well: the later of the two wins",
        "{status} wird hier geschrieben, neben dem Start von {target}, das es ebenfalls schreibt: der Spätere gewinnt",
        "{status} zapisuje się tutaj, obok startu {target}, które też je zapisuje: wygrywa późniejszy",
    ),
    "check.MS306.alone": (
        "{status} is written here, beside the start of {target}: when the work is lost, the row says so to nobody",
        "{status} wird hier geschrieben, neben dem Start von {target}: geht die Arbeit verloren, sagt die Zeile es niemandem",
        "{status} zapisuje się tutaj, obok startu {target}: gdy praca przepadnie, wiersz nikomu tego nie powie",
    ),
    "check.MS306.why": (
        "a state has one writer, who knows what happened; two of them overtake each other, and rows stay running for ever",
        "ein Zustand hat einen Schreiber, der weiß, was geschah; zwei überholen einander, und Zeilen bleiben für immer laufend",
        "stan ma jednego piszącego, który wie, co się stało; dwóch się wyprzedza, a wiersze na zawsze pozostają w toku",
    ),
    "check.MS306.fix": (
        "enqueue a task and read its run's state (await run.status()); the executor alone writes it",
        "einen Task einreihen und den Zustand seines Laufs lesen (await run.status()); geschrieben wird er nur vom Ausführenden",
        "zlecić zadanie i czytać stan jego uruchomienia (await run.status()); zapisuje go tylko wykonawca",
    ),
}
