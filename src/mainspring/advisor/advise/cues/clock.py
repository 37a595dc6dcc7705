"""Words of clocks and calendars, composed: what stands before a time (each, at the end of, twice per), and the names of times.

A description that names a time in such a way says that the work comes back. What only adds a time to something that is asked for ("15 minutes
after the booking") is read before these.
"""

from __future__ import annotations

from mainspring.advisor.advise.answers import YES, Question
from mainspring.advisor.advise.cues.lexicon import Cue, implied, said

_RECURRING, _SCHEDULE, _HOUSEKEEPING = (Question.RECURRING, YES), (Question.SCHEDULE, YES), (Question.HOUSEKEEPING, YES)


def _times(*patterns: str) -> tuple[Cue, ...]:
    return tuple(said(rf"\b(?:{each})", _RECURRING) for each in patterns)


def _hours(*patterns: str) -> tuple[Cue, ...]:
    return tuple(said(rf"\b(?:{each})", _RECURRING, _SCHEDULE) for each in patterns)


def _stale(*patterns: str) -> tuple[Cue, ...]:
    """Return cues of what has grown old with nobody looking: work that nobody asks for."""
    return tuple(implied(rf"\b(?:{each})", _RECURRING) for each in patterns)


_EN_NUMBER = r"(?:\d+|an?|one|two|three|four|five|six|eight|ten|twelve|fifteen|twenty|thirty|few|several|couple of|many)"
_EN_NTH = r"(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|last)"
_EN_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_EN_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_EN_PART = r"(?:nights?|mornings?|afternoons?|evenings?|noons?)"
_EN_TIME = (
    rf"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|(?:week|work)days?|weeks?|weekends?|fortnights?|months?|quarters?|seasons?|terms?|semesters?|years?|"
    rf"shifts?|sprints?|paydays?|release cycles?|half[- ]?(?:an )?(?:hour|minute|year)|{_EN_PART}|{_EN_DAY})"
)
_EN_LONG = (
    r"(?:day|week|weekend|month|quarter|season|term|semester|year|shift|sprint|working day|business day|trading day|trading|business)"
)
ENGLISH = (
    *_times(
        rf"(?:every|each)\s+(?:{_EN_NUMBER}\s?|{_EN_NTH}\s|(?:half|quarter) (?:of )?an? )?(?:(?:other|single|half|business|working|calendar|trading|school|full|few|couple of)\s)*{_EN_TIME}\b",
        r"every (?:now and then|so often)\b|every \d+ ?(?:[hms]|st|nd|rd|th)\b|per (?:day|hour|night|week|month|quarter|year)\b|each quarter of an hour\b|every (?:full )?hour\b",
        r"(?:half-?|bi-?|semi-?|tri-?)?(?:hourly|daily|nightly|weekly|monthly|quarterly|yearly)\b|fortnightly\b|(?:semi-?)?annual(?:ly)?\b|periodic\w*|regular(?:ly)?\b|recurring\b|cyclic\w*",
        r"cron(?:jobs?| jobs?|tab)?\b|scheduled (?:job|task|run|import|sync)|on a schedule\b|at (?:regular|fixed) (?:intervals|times)\b|from time to time\b",
        rf"(?:once|twice|thrice|{_EN_NUMBER} ?(?:times|x))\s(?:an?|per|every|each|in an?|the)\s(?:\w+ )?{_EN_TIME}\b|(?:once|twice|thrice|{_EN_NUMBER} ?times) (?:daily|weekly|monthly|nightly|hourly|yearly)\b|once per \w+",
        rf"(?:end|start|beginning|close|turn|break|last (?:day|minute)|{_EN_NTH} (?:\w+ )?day|{_EN_NTH}) of (?:the |each |every |a |any )?(?:\w+ )?(?:{_EN_LONG}|{_EN_MONTH})\b|{_EN_LONG}[- ]?end\b",
        r"(?:on|over|at|in|during|through) (?:the )?(?:small hours|weekdays|weekends?|nights?|mornings?|evenings?|lunch ?time|off-?hours)\b|off-?hours\b|over ?night\b|at (?:dawn|dusk|sunrise|sunset)\b|night-?time\b",
        rf"{_EN_DAY[:-2]}s\b|{_EN_DAY} (?:{_EN_PART}|at|\d{{1,2}}(?::\d\d)?)\b|(?:when|whenever|as) (?:a|the) new {_EN_LONG} (?:begins|starts)|before the \w+ (?:meeting|standup) each\b",
        r"on the \d+(?:st|nd|rd|th)\b|at \d{1,2}(?:,? \d{1,2})+,? and \d{1,2}\b|(?:round|around) (?:midnight|noon)\b|yesterday(?:'s)?\b|(?:fiscal |financial |calendar |school )?(?:year|quarter|month|week|day|season|term) (?:is over|ends|begins|starts|is done)\b|today is their birthday\b|whose birthday\b|sundays?:",
        r"before (?:(?:the )?(?:markets?|office|shop|store|exchange|business|trading|working day|doors?)) opens?\b|before (?:opening|business) hours\b",
    ),
    *_hours(r"at (?:[0-9]|1\d|2[0-3])(?=$|[.,;)])|\d{1,2}(?::\d\d)? ?(?:am|pm|a\.m\.|p\.m\.)(?: utc)?\b|(?:at|by|before|until|around|from) (?:noon|midnight|\d{1,2}(?::\d\d)?\s?(?:am|pm|utc|o'clock)\b|\d{1,2}:\d\d\b)|(?<![\d:])[012]?\d:[0-5]\d (?:am|pm|utc)\b"),
    *_stale(
        r"(?:drop|delete|remove|discard|purge|prune|expire|throw away|archive|clear|close|deactivate|forget|evict|wipe|get rid of|clean)\w*\b[^.;]{0,45}\b(?:old|older|stale|expired|unused|inactive|orphan\w*|"
        r"outdated|abandoned|nobody|no one|untouched|not been \w+|unpaid|unverified|leftover|left over|dangling|never \w+ed)\b",
        r"(?:poll|check|look|scan|ask)\w*\b[^.;,]{0,40}\b(?:for|at) (?:new|fresh) \w+\b|(?:no|not|never) (?:be )?(?:older|staler) than\b|(?:before|until) (?:it|they|he|she) (?:runs? out|expires?|lapses?|goes? stale)\b|before (?:the |their |its )?expiry\b|(?:that|which|who) never \w+ed\b",
        r"older than\b|(?:for|since) (?:longer|more) than (?:\d+|a|an|one|two|three) (?:hours?|days?|weeks?|months?|years?)\b|(?:without|with no) (?:an? |any )?\w+ (?:for|in|since) (?:\d+|a|an|one|two|three|ten) "
        r"(?:days?|weeks?|months?|years?)\b",
        r"(?:should|must|has to|have to) (?:vanish|disappear)\b",
        r"(?:go|goes|disappear|vanish|expire|die) (?:away )?(?:by itself|by themselves|automatically|on (?:its|their) own)\b|gets? out of (?:sync|date)\b|keep\w*\b[^.;]{0,40}\b(?:current|up to date|in sync|fresh|from getting stale)\b",
        r"(?:mirror|replicate|sweep|reconcile|re-?sync)\w*\b|(?:status|health) (?:checks?|report)\b|digest\b|backups?\b|(?:throw|throws|thrown) (?:out|away)\b|past (?:its|their) (?:expiry|date|lifetime|due date)\b|overdue\b",
        r"(?:(?:which|that|who|whom) )?(?:nobody|no one|none)\b[^.;]{0,30}\b(?:for|since|any ?more|came|has|have|touched|opened|used|uses)\b|before (?:each|every) \w+|without (?:a )?reply\b|unclaimed\b|pil(?:e|es|ing) up\b",
    ),
    said(r"\bhouse-?keeping\b|\bmaintenance (?:job|task|work)\b", _HOUSEKEEPING),
    implied(r"\b(?:purge|prune|expire|(?:^|(?<=and )|(?<=to )|(?<=then ))archive(?! of)|clean[- ]?up|vacuum)\b", _HOUSEKEEPING),
)  # fmt: skip

