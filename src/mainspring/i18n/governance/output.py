"""What the checker's report says around its findings."""

from __future__ import annotations

from mainspring.i18n.tables import Texts

TEXTS: Texts = {
    "check.kind.adhoc": ("on demand", "auf Abruf", "na żądanie"),
    "check.kind.cron": ("schedule", "Zeitplan", "harmonogram"),
    "check.kind.side": ("service", "Dienst", "usługa"),
    "check.kind.workflow": ("multi-step", "mehrschrittig", "wieloetapowe"),
    "check.kind.none": ("plain code", "gewöhnlicher Code", "zwykły kod"),
    "check.kind.unnamed": ("of no kind", "ohne Art", "bez rodzaju"),
    "check.severity.error": ("error", "Fehler", "błąd"),
    "check.severity.warning": ("warning", "Warnung", "ostrzeżenie"),
    "check.severity.notice": ("notice", "Hinweis", "uwaga"),
    "check.output.why": ("why", "warum", "dlaczego"),
    "check.output.fix": ("do this", "besser so", "co zrobić"),
    "check.output.by_fix": ("(--fix does it)", "(--fix erledigt es)", "(--fix to zrobi)"),
    "check.output.perhaps": ("or perhaps", "vielleicht auch", "a może"),
    "check.output.justify": ("or justify", "oder begründen", "albo uzasadnić"),
    "check.output.approximate": (
        "(approximate: read without this Python's parser)",
        "(ungefähr: ohne den Parser dieses Pythons gelesen)",
        "(w przybliżeniu: odczytane bez parsera tej wersji Pythona)",
    ),
    "check.output.nothing": ("Nothing found", "Nichts gefunden", "Nic nie znaleziono"),
    "check.output.files": (
        "in {n:file|files}", "in {n:Datei|Dateien}", "w {n:pliku|plikach|plikach}",
    ),
    "check.output.error": ("{n:error|errors}", "{n:Fehler|Fehler}", "{n:błąd|błędy|błędów}"),
    "check.output.warning": ("{n:warning|warnings}", "{n:Warnung|Warnungen}", "{n:ostrzeżenie|ostrzeżenia|ostrzeżeń}"),
    "check.output.notice": ("{n:notice|notices}", "{n:Hinweis|Hinweise}", "{n:uwaga|uwagi|uwag}"),
    "check.output.by_kind": ("Better as: {kinds}", "Besser als: {kinds}", "Lepiej jako: {kinds}"),
    "check.output.unscanned": (
        "Not scanned: {n:file|files}, about which nothing is known",
        "Nicht geprüft: {n:Datei|Dateien}, über die nichts bekannt ist",
        "Nie sprawdzono: {n:plik|pliki|plików}, o których nic nie wiadomo",
    ),
    "check.output.more": ("and {n} more", "und {n} weitere", "i jeszcze {n}"),
    "check.output.fixed": ("Fixed: {n:edit|edits}", "Behoben: {n:Änderung|Änderungen}", "Naprawiono: {n:zmiana|zmiany|zmian}"),
    "check.output.fixable": (
        "--fix would mend {n:finding|findings}", "--fix behebt {n:Fund|Funde}", "--fix naprawi {n:znalezisko|znaleziska|znalezisk}",
    ),
    "check.output.justifications": (
        "{n:justified exception|justified exceptions}",
        "{n:begründete Ausnahme|begründete Ausnahmen}",
        "{n:uzasadniony wyjątek|uzasadnione wyjątki|uzasadnionych wyjątków}",
    ),
    "check.output.list_them": (
        ": mainspring check --justifications lists them",
        ": mainspring check --justifications zählt sie auf",
        ": mainspring check --justifications je wymienia",
    ),
    "check.output.of_most": ("({n} are allowed)", "({n} sind erlaubt)", "(dozwolonych jest {n})"),
    "check.output.covers": (
        "covers {n:finding|findings}", "deckt {n:Fund|Funde}", "obejmuje {n:znalezisko|znaleziska|znalezisk}",
    ),
    "check.output.until": ("until {day}", "bis {day}", "do {day}"),
    "check.output.ratcheted": (
        "{n:older finding is|older findings are} in the ratchet file",
        "{n:älterer Fund steht|ältere Funde stehen} in der Ratschendatei",
        "{n:starsze znalezisko jest|starsze znaleziska są|starszych znalezisk jest} w pliku zapadki",
    ),
    "check.output.too_many": (
        "More exceptions than --max-justifications {n} allows",
        "Mehr Ausnahmen, als --max-justifications {n} erlaubt",
        "Więcej wyjątków, niż pozwala --max-justifications {n}",
    ),
    "check.output.explain": (
        "mainspring check --explain {code} says more",
        "mainspring check --explain {code} sagt mehr",
        "mainspring check --explain {code} powie więcej",
    ),
}  # fmt: skip
