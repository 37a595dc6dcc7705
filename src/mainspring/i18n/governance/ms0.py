"""Words of the rules for written exceptions, and for files that nobody could read."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.MS001": (
        "an exception without a code excepts nothing",
        "eine Ausnahme ohne Code nimmt nichts aus",
        "wyjątek bez kodu niczego nie obejmuje",
    ),
    "check.MS001.unknown": (
        "there is no rule {code} that could be excepted",
        "es gibt keine Regel {code}, von der man ausnehmen könnte",
        "nie ma reguły {code}, dla której można zrobić wyjątek",
    ),
    "check.MS001.why": (
        "A blanket exception hides what is found next year as well",
        "Eine pauschale Ausnahme verdeckt auch, was nächstes Jahr gefunden wird",
        "Ogólny wyjątek ukryje także to, co zostanie znalezione za rok",
    ),
    "check.MS001.fix": (
        "name the code: # mainspring: allow[MS101] GROUND -- REASON; noqa and ignore are not known here",
        "den Code nennen: # mainspring: allow[MS101] GRUND -- BEGRÜNDUNG; noqa und ignore gelten hier nicht",
        "podać kod: # mainspring: allow[MS101] POWÓD -- UZASADNIENIE; noqa i ignore tu nie działają",
    ),
    "check.MS002": (
        "this exception gives no ground; there are {grounds}",
        "diese Ausnahme nennt keinen Grund; es gibt {grounds}",
        "ten wyjątek nie podaje powodu; dostępne są {grounds}",
    ),
    "check.MS002.unknown": (
        "{ground} is no ground; there are {grounds}",
        "{ground} ist kein Grund; es gibt {grounds}",
        "{ground} nie jest powodem; dostępne są {grounds}",
    ),
    "check.MS002.extra": (
        "behind the ground {ground} stands {extra}; the reason begins with --",
        "hinter dem Grund {ground} steht {extra}; die Begründung beginnt mit --",
        "za powodem {ground} stoi {extra}; uzasadnienie zaczyna się od --",
    ),
    "check.MS002.why": (
        "A ground is what can be checked and counted; prose alone is neither",
        "Ein Grund lässt sich prüfen und zählen; bloße Prosa nicht",
        "Powód można sprawdzić i policzyć; samej prozy nie",
    ),
    "check.MS002.fix": (
        "put the ground that is true between the code and the reason, or mend the code",
        "den zutreffenden Grund zwischen Code und Begründung setzen, oder den Code ändern",
        "wstawić prawdziwy powód między kodem a uzasadnieniem albo poprawić program",
    ),
    "check.MS003": (
        "this exception does not say why: {reason}",
        "diese Ausnahme sagt nicht, warum: {reason}",
        "ten wyjątek nie mówi dlaczego: {reason}",
    ),
    "check.MS003.empty": (
        "this exception gives no reason",
        "diese Ausnahme nennt keinen Grund dafür",
        "ten wyjątek nie podaje uzasadnienia",
    ),
    "check.MS003.copied": (
        "this reason is what the rule says anyway: {reason}",
        "diese Begründung sagt nur, was die Regel ohnehin sagt: {reason}",
        "to uzasadnienie powtarza tylko treść reguły: {reason}",
    ),
    "check.MS003.why": (
        "Whoever reads it next has to know what is lost when the process ends, and why that is all right",
        "Wer es als Nächstes liest, muss wissen, was mit dem Prozess verloren geht und warum das in Ordnung ist",
        "Następny czytelnik musi wiedzieć, co ginie wraz z procesem i dlaczego to w porządku",
    ),
    "check.MS003.fix": (
        "write behind -- in at least four words and 20 characters what is lost when it is lost",
        "hinter -- in mindestens vier Wörtern und 20 Zeichen schreiben, was verloren ist, wenn es verloren geht",
        "po -- napisać co najmniej czterema słowami i 20 znakami, co się traci, gdy to zginie",
    ),
    "check.MS004": (
        "this exception for {codes} excepts nothing",
        "diese Ausnahme für {codes} nimmt nichts aus",
        "ten wyjątek dla {codes} niczego nie obejmuje",
    ),
    "check.MS004.part": (
        "this exception also names {codes}, which nothing here is found by",
        "diese Ausnahme nennt auch {codes}, wovon hier nichts gefunden wird",
        "ten wyjątek wymienia też {codes}, choć nic tu nie znaleziono",
    ),
    "check.MS004.glob": (
        "no file is called {codes}, which per-file-allow excepts",
        "keine Datei heißt {codes}, die per-file-allow ausnimmt",
        "żaden plik nie nazywa się {codes}, a per-file-allow go wyjmuje",
    ),
    "check.MS004.why": (
        "It would silently cover whatever is written there one day",
        "Sie würde stillschweigend decken, was dort eines Tages steht",
        "Po cichu objąłby wszystko, co kiedyś się tam pojawi",
    ),
    "check.MS004.fix": (
        "delete it, or let --fix do so",
        "löschen, oder --fix löschen lassen",
        "usunąć albo pozwolić to zrobić --fix",
    ),
    "check.MS005": (
        "the ground {ground} is not true for {code} here: {because}",
        "der Grund {ground} trifft hier für {code} nicht zu: {because}",
        "powód {ground} nie jest tu prawdziwy dla {code}: {because}",
    ),
    "check.MS005.engine": (
        "{module} lies in no package that engine-packages declares",
        "{module} liegt in keinem Paket, das engine-packages nennt",
        "{module} nie leży w żadnym pakiecie podanym w engine-packages",
    ),
    "check.MS005.why": (
        "An exception on a ground that is not true only silences the checker",
        "Eine Ausnahme aus einem Grund, der nicht zutrifft, bringt nur den Prüfer zum Schweigen",
        "Wyjątek z nieprawdziwego powodu tylko ucisza narzędzie",
    ),
    "check.MS005.fix": (
        "make it a task, or change the code so that the ground is true",
        "eine Aufgabe daraus machen, oder den Code so ändern, dass der Grund zutrifft",
        "zrobić z tego zadanie albo zmienić kod tak, by powód był prawdziwy",
    ),
    "check.MS006": (
        "this exception ended on {until}",
        "diese Ausnahme endete am {until}",
        "ten wyjątek skończył się {until}",
    ),
    "check.MS006.missing": (
        "a migration has an end: until= is missing, {last} at the latest",
        "eine Migration hat ein Ende: until= fehlt, spätestens {last}",
        "migracja ma koniec: brakuje until=, najpóźniej {last}",
    ),
    "check.MS006.unreadable": (
        "until={until} is no date such as {last}",
        "until={until} ist kein Datum wie {last}",
        "until={until} nie jest datą taką jak {last}",
    ),
    "check.MS006.far": (
        "until={until} is too far away for a migration; {last} at the latest",
        "until={until} ist für eine Migration zu weit weg; spätestens {last}",
        "until={until} to za daleko dla migracji; najpóźniej {last}",
    ),
    "check.MS006.why": (
        "What was to go one day stays for ever unless somebody is asked again",
        "Was eines Tages verschwinden sollte, bleibt für immer, wenn niemand noch einmal gefragt wird",
        "To, co miało kiedyś zniknąć, zostanie na zawsze, jeśli nikt nie zapyta ponownie",
    ),
    "check.MS006.fix": (
        "convert the code to a task, or set a new until= within 180 days and say why it takes longer",
        "den Code in eine Aufgabe umwandeln, oder ein neues until= binnen 180 Tagen setzen und sagen, warum es länger dauert",
        "zamienić kod na zadanie albo ustawić nowe until= w ciągu 180 dni i napisać, dlaczego trwa to dłużej",
    ),
    "check.MS007": (
        "{n} exceptions stand in this file; {most} are allowed",
        "{n} Ausnahmen stehen in dieser Datei; {most} sind erlaubt",
        "w tym pliku jest {n} wyjątków; dozwolonych jest {most}",
    ),
    "check.MS007.comment": (
        "no comment excepts a file or a block",
        "kein Kommentar nimmt eine Datei oder einen Block aus",
        "żaden komentarz nie wyjmuje całego pliku ani bloku",
    ),
    "check.MS007.file": (
        "a whole file is excepted that is neither generated nor an engine's",
        "eine ganze Datei ist ausgenommen, die weder erzeugt ist noch zu einer Engine gehört",
        "wyjęty jest cały plik, który nie jest ani wygenerowany, ani częścią silnika",
    ),
    "check.MS007.why": (
        "The wider an exception is, the more it covers that nobody has looked at",
        "Je breiter eine Ausnahme ist, desto mehr deckt sie, was niemand angesehen hat",
        "Im szerszy wyjątek, tym więcej obejmuje rzeczy, których nikt nie obejrzał",
    ),
    "check.MS007.fix": (
        "except single statements, each with its reason; for a file that is to be converted use migration until=",
        "einzelne Anweisungen ausnehmen, jede mit ihrer Begründung; für eine Datei, die umgestellt wird, migration until= nehmen",
        "wyjmować pojedyncze instrukcje, każdą z uzasadnieniem; dla pliku do przerobienia użyć migration until=",
    ),
    "check.MS008": (
        "this file was not wholly looked into: {problem}",
        "diese Datei wurde nicht ganz angesehen: {problem}",
        "ten plik nie został w pełni sprawdzony: {problem}",
    ),
    "check.MS008.why": (
        "What cannot be read may hold anything; it is not clean",
        "Was sich nicht lesen lässt, kann alles enthalten; sauber ist es nicht",
        "To, czego nie da się odczytać, może zawierać wszystko; nie jest czyste",
    ),
    "check.MS008.fix": (
        "run the checker with the Python that the file is written for, or exclude the file in the configuration",
        "den Prüfer mit dem Python laufen lassen, für das die Datei geschrieben ist, oder sie in der Konfiguration ausschließen",
        "uruchomić narzędzie tym Pythonem, dla którego plik napisano, albo wykluczyć go w konfiguracji",
    ),
}
