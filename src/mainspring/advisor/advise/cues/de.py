"""German."""

from __future__ import annotations

from mainspring.advisor.advise.answers import NO, YES, Length, Question
from mainspring.advisor.advise.cues.clock import GERMAN
from mainspring.advisor.advise.cues.lexicon import MANY, Lexicon, Special, implied, marks, said

_USER, _RECURRING, _SURVIVE = (Question.USER_TRIGGERED, YES), (Question.RECURRING, YES), (Question.SURVIVE, YES)
_RETRIED, _POLLED, _NETWORK, _STEPS = (Question.RETRIED, YES), (Question.POLLED, YES), (Question.NETWORK, YES), (Question.MULTI_STEP, YES)
_NOT_RECURRING, _NOT_USER, _NOT_SURVIVE = (Question.RECURRING, NO), (Question.USER_TRIGGERED, NO), (Question.SURVIVE, NO)
_INSTANT, _LONG = (Question.DURATION, Length.INSTANT), (Question.DURATION, Length.LONG)
_FOREVER, _STREAM, _LOCAL = (Question.DURATION, Length.FOREVER), (Question.STREAM, YES), (Question.NETWORK, NO)

_N = r"(?:\d+|eine[rnms]?|ein|zwei|drei|vier|fünf|sechs|zehn|zwölf|dreißig|wenige[nr]?|paar|einige[nr]?|halbe[nr]?|mehrere[nr]?)"
_UNIT = r"(?:sekunden?|sek|minuten?|min|stunden?|tag(?:e[ns]?)?|wochen?|monat(?:e[ns]?)?)"
_DAY = r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)"
_PERSON = r"(?:benutzer\w*|nutzer\w*|anwender\w*|kund(?:e|en|in|innen)|jemand|administrator\w*|admin\w*|mitarbeiter\w*|redakteur\w*|leute)"

