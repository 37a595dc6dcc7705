"""Words of the door: signing in, and who may come in."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str, str]] = {
    "web.login.title": ("Sign in", "Anmelden", "Logowanie"),
    "web.login.name": ("Name", "Name", "Nazwa"),
    "web.login.password": ("Password", "Passwort", "Hasło"),
    "web.login.go": ("Sign in", "Anmelden", "Zaloguj"),
    "web.login.oidc": ("Sign in with {house}", "Mit {house} anmelden", "Zaloguj przez {house}"),
    "web.login.nobody": (
        (
            "Nobody can sign in with a password yet. The terminal that started this server shows a link, or tells which file has "
            "it; 'mainspring access link' makes another."
        ),
        (
            "Noch kann sich niemand mit einem Passwort anmelden. Das Terminal, in dem dieser Server gestartet wurde, zeigt einen "
            "Link oder nennt die Datei, in der er steht; „mainspring access link“ erzeugt einen neuen."
        ),
        (
            "Nikt nie może jeszcze zalogować się hasłem. Terminal, w którym uruchomiono ten serwer, pokazuje link albo podaje "
            "plik, w którym się on znajduje; „mainspring access link” tworzy nowy."
        ),
    ),
    "web.login.open": (
        "On this machine, open the address that the server has printed: it has the token in it.",
        "Auf diesem Rechner genügt die Adresse, die der Server ausgegeben hat: Sie enthält das Token.",
        "Na tym komputerze wystarczy otworzyć adres wypisany przez serwer: zawiera on token.",
    ),
    "web.login.wrong": ("Name or password is wrong.", "Name oder Passwort ist falsch.", "Nazwa lub hasło są nieprawidłowe."),
    "web.login.locked": (
        "Too many tries. Wait {minutes} min and try again.",
        "Zu viele Versuche. Bitte {minutes} min warten und erneut versuchen.",
        "Zbyt wiele prób. Odczekaj {minutes} min i spróbuj ponownie.",
    ),
    "web.login.refused": (
        "{house} did not let you in: {why}",
        "{house} hat die Anmeldung abgelehnt: {why}",
        "{house} odrzucił logowanie: {why}",
    ),
    "web.login.unmapped": (
        "{name} is known there, but may not come in here: MAINSPRING_ACCESS_ROLES says who may.",
        "{name} ist dort bekannt, darf hier aber nicht herein: MAINSPRING_ACCESS_ROLES legt fest, wer darf.",
        "{name} jest tam znany, ale nie ma tu dostępu: o dostępie decyduje MAINSPRING_ACCESS_ROLES.",
    ),
    "web.login.out": ("You are signed out.", "Die Abmeldung ist erfolgt.", "Wylogowano."),
    "web.login.out.there": ("Sign out at {house} as well", "Auch bei {house} abmelden", "Wyloguj także z {house}"),
    "web.link.title": ("Let this browser in", "Diesen Browser hereinlassen", "Wpuść tę przeglądarkę"),
    "web.link.text": (
        "This link works once. It lets this browser in as administrator.",
        "Dieser Link gilt einmal. Er lässt diesen Browser als Administrator herein.",
        "Ten link działa jeden raz. Wpuszcza tę przeglądarkę jako administratora.",
    ),
    "web.link.go": ("Come in", "Eintreten", "Wejdź"),
    "web.link.over": (
        "This link has been used or is over. 'mainspring access link' makes another.",
        "Dieser Link wurde benutzt oder ist abgelaufen. „mainspring access link“ erzeugt einen neuen.",
        "Ten link został już użyty albo wygasł. „mainspring access link” tworzy nowy.",
    ),
    "web.settings.access": ("Access", "Zugang", "Dostęp"),
    "web.access.you": ("You", "Angemeldet", "Zalogowano"),
    "web.access.you.text": ("{name}, {role}", "{name}, {role}", "{name}, {role}"),
    "web.access.password": ("Your password", "Eigenes Passwort", "Własne hasło"),
    "web.access.password.old": ("Old password", "Altes Passwort", "Stare hasło"),
    "web.access.password.new": ("New password", "Neues Passwort", "Nowe hasło"),
    "web.access.password.hint": (
        "At least 12 characters. Your other browsers are signed out.",
        "Mindestens 12 Zeichen. Alle anderen Browser werden abgemeldet.",
        "Co najmniej 12 znaków. Pozostałe przeglądarki zostaną wylogowane.",
    ),
    "web.access.password.change": ("Change password", "Passwort ändern", "Zmień hasło"),
    "web.access.users": ("People", "Personen", "Osoby"),
    "web.access.users.none": ("Nobody has a name here yet.", "Noch hat hier niemand einen Namen.", "Nikt nie ma tu jeszcze nazwy."),
    "web.access.users.add": ("Add somebody", "Person hinzufügen", "Dodaj osobę"),
    "web.access.name": ("Name", "Name", "Nazwa"),
    "web.access.role": ("Role", "Rolle", "Rola"),
    "web.access.role.viewer": ("Viewer", "Betrachter", "Obserwator"),
    "web.access.role.operator": ("Operator", "Operator", "Operator"),
    "web.access.role.admin": ("Administrator", "Administrator", "Administrator"),
    "web.access.tenants": ("Tenants", "Mandanten", "Najemcy"),
    "web.access.tenants.hint": (
        "Separated by commas; empty means all.",
        "Durch Kommas getrennt; leer heißt alle.",
        "Rozdzielone przecinkami; puste oznacza wszystkich.",
    ),
    "web.access.all": ("all", "alle", "wszystkie"),
    "web.access.seen": ("Last signed in", "Zuletzt angemeldet", "Ostatnie logowanie"),
    "web.access.state": ("State", "Zustand", "Stan"),
    "web.access.state.in": ("may come in", "darf herein", "ma dostęp"),
    "web.access.state.out": ("disabled", "gesperrt", "zablokowany"),
    "web.access.actions": ("Actions", "Aktionen", "Działania"),
    "web.access.set": ("Set", "Setzen", "Ustaw"),
    "web.access.disable": ("Disable", "Sperren", "Zablokuj"),
    "web.access.enable": ("Enable", "Freigeben", "Odblokuj"),
    "web.access.remove": ("Remove", "Entfernen", "Usuń"),
    "web.access.remove.user": (
        "{name} is removed with all sessions and tokens.",
        "{name} wird mit allen Sitzungen und Token entfernt.",
        "{name} zostanie usunięty wraz ze wszystkimi sesjami i tokenami.",
    ),
    "web.access.tokens": ("API tokens", "API-Token", "Tokeny API"),
    "web.access.tokens.none": ("There are no tokens.", "Es gibt keine Token.", "Nie ma tokenów."),
    "web.access.tokens.add": ("Make a token", "Token erzeugen", "Utwórz token"),
    "web.access.tokens.made": (
        "This token is shown once. Copy it now.",
        "Dieses Token wird nur einmal gezeigt. Bitte jetzt kopieren.",
        "Ten token jest pokazywany tylko raz. Skopiuj go teraz.",
    ),
    "web.access.tokens.label": ("What it is for", "Wofür es ist", "Do czego służy"),
    "web.access.tokens.tasks": ("Tasks", "Aufgaben", "Zadania"),
    "web.access.tokens.tasks.hint": (
        "Separated by commas, a star at the end stands for anything; empty means all.",
        "Durch Kommas getrennt, ein Stern am Ende steht für Beliebiges; leer heißt alle.",
        "Rozdzielone przecinkami, gwiazdka na końcu zastępuje cokolwiek; puste oznacza wszystkie.",
    ),
    "web.access.tokens.expires": ("Good for", "Gültig für", "Ważny przez"),
    "web.access.tokens.expires.hint": ("As 90d, 12h or never.", "Etwa 90d, 12h oder never.", "Na przykład 90d, 12h albo never."),
    "web.access.tokens.until": ("Until", "Bis", "Do"),
    "web.access.tokens.never": ("never ends", "ohne Ende", "bezterminowo"),
    "web.access.tokens.used": ("Last used", "Zuletzt benutzt", "Ostatnio użyty"),
    "web.access.tokens.over": ("over", "ungültig", "nieważny"),
    "web.access.tokens.open": ("valid", "gültig", "ważny"),
    "web.access.tokens.revoke": ("Revoke", "Widerrufen", "Unieważnij"),
    "web.access.tokens.revoke.say": (
        "Whatever uses {label} stops working at once.",
        "Was {label} benutzt, funktioniert sofort nicht mehr.",
        "Wszystko, co używa {label}, natychmiast przestanie działać.",
    ),
    "web.access.sessions": ("Signed in", "Angemeldete Browser", "Zalogowane przeglądarki"),
    "web.access.sessions.none": ("No browser is signed in.", "Kein Browser ist angemeldet.", "Żadna przeglądarka nie jest zalogowana."),
    "web.access.sessions.from": ("From", "Von", "Skąd"),
    "web.access.sessions.seen": ("Last used", "Zuletzt benutzt", "Ostatnio użyta"),
    "web.access.sessions.end": ("Sign out", "Abmelden", "Wyloguj"),
    "web.access.secrets": ("Stored secrets", "Gespeicherte Geheimnisse", "Przechowywane sekrety"),
    "web.access.secrets.none": ("No secret is stored.", "Kein Geheimnis ist gespeichert.", "Nie przechowuje się żadnych sekretów."),
    "web.access.secrets.hint": (
        "Encrypted, and read by runs alone. Tasks refer to one as store:NAME; mainspring.toml says which may.",
        "Verschlüsselt und nur von Läufen gelesen. Aufgaben verweisen darauf mit store:NAME; mainspring.toml legt fest, welche es dürfen.",
        (
            "Zaszyfrowane, odczytywane tylko przez uruchomienia. Zadania odwołują się do nich przez store:NAZWA; mainspring.toml "
            "określa, które mogą."
        ),
    ),
    "web.access.secrets.for": ("Declared for", "Erlaubt für", "Dozwolone dla"),
    "web.access.secrets.nobody": ("no task", "keine Aufgabe", "żadnego zadania"),
    "web.access.secrets.changed": ("Changed", "Geändert", "Zmieniono"),
    "web.access.secrets.value": ("Value", "Wert", "Wartość"),
    "web.access.secrets.set": ("Store a secret", "Geheimnis speichern", "Zapisz sekret"),
    "web.access.secrets.remove": (
        "Runs that refer to store:{name} fail from now on.",
        "Läufe, die auf store:{name} verweisen, schlagen von nun an fehl.",
        "Uruchomienia odwołujące się do store:{name} będą odtąd kończyć się błędem.",
    ),
    "web.done.password": ("Password changed.", "Passwort geändert.", "Zmieniono hasło."),
    "web.done.user": ("Done.", "Erledigt.", "Gotowe."),
    "web.done.revoked": ("Revoked.", "Widerrufen.", "Unieważniono."),
    "web.done.kept": ("Secret stored.", "Geheimnis gespeichert.", "Zapisano sekret."),
    "web.done.forgotten": ("Secret removed.", "Geheimnis entfernt.", "Usunięto sekret."),
}
