"""Words of MS601 to MS603: code that asks for what the project's engine, schema or backend does not have."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.MS601": (
        "{feature} needs mainspring {need}, and this project has {have} ({source})",
        "{feature} braucht mainspring {need}, und dieses Projekt hat {have} ({source})",
        "{feature} wymaga mainspring {need}, a ten projekt ma {have} ({source})",
    ),
    "check.MS601.never": (
        "{feature} is in no version of mainspring so far, and this project has {have} ({source})",
        "{feature} gibt es bisher in keiner Version von mainspring, und dieses Projekt hat {have} ({source})",
        "{feature} nie ma dotąd w żadnej wersji mainspring, a ten projekt ma {have} ({source})",
    ),
    "check.MS601.none": (
        "{feature} is in no version of mainspring so far",
        "{feature} gibt es bisher in keiner Version von mainspring",
        "{feature} nie ma dotąd w żadnej wersji mainspring",
    ),
    "check.MS601.requires": (
        "{task} asks for {need}, this project has {have} ({source}): it will not be registered",
        "{task} verlangt {need}, dieses Projekt hat {have} ({source}): Sie wird nicht registriert",
        "{task} wymaga {need}, ten projekt ma {have} ({source}): nie zostanie zarejestrowane",
    ),
    "check.MS601.why": (
        "It fails when the module is imported on a server, and with it everything else that stands there.",
        "Es scheitert, wenn das Modul auf einem Server importiert wird, und mit ihm alles andere, was dort steht.",
        "Zawiedzie przy imporcie modułu na serwerze, a z nim wszystko inne, co tam jest.",
    ),
    "check.MS601.fix": (
        "Upgrade the engine and its lock file, or take the fallback: 'mainspring advise' names it with what is lost.",
        "Die Engine samt Lock-Datei anheben, oder den Ersatz nehmen: 'mainspring advise' nennt ihn und was dabei verloren geht.",
        "Podnieść wersję silnika i plik blokady albo wziąć zamiennik: 'mainspring advise' podaje go wraz ze stratami.",
    ),
    "check.MS602": (
        "{feature} needs the schema {need}, and the database has {have} ({source})",
        "{feature} braucht das Schema {need}, und die Datenbank hat {have} ({source})",
        "{feature} wymaga schematu {need}, a baza danych ma {have} ({source})",
    ),
    "check.MS602.requires": (
        "{task} asks for {need}, the database has the schema {have} ({source}): it will not be registered",
        "{task} verlangt {need}, die Datenbank hat das Schema {have} ({source}): Sie wird nicht registriert",
        "{task} wymaga {need}, baza danych ma schemat {have} ({source}): nie zostanie zarejestrowane",
    ),
    "check.MS602.why": (
        "A worker refuses to claim from a database that is behind its code; what is enqueued until then waits.",
        "Ein Worker nimmt nichts aus einer Datenbank, die hinter seinem Code zurück ist; was bis dahin eingereiht wird, wartet.",
        "Worker nie bierze pracy z bazy, która jest za jego kodem; to, co do tego czasu zakolejkowano, czeka.",
    ),
    "check.MS602.fix": (
        "Run 'mainspring migrate' before the deploy, and write the new mainspring.lock.",
        "Vor dem Deployment 'mainspring migrate' ausführen und die neue mainspring.lock schreiben.",
        "Uruchomić 'mainspring migrate' przed wdrożeniem i zapisać nowy mainspring.lock.",
    ),
    "check.MS603": (
        "{feature} needs {need}, and this project's store is {have} ({source})",
        "{feature} braucht {need}, und der Speicher dieses Projekts ist {have} ({source})",
        "{feature} wymaga {need}, a magazyn tego projektu to {have} ({source})",
    ),
    "check.MS603.deployment": (
        "{feature} needs a process that stays ({need}), and this project is deployed as {have} ({source})",
        "{feature} braucht einen Prozess, der bleibt ({need}), und dieses Projekt läuft als {have} ({source})",
        "{feature} wymaga procesu, który zostaje ({need}), a ten projekt działa jako {have} ({source})",
    ),
    "check.MS603.requires": (
        "{task} asks for {need}, this project's store is {have} ({source}): it will not be registered",
        "{task} verlangt {need}, der Speicher dieses Projekts ist {have} ({source}): Sie wird nicht registriert",
        "{task} wymaga {need}, magazyn tego projektu to {have} ({source}): nie zostanie zarejestrowane",
    ),
    "check.MS603.why": (
        "It never starts there, and nothing fails loudly: the work just does not happen.",
        "Dort beginnt es nie, und nichts scheitert laut: Die Arbeit geschieht einfach nicht.",
        "Nigdy tam nie ruszy i nic głośno nie zawiedzie: praca po prostu się nie odbywa.",
    ),
    "check.MS603.fix": (
        "Move to a store or deployment that has it, or take the fallback that 'mainspring advise' names.",
        "Auf einen Speicher oder Betrieb wechseln, der es hat, oder den Ersatz nehmen, den 'mainspring advise' nennt.",
        "Przejść na magazyn lub wdrożenie, które to ma, albo wziąć zamiennik podany przez 'mainspring advise'.",
    ),
}