CUES = (
    said(rf"\b(?:prüf\w*|nachseh\w*|nachschau\w*|schau\w*|sieh\w*|nachgeseh\w*|abfrag\w*|frag\w*)\b.{{0,60}}\b(?:ob|nach)\b.{{0,40}}\b{_PERSON}\b.{{0,40}}\b(?:\w*anforder\w*|\w*gefordert|"
         r"\w*frag\w*|beantragt|bestellt|hochgeladen|geklickt|gestartet|gewünscht|angelegt|eingereicht|eingetragen|gestellt|will|möchte)", _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:prüf\w*|nachseh\w*|nachschau\w*|schau\w*|abfrag\w*)\b.{0,40}\b(?:neue|offene|wartende|unbearbeitete)\w*\b.{0,20}\b\w*(?:anfragen|anforderungen|uploads|aufträge|wünsche)\b",
         _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:prüf\w*|nachseh\w*|nachschau\w*|\w*schau\w*|guck\w*|kuck\w*|sieh\w*|abfrag\w*|les\w+)\b[^.;]{0,25}\btabelle\b[^.;]{0,40}\b(?:neue\w*|offene\w*|wartende\w*|was)\b", _USER,
         special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:prüf|nachseh|nachschau|schau|guck|kuck|sieh|abfrag|frag|such|les|lies)\w*\b[^.;]{0,40}\btabelle\b[^.;]{0,40}\bob\b[^.;]{0,15}\b(?:wer|jemand|was|etwas|einer)\b|\btabelle\b[^.;]{0,30}\b(?:nachseh|nachschau|schau|prüf|guck|such)\w*\b[^.;]{0,12}\bob\b",
         _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:fällt|ist|sind|geht)\b(?: (?!nicht)\w+){0,4} (?:aus|offline|gestört|nicht erreichbar|weg)\b", _RETRIED, takes=True),
    implied(r"\bob (?:\w+ ){1,4}(?:abgelaufen|gültig|veraltet|bekannt|leer|erlaubt|korrekt)\b", _INSTANT, _LOCAL, takes=True),
    said(r"\b(?:client|oberfläche|browser|seite|frontend|app)\b.{0,30}\b(?:frag\w*|pollt)\b(?:.{0,25}\b(?:stand|zustand|status)\b)?(?:.{0,10}\bab\b)?", _POLLED, takes=True),
    said(r"\b(?:muss|braucht|soll)\b[^.;]{0,25}\bnicht\b[^.;]{0,20}\b(?:überleb\w*|überdauer\w*|überstehen)|\bdarf verloren gehen|\bverlust ist (?:egal|unwichtig|harmlos)", _NOT_SURVIVE, takes=True),
    said(r"\b(?:darf|soll|kann)\b[^.;]{0,15}\b(?:nicht|nie)\b[^.;]{0,10}\bverloren|\b(?:überleb\w*|überdauer\w*|übersteh\w*)\b", _SURVIVE, takes=True),
    said(r"\b(?:fortgesetzt|fortsetzen|weitergeh\w*|weitermach\w*|wieder ?auf(?:nehm\w*|genommen)|an derselben stelle|nach einem (?:absturz|neustart|ausfall))\b", _SURVIVE),
    said(rf"\b(?:höchstens|maximal|nicht öfter als|nicht häufiger als)\b.{{0,15}}\b(?:einmal|ein mal|alle|je|pro)\b(?: (?:je|pro|in der|am|alle))?\s?{_N}?\s?{_UNIT}?|\bentprell\w*|\bdebounc\w*",
         _NOT_RECURRING, special=Special.DEBOUNCE, takes=True),
    said(r"\b(?:wart\w*|abwart\w*)\b[^.;]{0,15}\b(?:bis|auf)\b[^.;]{0,45}\b(?:genehmig\w*|freigab\w*|freigib\w*|bestätig\w*|zustimm\w*|unterschr\w*|zahl\w*|bezahl\w*|prüf\w*|entscheid\w*|antwort\w*)",
         _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON, takes=True),
    said(r"\bauf [^.;,]{0,30}\b\w*(?:unterschrift|genehmigung|freigabe|zahlung|bestätigung|antwort|entscheidung|zustimmung)\w*\b[^.;,]{0,15}\bwart\w*|\b(?:genehmigt|zustimmt|stimmt zu|unterschreibt|gegenzeichnet|absegnet|gibt frei)\b"
         r"[^.;]{0,40}\b(?:dann|danach|anschließend)\b", _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON),
    said(r"\b(?:muss|müssen|soll|sollen|braucht|brauchen|benötig\w*)\b[^.;]{0,60}\b(?:genehmig\w*|freigeb\w*|freigegeben|zustimm\w*|bestätig\w*|unterschreib\w*|gegenzeichn\w*|prüf\w*|absegn\w*)\b[^.;]{0,10},? ?\b(?:bevor|ehe|erst dann)\b", _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON,
         takes=True),
    said(r"\b(?:eigene[nrs]?|selbst ?(?:gebaute|geschriebene)[nrs]?)\b.{0,12}\b(?:warteschlange|queue|scheduler|sperre)", special=Special.OWN_INFRASTRUCTURE, takes=True),
    said(r"\b(?:thread|create_task|threads)\b", _USER, special=Special.OWN_INFRASTRUCTURE, takes=True),
    said(rf"\b{_N}\s{_UNIT} (?:vor|nach)\b(?: (?:dem|der|den|einem|einer|des))? \w+", _USER, special=Special.DELAYED, takes=True),
    said(rf"\bnicht\b[^.;]{{0,40}}\b(?:binnen|innerhalb(?: von)?) {_N} {_UNIT}\b", _USER, special=Special.DELAYED, takes=True),
    said(rf"\b(?:nach|in) {_N} {_UNIT}\b", _USER, special=Special.DELAYED, takes=True),
    said(r"\b(?:solange|während|bis)\b[^.;]{0,30}\b(?:verbindung|stream)\b[^.;]{0,15}\b(?:offen|besteht|endet|schließt)|\bsse\b", _STREAM, takes=True),
    said(r"\b(?:diese[nrm]?|genau den|verbundene[nrm]?)\b[^.;]{0,15}\b(?:browser|client|verbindung|tab|socket)\b", _STREAM, takes=True),
    said(r"\ban (?:den|die|das|einen?) wartende\w* \w+|\bstück für stück\b|\btokens\b[^.;]{0,40}\b(?:browser|tab|fenster|besucher\w*|websocket|socket|wartend\w+)\b", _STREAM, takes=True),
    said(r"\bsolange\b[^.;]{0,20}\b(?:browser|client|\w*nutzer\w*|tab|seite|er|sie)\b[^.;]{0,12}\b(?:verbunden|offen|online)\b", _STREAM, takes=True),
    said(r"\bbeim (?:tippen|eingeben|schreiben)\b|\bwährend (?:der eingabe|des tippens)\b|\b(?:während|wenn|sobald|solange) [^.;,]{2,50}\b(?:(?:ein)?tipp(?:t|en)|eingibt|eingeben)\b", _INSTANT, _STREAM, _USER),
    said(r"\bbevor (?:die|der|das) (?:seite|antwort)\b|\bwährend (?:der|einer) anfrage\b|\b(?:benutzer|kunde|client|aufrufer) wartet\b(?! nicht)", _STREAM),
    *GERMAN,
    said(rf"\b{_PERSON}\b[^.;,]{{0,40}}\b(?:klick\w*|drück\w*|anforder\w*|abschick\w*|startet|auslöst|hochlädt|auswählt|schließt|wünscht|verlangt)\b", _USER),
    said(r"\b(?:auf den knopf|auf knopfdruck|klick(?:t|s|en)?\b|auf (?:anforderung|wunsch|verlangen|abruf)|vom (?:administrator|benutzer|kunden|nutzer) \w+|hochgeladene[nrsm]?|hochladen)\b", _USER),
    said(r"\bohne,? dass\b[^.;,]{0,40}\b(?:wart\w*|sitzen|steh\w*|hängt|blockiert?)|\bnicht (?:warten|blockier\w*)\b", _USER),
    implied(r"\b(?:webhooks?|im hintergrund|registrierung|anmeldung|willkommensmail|begrüßungsmail|passwort-?zurücksetzen\w*|bestätigungscode|asynchron)\b", _USER),
    said(r"\bvon hand\b|\bmanuell\b|\b(?:ausgelöst|angestoßen|angefordert|gestartet|eingegeben|beauftragt) (?:von|vom|durch)\b", _USER),
    implied(r"\b(?:will|möchte|wollen|möchten)\b", _USER),
    said(r"\b(?:dauerhaft|ständig|endlos|ohne (?:pause|ende|unterbrechung)|(?:hört|endet) nie(?: auf)?|nie aufhör\w*|ununterbrochen|permanent|rund um die uhr|immer verbunden|unendlich|fortwährend|für immer|die ganze zeit)\b", _FOREVER),
    said(r"\b\w*konsumier\w*\b[^.;]{0,40}\b(?:kafka|topic|broker|warteschlange|rabbitmq|ereignisse|nachrichten)\b|\b(?:kafka|topic|broker|warteschlange|rabbitmq)\w*\b[^.;]{0,30}\bkonsumier\w*|\babonnier\w*\b|\b(?:\w+-|chat|telegram|slack)?bot\b(?: (?:für|im|in))?|\b(?:wieder|neu) (?:zu )?verbind\w*\b|\bsolange\b[^.;]{0,25}\b(?:läuft|an ist|eingeschaltet)\b|\b\w*(?:strom|ticker|kurse?) (?:mit)?(?:lesen|schreiben|verfolgen)\b|\bmitlesen\b", _FOREVER, _NOT_USER),
    said(r"\b(?:lausch\w*|mithör\w*|horch\w*)\b|\b(?:verbindung|sitzung|leitung|\w*socket\S*)\b[^.;]{0,30}\b(?:offen|halten|hält|aufrecht\w*)\b|\b(?:nachrichten|ereignisse)\b[^.;]{0,20}\b(?:kafka|rabbitmq|nats|mqtt)\b|"
         r"\b(?:telegram|discord|slack|chat)-?bot\b|\b(?:verzeichnis|ordner|postfach)\b[^.;]{0,20}\b(?:überwach\w*|beobacht\w*)", _FOREVER, _NOT_USER),
    said(r"\b(?:oft nicht|unzuverlässig|erneut (?:versuch\w*|probier\w*)|wiederhol\w*|nochmal|noch einmal|unzuverlässig\w*|manchmal (?:nicht|weg|gestört)|bei fehlern?|nicht erreichbar|fällt (?:manchmal|öfter) aus)\b", _RETRIED),
    said(r"\b(?:fortschritt\w*|download-?link)\b|\b(?:status|stand)\b[^.;]{0,20}\b(?:sehen|anzeigen|zeigen)\b", _POLLED),
    marks(r"\b(?:dann|danach|anschließend|daraufhin|zum schluss|schließlich|zuletzt)\b", 1),
    marks(r"\berst\b|\bzuerst\b", 1),
    marks(r"\b(?:saga|mehrstufig\w*|rückgängig|zurück(?:rollen|genommen|nehmen)|kompensier\w*|schritt für schritt|jede[rs]? (?:schritt|stufe|phase|etappe)|stornieren,? was|pipeline|workflow|ablauf mit)\b", 2),
    marks(r":[^.;:]+,[^.;:,]+,", 1),
    marks(r"\b(?:mehrere\w*|zwei|drei|vier|fünf|einigen?)\b(?: \w+){0,3} (?:schritte?n?|stufen|phasen|etappen)\b", 2),
    marks(r":[^.;:]+(?:,[^.;:,]+){3,}|\((?:\w+ )?(?:tage|wochen|monate)\)|\bwarte(?:n|t)?\b[^.;,]{0,6}\bbis\b|\bauf [^.;,]{3,30} warte(?:n|t)?\b", 1),
    said(r"\b(?:in|innerhalb) (?:der|derselben|einer) (?:selben )?transaktion\b", _INSTANT, _LOCAL, _STREAM),
    said(r"\b(?:wenige|einige|paar|in|wenigen) (?:millisekunden|ms)\b|\bsofort fertig\b", _INSTANT),
    implied(r"\b(?:im (?:arbeits)?speicher|(?:dieses|des eigenen|eigenen) prozesses|im eigenen prozess|in jedem prozess|prozesslokal\w*|diese[sm] (?:workers?|prozess\w*|knotens?|pods?)|nur (?:im )?(?:arbeits)?speicher)\b", _INSTANT, _LOCAL, _NOT_SURVIVE),
    implied(r"\b(?:(?:zähler|metrik|messgröße)\w*\b[^.;]{0,25}\b(?:erhöh\w*|hochzähl\w*|setz\w*)|(?:anmelde|eingabe)?formular\w* prüfen|cookie|\w*summe|formatier\w*)\b", _INSTANT, _LOCAL, _NOT_SURVIVE),
    implied(r"\b(?:gültig\w*|prüfziffer\w*|plausib\w+|\w*nachkommastellen?|\w*-?header|im dictionary|ungefähr reicht)\b", _INSTANT, _LOCAL),
    said(r"\b(?:vorschlagen|vorschläge|auto(?:vervollständig|complet)\w*)\b[^.;]{0,25}\b(?:eingabe|tippen|schreiben)\b", _INSTANT, _STREAM, _USER),
    implied(r"(?<![\d.,])\d{1,2} (?:einträgen?|elementen?|zeilen|datensätzen?)\b", _INSTANT, _LOCAL),
    said(r"\bin (?:groß|klein)buchstaben\b|\b(?:zwei|drei|vier) (?:zahlen|werte|listen|texte)\b", _INSTANT, _LOCAL),
    implied(r"\b(?:weitergeben|weiterleiten|weiterreichen|melden|einreichen|übertragen|schicken|senden|überweisen|klonen)\b", _NETWORK, _RETRIED),
    implied(r"\b\w*(?:export\w*|import\w*|xlsx|excel\w*|csv|pdf|bericht\w*|video\w*|umwand\w*|verkleiner\w*|vorschaubild\w*|texterkennung|ocr|archiv\w*|transkri\w*|auswertung\w*|simulation\w*|datensicherung|rechnung\w*|"
            r"mandant\w*|migration\w*|bild\w*|foto\w*|tausend\w*|sprachmodell\w*|abgleich\w*|übersetz\w*|auslesen|indexier\w*|berechnung\w*|komprimier\w*|(?<!de)kodier\w*|transkri\w*|generier\w*|erzeug\w*|wandeln)\b", _LONG),
    implied(r"\b\w*(?:mail\w*|sms|webhook\w*|api|schnittstelle\w*|zahlung\w*|abbuch\w*|belast\w*|benachrichtig\w*|slack|partner\w*|lieferant\w*|abruf\w*|llm|openai|herunterlad\w*|synchron\w*|übermittel\w*|erinner\w*|"
            r"crm|erp|git\w*|datev|bank|dienstleister\w*|fremdsystem\w*|extern\w*|\w* systemen?|auskunft\w*|drucker\w*|dhl|post|amt|behörde\w*|börse\w*|eltern|verständig\w*|bescheid|teams|whatsapp|telefon\w*)\b", _NETWORK, _RETRIED),
    implied(MANY, _LONG),
)  # fmt: skip

