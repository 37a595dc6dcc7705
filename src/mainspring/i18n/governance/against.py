"""What the deploy gate says."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.against.run": ("{n:run|runs}", "{n:Lauf|Läufe}", "{n:uruchomienie|uruchomienia|uruchomień}"),
    "check.against.schedule": ("{n:schedule|schedules}", "{n:Zeitplan|Zeitpläne}", "{n:harmonogram|harmonogramy|harmonogramów}"),
    "check.against.cause.gone": (
        "the code has no task of this name: keep it until they are done, or cancel them",
        "der Code hat keine Task dieses Namens: behalten, bis sie fertig sind, oder sie abbrechen",
        "w kodzie nie ma zadania o tej nazwie: zachować je, aż się skończą, albo je anulować",
    ),
    "check.against.cause.newer": (
        "their parameters are of a newer version than the code ({said}): they would wait for newer code",
        "ihre Parameter sind von neuerer Version als der Code ({said}): sie würden auf neueren Code warten",
        "ich parametry są w wersji nowszej niż kod ({said}): czekałyby na nowszy kod",
    ),
    "check.against.cause.no-upgrader": (
        "their parameters are of an older version ({said}) and the task declares no upgrade=",
        "ihre Parameter sind von älterer Version ({said}), und die Task nennt kein upgrade=",
        "ich parametry są w starszej wersji ({said}), a zadanie nie deklaruje upgrade=",
    ),
    "check.against.cause.missing": (
        "{param} is missing: give it a default, or raise params_version and declare upgrade=",
        "{param} fehlt: einen Standardwert geben, oder params_version erhöhen und upgrade= nennen",
        "brak {param}: nadać wartość domyślną albo podnieść params_version i zadeklarować upgrade=",
    ),
    "check.against.cause.unknown": (
        "{param} is no longer taken: raise params_version and declare upgrade=",
        "{param} wird nicht mehr genommen: params_version erhöhen und upgrade= nennen",
        "{param} nie jest już przyjmowany: podnieść params_version i zadeklarować upgrade=",
    ),
    "check.against.cause.wrong": (
        "{param} no longer fits ({said}): raise params_version and declare upgrade=",
        "{param} passt nicht mehr ({said}): params_version erhöhen und upgrade= nennen",
        "{param} już nie pasuje ({said}): podnieść params_version i zadeklarować upgrade=",
    ),
    "check.against.cause.unreadable": (
        "their parameters cannot be read at all", "ihre Parameter sind überhaupt nicht lesbar", "ich parametrów w ogóle nie da się odczytać",
    ),
    "check.against.nearest": (
        "(there is {task}: was it renamed?)", "(es gibt {task}: umbenannt?)", "(jest {task}: zmieniono nazwę?)",
    ),
    "check.against.broken": (
        "{n} of {runs} waiting runs and {m} of {schedules} schedules would break",
        "{n} von {runs} wartenden Läufen und {m} von {schedules} Zeitplänen würden brechen",
        "zepsułoby się {n} z {runs} czekających uruchomień i {m} z {schedules} harmonogramów",
    ),
    "check.against.safe": (
        "Nothing would break: {runs} waiting runs and {schedules} schedules fit this code",
        "Nichts würde brechen: {runs} wartende Läufe und {schedules} Zeitpläne passen zu diesem Code",
        "Nic się nie zepsuje: czekające uruchomienia ({runs}) i harmonogramy ({schedules}) pasują do tego kodu",
    ),
    "check.against.upgraded": (
        "{n:run|runs} will be turned into today's form by upgrade=",
        "{n:Lauf|Läufe} bringt upgrade= in die heutige Form",
        "{n:uruchomienie|uruchomienia|uruchomień} przekształci upgrade=",
    ),
    "check.against.elsewhere": (
        "{n:run was|runs were} not looked into: the file with the parameters cannot be read from here",
        "{n:Lauf wurde|Läufe wurden} nicht angesehen: die Datei mit den Parametern ist von hier nicht lesbar",
        "{n:uruchomienia|uruchomień} nie sprawdzono: pliku z parametrami nie da się stąd odczytać",
    ),
    "check.against.slow": (
        "{task}: of its last {n} runs one in twenty took longer than {p95}, and {schedule} fires every {period}: a longer interval, or work on demand",
        "{task}: von den letzten {n} Läufen dauerte einer von zwanzig länger als {p95}, und {schedule} feuert alle {period}: ein längerer Abstand, oder Arbeit auf Abruf",
        "{task}: z ostatnich {n} uruchomień jedno na dwadzieścia trwało dłużej niż {p95}, a {schedule} uruchamia co {period}: dłuższy odstęp albo praca na żądanie",
    ),
    "check.against.cut": (
        "There are more kinds of breakage than are shown", "Es gibt mehr Arten von Brüchen, als gezeigt werden", "Rodzajów usterek jest więcej, niż pokazano",
    ),
    "check.against.database-behind": (
        "The database's schema is at {database}, this code needs {code}: run 'mainspring migrate' first",
        "Das Schema der Datenbank steht bei {database}, dieser Code braucht {code}: zuerst 'mainspring migrate'",
        "Schemat bazy jest w wersji {database}, ten kod potrzebuje {code}: najpierw 'mainspring migrate'",
    ),
    "check.against.code-behind": (
        "The database's schema is at {database}, this code knows {code}: upgrade mainspring here",
        "Das Schema der Datenbank steht bei {database}, dieser Code kennt {code}: mainspring hier aktualisieren",
        "Schemat bazy jest w wersji {database}, ten kod zna {code}: zaktualizować tu mainspring",
    ),
}  # fmt: skip
