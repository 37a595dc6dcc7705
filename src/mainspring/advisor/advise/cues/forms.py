"""What the form of a sentence tells where its words are unknown: who acts in a clause, and whether it names an act or a thing that goes on.

People tell what happens with a finite verb and a subject of its own ("a tenant leaves", "die Mieterin kündigt", "najemca odchodzi"), and what is
to be done with an infinitive, an order or a noun. These patterns know endings and function words; nouns are named only where an ending is
shared by people and machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Forms:
    """Patterns of one language, each tried on one clause."""

    joins: str  # words between clauses, besides punctuation
    under: str  # words that begin a clause and belong to it
    relative: str  # how a clause about a thing begins
    occasion: tuple[str, ...]  # a clause under another one, or a participle, in which somebody else acts
    inverted: tuple[str, ...]  # a condition that is known by its verb in front
    deed: tuple[str, ...]  # a main clause in which somebody else acts
    cased: tuple[str, ...]  # the same, known by a noun's capital letter
    door: str  # where people ask
    request: tuple[str, ...]  # what people ask for, as a title
    nobody: str  # what nobody does, which is no event
    small: str  # an operation that is done in less than a second, wherever nothing else is said of it
    makes: str  # an operation that is small where it is done to what is at hand
    matter: str  # what is at hand: parts of a page, a text, a request
    reaches: str  # what goes to another system, whatever else it does
    removal: str  # an act that throws away
    undo: str  # an act that takes back others
    bearer: tuple[str, ...]  # a thing of ours that goes on by itself, where a text begins with it
    lasts: tuple[str, ...]  # words by which anything goes on
    keeps: str  # an act that may go on, and does with a source
    source: str  # what never runs dry


_EN_THING = (  # end as people do
    r"(?:order|number|letter|newsletter|paper|folder|header|footer|filter|cluster|register|computer|container|server|worker|listener|consumer|subscriber|reader|scanner|printer|router|broker|"
    r"sensor|monitor|processor|timer|parameter|buffer|pointer|counter|trailer|poster|banner|reminder|error|mirror|vector|color|offer|never|ever|over|under|after|other|another|either|whether|"
    r"rather|together|later|earlier|older|newer|larger|smaller|bigger|longer|lower|upper|higher|faster|transfer|render|enter|remember|consider|deliver|recover|trigger|answer|ledger|voucher|"
    r"ticker|tracker|browser|helper|loader|crawler|importer|exporter|collector|connector|controller|scheduler|runner|watcher|forwarder|poller|adapter|layer|power|weather|water|quarter|"
    r"semester|\w+ember|october|minor|major|prior|floor|door|factor|list|wishlist|checklist|playlist|exist|persist|assist|fee|employee record|three|see|free|tree|degree|meter|character|user agent|"
    r"her|per|their|for|or|nor|payment provider|provider)s?\b"
)
_EN_PERSON = (
    rf"(?!{_EN_THING})(?:\w{{2,}}(?:ers?|ors?|ists?|ees?|wom[ae]n|ians?)|(?:sales|office|fire|chair|middle|trades)?m[ae]n|users?|admins?|nurses?|clerks?|guests?|chefs?|cooks?|parents?|students?|pupils?|"
    r"clients?|patients?|tenants?|merchants?|accountants?|assistants?|agents?|residents?|recipients?|applicants?|participants?|boss|chair|people|somebody|someone|anybody|anyone|staff|hr|support|"
    r"relatives?|colleagues?|crew|team|farmers?|pilots?|judges?|heirs?|hosts?|fans?|kids?|child|children|friends?|artists?|architects?|analysts?|she|he|they)"
)
_EN_LET = r"(?:(?:an?|the|each|every|one|some|any|our|their|his|her|another|as an?)\s)"
_EN_DONE = r"(?:sent|bought|brought|made|paid|said|put|built|drawn|shown|written|given|taken|chosen|broken|seen|begun|left|found|told|sold|held|lost|met|won|done|gone|handed)"
_ENGLISH = Forms(
    joins=r"(?<!now )(?<!again )and|but|so|then|because",
    under=r"which|that|who|whom|while|when|whenever|once|if|as soon as",
    relative=r"^(?:that|which|who)\s",
    occasion=(
        r"^(?:whenever|when|once|as soon as|each time|every time|any time|if|after|upon)\s(?!it\b|this\b|that\b|possible|needed|necessary|in doubt|a (?:day|week|month|year)|per)\w",
        rf"^(?:that|which|who|whom)\s(?:(?:was|were|has|have|had|has been|have been|had been)\s)?(?:{_EN_LET}?{_EN_PERSON}\s)?(?:\w+ed|{_EN_DONE})\b",
        rf"\b(?:\w+ed|{_EN_DONE})\s(?:\w+\s)?by\s(?:an?|the|our|their|his|her|one|{_EN_PERSON})\b",
        r"\b(?:handed|sent|turned|phoned|called|dropped|typed|keyed) (?:in|off)\b|\bincoming (?!messages|events|packets|mails?|traffic|data)\w+|\s->\s|\bas an? [\w ]{2,30}\bi (?:want|would|need|can|wish)\b|\bi (?:want|would like|need) to (?:press|click|be able)|^i (?:\w+ ){0,2}(?:upload|press|click|open|enter|choose|pick|drop|send)\b",
        r"\bafter (?:it|they|he|she|the|an?|each|every|being|\w+ing|\w+ion)\b(?! (?:end|close|start|beginning)\b)",
        r"\bfor (?:the|an?|our) new \w+|\b(?:freshly|newly|just) \w+(?:ed|en)\b|\bi \w+ed\b",
        r"\b(?:on|for|after|with|at|of) (?:each|every|any) (?!(?:second|minute|hour|day|night|week|month|quarter|year|season|shift|morning|evening|\w+day)s?\b|few\b|other\b|\d)\w+",
        r"^(?:every|each|any) (?!(?:second|minute|hour|day|night|week|month|quarter|year|season|shift|morning|evening|\w+day|other|few|step|stage|request|response|call|row|page|line|time)s?\b|\d)\w+",
        rf"\b{_EN_PERSON}(?: (?:in|from|at|of) \w+)? (?:complains?|reports?|wants?|needs?|expects?|would like|asks?|requests?)\b",
        r"\b(?:gives?|hands?|sends?|shows?|offers?) (?:the|an?|our) \w+ (?:a|an|the|all)\b.*\bwhen\b",
    ),
    inverted=(),
    deed=(
        r"^(?:an?|the|one|each|some|our|their|his|her)\s(?!\w+ings?\b)(?:\w+\s){1,3}(?:has|have|had)\s(?:just |been )?\w+",
        rf"^(?:hey |please |currently |so |say )*{_EN_LET}?(?:\w+\s)?{_EN_PERSON}\s(?:(?:just|\w+ly|can|may|might|could)\s)?(?!wants|needs|sees|gets|waits|expects|likes)(?:\w{{2,}}s|\w+ed|have|had|put|upload|ask|send|press|click|hit|pick|drag|fill|enter|drop|go|get|make)\b",
    ),
    cased=(),
    door=r"\b(?:buttons?|on (?:\w+(?:\'s)? )?demand|on request|upon request|webhooks?|dialog|wizard|admin (?:page|panel|area|ui)|back-?office|form submit\w*|menu entry|self-?service|202|post /\w+)",
    small=r"^(?:please |just )?(?:verify the|shorten|sort|sum|add up|count|bump|incr\w*|pick|choose|decide|format|round|trim|strip|split|join|escape|parse|truncate|shorten|slugify|saniti[sz]e|normali[sz]e|lower-?case|upper-?case|mask|hide|show|display|"
    r"highlight|toggle|log|measure|observe|compare|convert \w+ to|turn|look up|lookup|return|render|redirect|greet|calculate|compute|work out|validate|check|cache|memoi[sz]e|remember|set|append|prepend|append|fill in|guess|detect|respond)\b",
    makes=r"^(?:please |just )?(?:build|generate|create|make|get|merge|fill|verify|hash|turn|convert|write|put|tell (?:whether|if)|say|reply|combine|remove|add|update|read|produce|print)\b",
    matter=r"\b(?:format|signature|keys?|subject line|strings?|urls?|params?|parameters?|fields?|versions?|headers?|cookies?|dicts?|dictionar\w+|configs?|tokens?|regex|checksum|hex|rgb|json|html|markdown|badge|hint|tooltip|placeholder|breadcrumbs?|"
    r"dropdown|menu|theme|mode|locale|timezone|decimals?|digits?|characters?|letters|words|prefix|suffix|slug|uuid|flags?|timestamp|weekday|age|initials|plural|iban|vat|percent\w*|log|banner|counter|whether|variable|names?)\b",
    reaches=r"^(?:please |then )?(?:send|post|call|fetch|sync|notify|mail|push|pull|upload|download|ask|query|submit|invoke|charge|publish|deliver|forward|import|export|transfer|request|crawl|scrape|inform|order|translate|transcribe)\b|\b(?:external|outside|remote|third[- ]party)\b|\b(?:with|at|via|"
    r"through|from|to|by|using|on) (?:the |an? |our |their )?(?:[\w'’-]+ ){0,3}(?:services?|apis?|providers?|gateway|registry|bank|crm|erp|server|bucket|s3|s?ftp|slack|teams|model|llm|gpt|stripe|endpoint|authority|partner|supplier|carrier|warehouse)\b",
    removal=r"^(?:please )?(?:delete|remove|purge|prune|drop|clear|clean|discard|evict|wipe|throw|get rid of|close|expire|archive|kill)\b",
    undo=r"\b(?:give|put|take|roll|go|pay|turn|hand)\w* (?:\w+ ){0,3}back\b|\b(?:undo|revert|restore|refund|release|cancel|reverse|unwind|compensat\w+|clean up|tear down)\b",
    request=(r"\brequests?$",),
    nobody=r"\b(?:nobody|no one|none|never|no longer|not any ?more)\b",
    bearer=(
        r"^(?:(?:an?|the|our|one|some|we need|we want|i need)\s)*(?:[\w-]+\s){0,3}(?:\w*bots?|daemon|bridge|gateway|sink|(?:websocket|mqtt|tcp|udp|grpc|amqp|irc|smtp|snmp|sse) (?:client|receiver|reader|process)|fan-out process|listener|subscriber|consumer|watcher|relay|forwarder|tailer|ingester|ingestor|connector|proxy|poller|sidecar|\w+ process$|hub|multiplexer|heartbeat)\b(?!\s(?:app|page|report|is down))",
    ),
    lasts=(
        r"\bmust (?:not|never) (?:drop|disconnect|lose) ?(?:the (?:session|connection|line))?$|\b(?:session|connection|line) (?:must|may|should) (?:not|never) (?:drop|break)\b",
        r"\bkeep\w* (?:an eye|watch)\b|\bin real time\b",
        r"\b(?:stay|remain|be|keep)s? (?:logged in|connected|online|subscribed|attached|reachable|in touch)\b",
        r"\b(?:something|a thing|a process|a service|a program|an agent|a component|process|service|program)\s(?:that|which|to)\s(?:sits?|listens?|keeps?|holds?|reads?|watches|always|follows?|receives?|speaks?|accepts?|runs?)\b",
        r"\b(?:^|that |which |to |and )(?:listens?|watch(?:es)?|tracks?|follows?(?! up)|monitors?|guards?|observes?|tails?|subscribes?)\b(?! (?:if|whether))",
        r"\b(?:amqp|mqtt|kafka|nats|rabbitmq|pulsar|udp) (?:messages|events|frames|packets)\b",
        r"\b(?:from|off) (?:the |a |an |our |their )?(?:\w+ ){0,2}(?:brokers?|topics?|kafka|mqtt|nats|rabbitmq|amqp|pulsar|serial|rs-?\d+|modbus|websocket|socket)\b",
        r"\b(?:whenever|while|as long as) the (?!user|customer|client|browser|tab|page|visitor|caller|request|connection|response)\w+ (?:is|are|stays?|runs?)\b",
    ),
    keeps=r"\b(?:sit|sits|listen|listens|consum\w+|ingest\w*|tail|tails|hold|keep|stay|watch|watches|follow|follows|subscrib\w+|relay\w*|bridg\w+|collect\w*|receiv\w+|read|reads|accept\w*|captur\w+|records?|stores?|files?|saves?|logs?|persists?|writes?|monitor\w*|observ\w+|pump\w*|buffer\w*|pip(?:e|es|ing)|speak\w*|terminat\w+|decod\w+)\b",
    source=r"\b(?:brokers?|topics?|kafka|mqtt|nats|rabbitmq|amqp|pulsar|kinesis|zeromq|websockets?|sockets?|feeds?|ports?|sensors?|receivers?|telemetry|bus|streams?|channels?|ticks?|quotes|signals?|readings|packets|frames|scanners?|scales?|cameras?|gate|drawer|usb|rs-?\d+|(?<!for )(?<!after )(?<!with )(?<!on )(?:each|every) (?!time\b)\w+|datagrams|multicast|udp|tcp|gps|plc|opc|change ?log|binlog|events|readouts?|connection|subscription)\b",
)

_DE_BEARER = r"(?:(?:\w+-|chat|telegram|slack|discord|matrix)?bot|[\w-]*(?:dienst|brücke|leser|empfänger|lauscher|horcher|gateway|dämon|daemon|weiterleiter|server|wächter|sammler|prozess|programm|abonnent|konsument|senke|verteiler|hub|relais))"
_DE_MODAL = r"(?:muss|müssen|soll|sollen|sollte|sollten|darf|dürfen|kann|können|wird|werden|ist|sind|mit|nicht|seit|fast|erst|jetzt|selbst|statt|samt|laut|dort|oft|bereit|direkt|sofort|mindest|höchst|meist|per|und|oder|bis|für|an|aus|von|vom|zu|zur|zum|im|in|am|auf|je|als|bei)"
_GERMAN = Forms(
    joins=r"und|aber|denn|dann",
    under=r"weil|während|sodass|damit|wenn|sobald|falls|nachdem",
    relative=r"^(?:der|die|das|denen|welche\w*)\s",
    occasion=(
        r"^(?:wenn|sobald|falls|nachdem|sofern|sowie|immer wenn|jedes mal|sowie)\s(?!möglich|nötig|etwas schief)\w",
        r"^(?:bei|beim|nach|auf|mit)\s(?:(?:jede[mrn]?|eine[mr]?|der|dem|den|neue[mnr])\s)*(?!bedarf|nacht|stunden?|tagen?|monaten?|wochen?|minuten?|sekunden|laden|geschäfts|schicht|dem broker|fehler|absturz|neustart|ausfall|börsen)\w+",
        r"^(?:der|die|das|den|dem|denen|welche[nrsm]?|was|wer)\s(?!.*\b(?!ge)\w+ (?:ist|sind)$).*\b(?:\w+t|\w+te|\w+ten|hat|haben|ist|sind|wurde|wurden|worden)$",
        r"\bnach (?:dem|der|einer|einem|jeder|jedem) (?!\w*(?:ende|schluss|feierabend|absturz|neustart|ausfall|fehler|reihe|letzten))\w+",
        r"\b(?:vo[mn]|durch)\s(?:(?:der|dem|den|einer|einem|unserer|unserem|ihrem)\s)?\w+\s(?:\w+\s)?(?-i:\w*ge\w+(?:t|en)|be\w+t|ver\w+t|er\w+t)\w{0,2}\b|\b(?:frisch|neu|gerade|soeben|eben) (?-i:\w*ge\w+(?:t|en)|ver\w+t|er\w+t)\w{0,2} |\bfür (?:einen?|den|die|das|jede[nrs]?) neue[nrs]? \w+",
        r"\b(?:auf (?:anfrage|wunsch|zuruf|bitte|verlangen|antrag|anforderung)|als [\w ]{3,30} (?:möchte|will|kann) (?:ich|man))\b",
        r"\b(?:abgegeben|eingereicht|hochgeladen|eingegangen|eingesandt|eingesendet|zugesandt|ausgewählt|ausgesucht|angefordert|unterschrieben|unterzeichnet|bestellt|beantragt|gemeldet)(?:e[nrsm]?)?\b",
        r"\b(?:jede[nrsm]?|für jede[nrs]?)\s(?:(?:neue|bezahlte|eingehende|fertige|einzelne)[nrs]?\s)?(?!\w*(?:sekunde|minute|stunde|tag|nacht|woche|monat|quartal|jahr|morgen|abend|mittag|schicht|werktag|montag|halbe|stufe|schritt|volle|zweite|letzte|erste|antwort|anfrage|request|response|seite\b|zeile|aufruf|änderung|nachricht|ereignis|position|messwert))\w{3,}",
    ),
    inverted=(
        r"^(?:ist|sind|hat|haben|wird|werden|klappt|kommt|geht|gibt|fällt|scheitert|schlägt|bleibt|meldet|lehnt|fehlt|reagiert|antwortet|misslingt|platzt|will|möchte)\s",
        r"^(?!(?:mit|seit|statt|samt|nicht|fast|erst|jetzt|zuerst|zuletzt|laut)\b)\w{2,}t (?:der|die|das|ein\w*|sich|er|sie|es)\b",
    ),
    deed=(),
    cased=(
        r"^(?:(?:[Dd]er|[Dd]ie|[Dd]as|[Ee]ine?)\s)?[A-ZÄÖÜ][\w-]+ (?:wird|wurde|ist|werden|wurden|sind) (?:\w+ ){0,2}(?:\w*ge\w+(?:t|en)|\w+iert|be\w+t|ver\w+t|er\w+t)$",
        rf"^(?:(?:[Dd]er|[Dd]ie|[Dd]as|[Ee]ine?|[Uu]nsere?|[Jj]ede[rs]?|[Dd]eren|[Ii]hre?)\s)?(?:[a-zäöü]+e[nrs]?\s)?(?!(?:{_DE_BEARER.title()}|\w+(?:dienst|server|brücke|prozess))\b)(?!KI\b|LLM\b|Modell|System|Software|Backend|Cronjob|Worker|API\b)[A-ZÄÖÜ][\w-]+\s(?!{_DE_MODAL}\b)(?:[a-zäöüß]{{2,}}(?:t|ßt)\b(?!$)|[a-zäöüß]{{2,}}en\s(?:ein\w*|die|das|den|der|ihre?\w*|seine?\w*|sich|uns|etwas)\b)",
    ),
    door=r"\b(?:\w*knopf|\w*button|schaltfläche|webhooks?|formular abschicken|dialog|menüpunkt|adminbereich|backoffice|verwaltungsoberfläche|jemand|klick(?:t|s|en)?|post /\w+)\b",
    small=r"\b\w*(?:sortieren|sortierung|zählen|addieren|summieren|runden|rechnen|kürzen|formatieren|formatierung|trennen|aufteilen|zusammenfügen|vergleichen|\w*wählen|zeigen|aussuchen|anzeigen|einblenden|ausblenden|hervorheben|nachschlagen|ermitteln|bestimmen|"
    r"prüfen|validieren|merken|setzen|ersetzen|säubern|maskieren|mitloggen|loggen|zurückgeben|umleiten|ausgeben|großschreiben|kleinschreiben|abschneiden)[.!]?$",
    makes=r"\b(?:bauen|bilden|\w*wandeln|\w*setzen|erzeugen|zusammenführen|entfernen|sagen|wählen|machen|ergänzen|hinzufügen|hashen|lesen)[.!]?$|^(?:sagen|zeigen)\b",
    matter=r"\b\w*(?:format|signatur|schlüssel|betreff\w*|vorlage|url|parameter|felde?r?|version|header|kopfzeile|cookie|session|konfiguration\w*|token|regex|prüfsumme|hex|rgb|json|html|markdown|hinweis|tooltip|menü|design|theme|zeitzone|stellen|"
    r"ziffern|zeichen|buchstaben|worten|präfix|slug|uuid|flag|zeitstempel|wochentag|initialen|iban|mehrwertsteuer|prozent|banner|zähler|name)\b",
    reaches=r"\b(?:\w*senden|\w*schicken|melden|übertragen|abrufen|abfragen|\w*holen|\w*laden|benachrichtigen|synchronisieren|abgleichen|bestellen|anfragen|übermitteln|weiterleiten|\w*buchen|übersetzen)\b|\b(?:extern|fremd)\w*|\b(?:beim|bei|vom|von|über|an|per|mit|durch|"
    r"gegen) (?:\w+ ){0,3}\w*(?:dienste?|api|schnittstelle|anbieter|bank|crm|erp|server|s3|s?ftp|slack|modell|partner|lieferant\w*|behörde|amt|lager)\b",
    removal=r"\b(?:\w*löschen|\w*räumen|entfernen|entsorgen|\w*misten|wegwerfen|schließen|verwerfen|leeren|archivieren|weg damit|beenden|abschießen)\b",
    undo=r"\bzurück\w*|\b(?:\w*stornieren|rückgängig|freigeben|aufheben|abbauen|wieder \w+)\b",
    request=(r"\w*(?:anfrage|antrag|ersuchen|anforderung|anliegen)\b",),
    nobody=r"\b(?:niemand|keiner|nie|nicht mehr)\b",
    bearer=(rf"^(?:(?:ein|eine|einen|unser|unsere|der|die|das|wir brauchen)\s)*(?:[\w-]+\s){{0,2}}{_DE_BEARER}\b",),
    lasts=(
        r"\b(?:darf|soll) (?:nicht|nie) ab(?:reißen|brechen)\b|\büberbrück\w*\b",
        r"\b(?:eingeloggt|verbunden|angemeldet|online|dran|erreichbar|abonniert) (?:bleiben|bleibt|sein)\b",
        r"\b(?:überwach(?:en|t)|beobacht(?:en|et)|verfolg(?:en|t)|lausch(?:en|t)|horch(?:en|t)|mithören|mitlesen|bewach(?:en|t)|abhören|ausliest)\b",
        r"\b(?:amqp|mqtt|kafka|nats|rabbitmq|udp)-?(?:nachricht|ereignis|paket|telegramm)\w*",
        r"\b(?:vom|von|aus|am) (?:dem |der |einem |unserem )?[\w-]*(?:broker|topic|kafka|mqtt|nats|rabbitmq|amqp|rs-?\d+|modbus|websocket|socket)\b",
        r"^(?:etwas|irgendwas|irgendetwas|ein ding)$|\b(?:im auge|im blick|in echtzeit)\b|^(?:websocket|mqtt|tcp|udp|grpc|amqp|irc|smtp|snmp)-?(?:client|empfänger|senke|leser)\b|\bmitführen\b",
        r"\b(?:solange|während) (?:das|der|die) (?!browser|tab|client|nutzer|benutzer|kund|seite|besucher|verbindung|anfrage|sach)\w+ (?:\w+ )?(?:ist|sind|läuft|laufen|offen|bleibt)\b",
    ),
    keeps=r"\b(?:\w*konsum\w+|mitlesen|\w*lausch\w+|\w*hör(?:en|t)|horch\w+|empfang\w*|empfäng\w*|entgegennehm\w+|annehmen|annimmt|aufnehmen|aufzeichnen|einsammeln|sammel[nt]|verfolg\w+|halten|hält|beobacht\w+|überwach\w+|abonnier\w+|ableg\w+|wegschreiben|puffern|durchleiten|protokollieren|speichern|festhalten|mitschreiben|lesen|liest|sitzt|hängt)\b",
    source=r"\w*(?:kafka|mqtt|nats|rabbitmq|amqp|broker|topic|warteschlange|kanal|socket|schnittstelle rs|port\b|sensor|ereignis|nachricht|telemetrie|datenstrom|strom\b|feed|kurse\b|ticks?\b|messwert|signal|leitung|verbindung|paket|telegramm|meldung|empfänger|funk|gps|scanner|waage|kamera|usb|rs-?\d+|(?<!r )(?<!nach )(?<!bei )jede[nrs]? (?!mal)|sps\b|udp|tcp)\w*",
)

_PL_PERSON = (
    r"(?!(?:drukarka|paczka|teczka|wycieczka|książeczka|tabliczka|skrzynka|przeglądarka|wyszukiwarka|ładowarka|czytnik|silnik|odbiornik|przekaźnik|licznik|wynik|plik|serwer|router|kontener|numer|papier|termin|broker|serwis|koszyk|kod|adres|rejestr|raport|transport|import|eksport|nadajnik|dziennik|wskaźnik|słownik|grafik|"
    r"cennik|zbiornik|praca|tablica|różnica|ulica|granica|kolejka|faktura|umowa|wysyłka|paczka|karta|baza|etykieta)\w*\b)"
    r"(?:\w{2,}(?:ca|cy|nik|niczka|nicy|ciel|cielka|ciele|arz|arka|czka|fka|osz|eśla|arze|ista|istka|iści|erka|orka|or|er|ant|antka|anci|ent|entka|enci|ścian|anin|anka|owiec)|ktoś|kto|rodzice|uczeń|uczniowie|gość|goście|fotografka|księgow[aey]|lekarz|lekarka|szef|szefowa|prezes|firma|urząd|"
    r"ludzie|klienci|pani|pan|student|studenci|dział \w+|zespół|rada|sąd|szkoła|sklep|szpital|bank|pacjent|admin|opiekun|dyżurny|chory|zarząd|kadry)"
)
_POLISH = Forms(
    joins=r"i|oraz|a|ale|bo|po czym",
    under=r"żeby|aby|gdy|kiedy|jeśli|jeżeli|jak|gdy tylko|któr\w+",
    relative=r"^któr\w+\s",
    occasion=(
        r"^(?:jeśli|jeżeli|gdy|kiedy|jak|skoro|gdy tylko|jak tylko|kiedy tylko|za każdym razem|ilekroć)\s\w",
        r"^(?:po|przy|na)\s(?:każd\w+\s)?\w+(?:niu|ciu)\b",
        r"^(?:któr\w+|kto|co|jaki\w*)\s.*\b\w+(?:ł|ła|ło|li|ły|uje|ują|aje|ają|sza|sze|dza|ca|ci|osi|ywa|iera)\b",
        r"\bpo (?!rs\b|dacie|nazw|cenie|numerze|wartości|kolumnie|kolei|prostu|czym|południu|stronie|awarii|restarcie|zakończeniu roku|zerwaniu|błędzie|kawałku|kroku|przecinku)\w{4,}",
        r"\bdla now\w+ \w+|\b(?:świeżo|nowo|właśnie) \w+",
        r"\b\w+(?:an|en|on|yt|ęt|it|ut)(?:y|a|e|ą|ej|ego|ych|ym|ymi|emu)\s(?:\w+\s)?przez\s",
        r"\b(?:oddan|nadesłan|przysłan|przesłan|wgran|zgłoszon|złożon|wrzucon|zamówion|podpisan|wybran|wskazan|zlecon|zatwierdzon|dostarczon|opłacon)\w{1,3}\b",
        r"\b(?:jako \w+ (?:chcę|chciał\w+|mogę)|na (?:\w+ )?(?:prośbę|wniosek|życzenie|żądanie))\b|\bkażd(?:e|y|a|ą|ego|ej) (?:now|opłacon|gotow|przychodząc)\w+ (?!rok|dzień|miesiąc|tydzień|zdarze|wiadomo)\w+|^każd(?:y|a|e) (?!rok|dzień|miesiąc|tydzień|noc|godzin|zdarze|wiadomo|odpowied|żądani|krok|etap|zmian)\w+",
    ),
    inverted=(),
    deed=(
        r"^(?!system|serwer|skrypt|aplikacja|moduł|proces|usługa|program|backend)\w+\s(?:się\s)?\w{2,}(?:uje|ują|ają|ywa|iwa|uwa|acza|awia|dza)\b",
        r"\bzosta(?:je|ją|ł|ła|ło|ły|li|nie|ną)\s\w+",
        rf"^(?:\w+(?<![ćc])\s)?{_PL_PERSON}\s(?:\w+\s)?(?!{_PL_PERSON}\b)(?!(?:dla|przez|przed|jego|temu|mogą|musi|muszą|ma|mają)\b)\w{{3,}}(?:a|e|i|y|ą|ł|ła|ło|li|ły)\b",
    ),
    cased=(),
    door=r"\b(?:przycisk\w*|guzik\w*|panel\w*|webhook\w*|kreator\w*|okienk\w+|klikn(?:ie|ij|ął|ęła|ąć)\w*|kliknięciu|klika\w*|post /\w+)\b",
    small=r"^(?:tylko )?(?:zsum|podsum|sum|policz|licz|zlicz|posort|sort|sformat|format|zaokrągl|skróc|przyci|uci|obci|rozdziel|sklei|złącz|porówn|wybra|wybier|wskaza|pokaz|wyświetl|ukry|podświetl|sprawdz|walid|zwróc|ustaw|zamien|oblicz|dolicz|odj|odwróc|zapamięta|"
    r"zamask|oczyśc|wylosow|wyrender|narysow|znale[źz]|wyszuk|zapisa\w+ w log)\w*",
    makes=r"^(?:zbud|wygener|gener|utw|zrobi|scal|połącz|usun|dod|powiedz|zweryfik|zhasz|wypeł|odczyt|napis|dopis)\w*",
    matter=r"\b(?:format|podpis|klucz|temat|szablon|url|parametr|pol[aeu]\b|polem|wersj|nagłów|ciastecz|konfigurac|token|regex|hex|rgb|json|html|markdown|podpowied|menu|motyw|stref|cyfr|znak|liter|słownie|prefiks|slug|uuid|flag|inicjał|iban|vat|procent|baner|"
    r"licznik|nazw)\w*",
    reaches=r"\b(?:wysł|wysył|prześ|przesył|pobr|pobier|powiad|zgłos|zgłas|synchroniz|zamówi|obciąż|zapyta|wywoł|przekaz|opublik|przetłum|tłum|zewnętrzn|obc[yae])\w*|\b(?:w|u|do|z|ze|od|przez|poprzez) (?:\w+ ){0,3}(?:usłu[dg]|api\b|dostawc|bank|crm|erp|serwer|s3|ftp|model|partner|"
    r"urz[ęą]d|magazyn|kurier)\w*",
    removal=r"\b(?:usu[nwń]|kasow|skasow|wyrzuc|czyści|wyczyści|sprząt|posprząt|zamyka|zamkn|archiwiz|pozby)\w*",
    undo=r"\b(?:odda|zwróc|wróc|cofn|wycof|anulow|odwoł|zwolni|przywróc|odkręc|posprząta)\w*",
    request=(r"\b(?:żądanie|wniosek|prośba|zgłoszenie)\b",),
    nobody=r"\b(?:nikt|nigdy|już nie)\b",
    bearer=(
        r"^(?:(?:nasz|nasza|jeden|jakiś)\s)?(?:\w+\s)?(?:\w*bot|most|mostek|bramka|czytnik|odbiornik|demon|serwer|usługa|proces|nasłuch|słuchacz|subskrybent|konsument|agent|pośrednik|przekaźnik|(?:klient|odbiorca) (?:websocket|mqtt|tcp|udp|smtp|snmp|amqp))\b|\bkrok w krok\b",
    ),
    lasts=(
        r"\bnie (?:może|powinn\w+) się (?:zerwać|zrywać|rozłącz\w+)\b",
        r"^coś$|\bma oko\b|\b(?:być|pozosta\w+|stale|ciągle) (?:\w+ )?(?:zalogowan|połączon|podłączon)\w+",
        r"\b(?:pilnowa|śledzi|obserwowa|nasłuchiw|monitorowa|czuwa|podsłuchiw)\w*\b",
        r"\b(?:komunikat|wiadomo|zdarze|pakiet)\w* (?:amqp|mqtt|kaf[kc]\w|nats|rabbitmq|udp)\b",
        r"\b(?:z|ze) (?:\w+ )?(?:broker|temat|kaf[kc]|mqtt|nats|rabbitmq|amqp|rs-?\d+|modbus|websocket|socket|gniazd)\w*\b|\bpo rs-?\d+\b",
        r"\b(?:dopóki|póki) (?!przeglądark|klient|użytkowni|kart|stron|gość)\w+ (?:jest|są|działa|stoi|żyje)\w*",
    ),
    keeps=r"\b(?:konsum|odbier|zbier|nasłuch|śledz|podtrzym|utrzym|obserw|słuch|czyta|odczytyw|przyjm|przechwyt|subskryb|monitor|rejestrowa|zapisuj|notowa|siedzi)\w*",
    source=r"\b(?:kaf[kc]|mqtt|nats|rabbitmq|amqp|broker|temat|kolejk|kanał|gniazd|socket|websocket|port|czujnik|sensor|zdarze|wiadomo|komunikat|telemetri|strumie|notowa|kurs|sygnał|pomiar|log(?:i|ów|u)?\b|połączen|skaner|wag[aęi]\b|kamer|usb|rs-?\d+|szuflad|(?<!dla )(?<!po )(?<!przy )każd\w+ (?!raz)|pakiet|ramk|magistral|odbiornik|gps|udp|tcp)\w*",
)  # fmt: skip

FORMS: Mapping[str, Forms] = MappingProxyType({"en": _ENGLISH, "de": _GERMAN, "pl": _POLISH})