LEXICON = Lexicon(
    language="de",
    cues=CUES,
    negation=r"\b(?:nicht|kein\w*|nie|niemals|ohne)\b(?:\W+\w+){0,3}\W*$",
    common=frozenset(["sich", "noch", "über", "nur", "wie", "als", "aber", "wer", "was", "wir", "bis", "dann", "sind", "kann", "dauert", "aus", "von", "vom", "dauerhaft", "sofort", "wird", "werden", "alte", "neue", "minuten", "stunden", "der", "die", "das", "und", "oder", "ein", "eine", "einen", "einem", "einer", "zu", "wenn", "nach", "nicht", "mit", "für", "ist", "soll", "muss", "wird", "dem", "den", "auf", "bei", "im", "am", "es", "jede", "alle"]),
    numbers={"ein": 1, "eine": 1, "einer": 1, "einem": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "zehn": 10, "dreißig": 30, "halbe": 0.5,
             "paar": 3, "wenige": 3, "einige": 4, "mehrere": 5},
    units=((r"ms|millisekunden?", 0.001), (r"s|sek|sekunden?", 1), (r"min|minuten?", 60), (r"std|stunden?", 3600), (r"tage?n?", 86400), (r"wochen?", 604800), (r"monate?n?", 2592000), (r"jahre?n?", 31536000)),
    takes=r"\b(?:ca|circa|etwa|rund|ungefähr|dauer\w*|braucht|läuft)\b",
    lasting=r"\b(?:dauer\w*|braucht|läuft|bis zu|etwa|rund|mindestens|höchstens|länger als|nach)\b",
)  # fmt: skip