_DE_NUMBER = r"(?:\d+|eine[rnms]?|ein|zwei|drei|vier|fünf|sechs|acht|zehn|zwölf|fünfzehn|zwanzig|dreißig|wenige[nr]?|paar|einige[nr]?|halbe[nr]?|mehrere[nr]?)"
_DE_DAY = r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)"
_DE_PART = r"(?:nacht|morgen|abend|mittag|vormittag|nachmittag)"
_DE_TIME = rf"(?:\w*(?:sekunden?|minuten?|stunden?|tag(?:e[ns]?|s)?|wochen?|monat(?:e[ns]?|s)?|quartal(?:e|s)?|semester|saison|schicht|jahr(?:e[ns]?|s)?|wochenende[ns]?)|sek|min|sprint|{_DE_PART}|{_DE_DAY})"
_DE_MONTH = r"(?:januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember)"
GERMAN = (
    *_times(
        rf"(?:jede[nrsm]?|alle)\s(?:\d+\.?\s)?(?:{_DE_NUMBER}\s)?(?:(?:zweite|dritte|letzte|erste|neue|volle|einzelne)[nrsm]?\s)?{_DE_TIME}\b|alle \d+ ?(?:h|min|s)\b|(?:je|pro) (?:\w*(?:stunde|tag|nacht|woche|monat|quartal|jahr|schicht))\b",
        r"\w*(?:abendlich|morgendlich|mittäglich|stündlich|täglich|nächtlich|wöchentlich|monatlich|jährlich|minütlich)\w*|(?:tage|wochen|monats|quartals|jahres|stunden|minuten|schicht)weise\b|regelmäßig\w*|periodisch\w*|turnus\w*|zeitgesteuert\w*|geplante[rn]? (?:lauf|job)|zyklisch\w*|cron\w*",
        rf"{_DE_DAY}(?:nacht|morgen|abend|mittag|vormittag|nachmittag)?s\b|(?:nachts|werktags|wochentags|morgens|abends|mittags|vormittags|nachmittags)\b|{_DE_DAY}s?\s?(?:früh|nacht|morgen|abend)\b|\bnacht?lauf\b",
        rf"(?:ein|zwei|drei|vier|fünf|sechs|mehr|\d+)[- ]?mals? (?:am|pro|je|im|in der|die|jeden?|{_DE_TIME})\b|(?:ein|zwei|drei|vier|mehr)mals? \w*lich\b",
        r"(?:zum|zu|am|vor|nach|bei|mit|ab|zu jedem|gegen) (?:\w+ )?\w*(?:tages|wochen|monats|quartals|jahres|schicht|saison|semester|geschäfts|betriebs|laden|börsen|arbeits|dienst)(?:ende|beginn|anfang|schluss|wechsel|start|öffnung)\b|\b(?:jahres|monats|quartals|wochen)wechsel\b|am wochenende\b|\w*feierabend\b",
        rf"am (?:\w+ersten|\w+letzten)\b|am (?:ersten|letzten|\d+\.)(?: (?:{_DE_MONTH}|jedes|jeden|des|eines|{_DE_TIME})\b|[.!]?$)|zum (?:ersten|letzten|\d+\.)(?: |$)|(?:immer|jeweils|stets) (?:am|um|zum|zur|im|vor|nach|{_DE_DAY}s)\b",
        r"(?:nach|vor|zum|am|mit|bei|zu) (?:ende|beginn|anfang|abschluss|ablauf) (?:des|der|jedes|jeder|eines) \w*(?:jahr|monat|woche|tag|quartal|semester|saison|schicht)\w*\b|am \d{1,2}\.(?! \d)",
        r"in der nacht\b|in den (?:frühen|nacht)\w*|von zeit zu zeit\b|im (?:minuten|stunden|tages|wochen|monats)takt\b|von selbst\b|heute geburtstag\b|vor (?:\w*öffnung)\b|ab und zu\b|gelegentlich\b",
    ),
    *_hours(r"(?:um|gegen|ab|vor|bis) (?:\d{1,2}(?::\d\d)? uhr|\d{1,2}:\d\d|mitternacht)\b|\d{1,2}(?::\d\d)? uhr\b"),
    *_stale(
        r"(?:tages|wochen|monats|quartals|jahres)(?:abrechnung|bericht|abschluss|rechnung|lauf|auswertung|übersicht|statistik)\w*|vor (?:jede[mrn]|allen) \w+",
        r"seit (?:\d+|mehr als \w+|einer?|einem|zwei|drei|zehn) (?:tag|woche|monat|jahr)\w*\b|(?:spiegel[nt]|abgleichen|aktuell halten|auf dem (?:neuesten )?stand)\b",
        r"(?:nie|nicht|niemals|maximal|höchstens) älter als\b|\bnach neuen? \w+ (?:sehen|schauen|gucken|suchen)\b",
        r"(?:älter als|(?:rechtzeitig |kurz )?vor (?:dem |ihrem )?ablauf\b|(?:bevor|ehe) (?:sie|es|er) (?:abl[aä]uf\w+|verf[aä]ll\w+)|\bnie (?:bestätigt|benutzt|abgeholt|angemeldet|abgeschlossen)|veraltet\w*|abgelaufen\w*|verwaist\w*|ungenutzt\w*|überfällig\w*|liegen ?geblieben\w*|nicht mehr (?:benutzt|gebraucht|genutzt)\w*)",
        r"(?:niemand|keiner|nie jemand)\b[^.;,]{0,40}\b(?:hat|haben|ist|sind|mehr|will|nutzt|braucht|kommt|war|wurde)\b|seit\b[^.;]{0,30}\b(?:niemand|keiner|nicht mehr)\b",
        r"(?:alte[nrs]?|halbfertige\w*|übrig\w*|tote[nrs]?)\b[^.;,]{0,30}\b(?:löschen|wegräumen|entfernen|entsorgen|ausmisten|archivieren|aufräumen|wegwerfen|putzen|leeren)\b|\w*(?:ausmisten|entrümpeln)\b",
    ),
    implied(r"\b(?:aufräum\w*|wartungs(?:lauf|läufe|arbeit|job|aufgabe|skript)\w*|bereinig\w*)\b", _HOUSEKEEPING),
)  # fmt: skip

_PL_NUMBER = r"(?:\d+|jedn\w+|dwie|dwa|dwóch|trzy|cztery|pięć|sześć|osiem|dziesięć|dwanaście|piętnaście|dwadzieścia|trzydzieści|kilka|kilkanaście|parę|pół)"
_PL_DAY = r"(?:poniedział\w+|wtor\w+|środ\w+|czwart\w+|piąt\w+|sobot\w+|niedziel\w+)"
_PL_TIME = (
    rf"(?:sekund\w*|minut\w*|godzin\w*|dni|dnia|dzień|dniach|dób\w*|dob\w+|tygodni\w*|tydzień|miesi\w+|kwarta\w+|semest\w+|sezon\w*|zmian\w*|ro[kc]\w*|kwadrans\w*|noc\w*|rano|ran\w+|"
    rf"wiecz\w+|popołudni\w+|południ\w+|weekend\w*|sprint\w*|{_PL_DAY})"
)
_PL_NTH = r"(?:pierwsz|drugi|trzeci|czwart|piąt|szóst|dziesiąt|piętnast|dwudziest|trzydziest|ostatni)\w*"
_PL_MONTH = r"(?:stycz|lut|mar[zc]|kwie|maj|czerw|lip|sierp|wrześ|paździer|listopad|grud)\w*"
POLISH = (
    *_times(
        rf"(?:co|każd\w+)\s(?:(?:drug|trzeci|now|pełn|robocz|ostatn|pierwsz)\w+\s|{_PL_NUMBER}\s)*{_PL_TIME}\b|co \d+ ?(?:h|min|s)\b|(?:w|o|na koniec|pod koniec|na początku?) każd\w+ (?:\w+ )?{_PL_TIME}\b",
        r"(?:codzie|conoc|cogodzi|cominut|cotygod|comiesi|cokwarta|coroc)\w+|(?:tygodniow|miesięczn|kwartaln|roczn|nocn|dobow|godzinow)\w+(?! (?:temu|po|przed))|okresow\w+|regularn\w+|cykliczn\w+|cron\w*|zaplanowan\w+",
        rf"(?:raz|razy) (?:dziennie|na \w+|w \w+|do roku)\b|kilka razy (?:dziennie|w \w+)\b|{_PL_NUMBER} razy (?:na|w|dziennie)\b",
        rf"(?:w|we) {_PL_DAY}\b|(?:nocą|nocami|rano|rankiem|wieczorem|wieczorami|w nocy|o świcie|nad ranem|w weekend\w*|w południe|o północy|po południu|codziennie)\b",
        r"po zakończeniu roku\b|(?:na|pod|po|z|przed|od) (?:koniec|końcu|końcem|zakończeni\w+|zamknięci\w+|początk\w+|rozpoczęci\w+|otwarci\w+) (?:\w+ )?(?:dnia|dob\w|tygodnia|miesiąca|kwartału|roku|zmiany|sesji|giełdy|sezonu|semestru)\b|na początku?\b[^.;,]{0,10}\b(?:dnia|miesiąca|roku|tygodnia)|przed otwarciem\b",
        rf"(?:{_PL_NTH}|\d+\.) (?:dni\w* )?(?:miesiąca|każdego|roku|kwartału|tygodnia|{_PL_MONTH})\b|(?:{_PL_NTH}|\d+\.) dni\w+\b|zawsze (?:w|we|o|na|pod) |zawsze \d+\.|dziś (?:urodziny|imieniny)\b|same? znika\w*|od czasu do czasu\b",
    ),
    *_hours(r"\d{1,2}(?::\d\d)? (?:rano|wieczorem|po południu|utc)\b|o (?:godzinie |godz\. ?)?\d{1,2}(?::\d\d)?\b(?! (?:minut|godzin|dni|proc))|(?:do|od|przed|po|około) (?:godziny )?\d{1,2}:\d\d\b"),
    *_stale(
        r"przed każd\w+ \w+",
        r"bez (?:odpowiedzi|zmian|ruchu) od\b|bez odpowiedzi\b|od (?:\d+|jednego|dwóch|trzech|ponad \w+|tygodnia|miesiąca|roku) ?(?:dni|tygodni|miesięcy|lat)?\b|(?:odśwież\w+|utrzymywa\w+ aktualn\w+)\b",
        r"(?:(?:usu|kas|czyś|czyszcz|wyrzuc|archiw|sprząta|pozby|zamyk|skasow)\w*\b[^.;,]{0,40}\bstar(?:e|y|a|ych|ego|ej|szych|sze)|przestarzał\w+|wygas(?:ł|aj)\w+|nieużywan\w+|nieruszan\w+|niedokończon\w+|porzucon\w+|osieroc\w+|starsz\w+ niż|przeterminowan\w+|zaległ\w+)\b",
        r"nie (?:mogą|może|powinn\w+) być starsz\w+ niż\b|(?:zagląda\w*|sprawdza\w*|szuka\w*)\b[^.;,]{0,30}\bpo now\w+\b|(?:zanim|nim) (?:wygas\w+|przepad\w+|się skończ\w+)|przed wygaśnięciem|nigdy nie (?:potwierdz|użyt|odebra|zalogow|ukończ)\w+",
        r"nikt (?:już )?(?:nie|z)\b",
    ),
    implied(r"\b(?:czyści\w*|sprząta\w*|porządk\w+|konserwacj\w+)\b", _HOUSEKEEPING),
)  # fmt: skip
