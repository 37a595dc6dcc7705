"""Polish."""

from __future__ import annotations

from mainspring.advisor.advise.answers import NO, YES, Length, Question
from mainspring.advisor.advise.cues.clock import POLISH
from mainspring.advisor.advise.cues.lexicon import MANY, Lexicon, Special, implied, marks, said

_USER, _RECURRING, _SURVIVE = (Question.USER_TRIGGERED, YES), (Question.RECURRING, YES), (Question.SURVIVE, YES)
_RETRIED, _POLLED, _NETWORK, _STEPS = (Question.RETRIED, YES), (Question.POLLED, YES), (Question.NETWORK, YES), (Question.MULTI_STEP, YES)
_NOT_RECURRING, _NOT_USER, _NOT_SURVIVE = (Question.RECURRING, NO), (Question.USER_TRIGGERED, NO), (Question.SURVIVE, NO)
_INSTANT, _LONG = (Question.DURATION, Length.INSTANT), (Question.DURATION, Length.LONG)
_FOREVER, _STREAM, _LOCAL = (Question.DURATION, Length.FOREVER), (Question.STREAM, YES), (Question.NETWORK, NO)

_N = r"(?:\d+|jedn\w+|dwie|dwa|trzy|cztery|pięć|sześć|dziesięć|kilka|kilkanaście|parę|pół)"
_UNIT = r"(?:sekund\w*|minut\w*|godzin\w*|dni|dnia|dzień|dniach|tygodni\w*|tydzień|miesi\w+)"
_DAY = r"(?:poniedział\w+|wtor\w+|środ\w+|czwart\w+|piąt\w+|sobot\w+|niedziel\w+)"
_PERSON = r"(?:użytkowni\w+|klient\w*|ktoś|administrator\w*|admin\w*|redaktor\w*|pracowni\w+)"

CUES = (
    said(rf"\b(?:sprawdz\w*|zagląda\w*|patrz\w*|szuka\w*)\b.{{0,50}}\b(?:czy|na)\b.{{0,40}}\b{_PERSON}\b.{{0,30}}\b(?:popros\w*|prosi\w*|zażąda\w*|zamówi\w*|chce|przesła\w*|klikn\w*|wysła\w*|zleci\w*)",
         _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:sprawdz\w*|zagląda\w*|patrz\w*|szuka\w*)\b.{0,50}\b(?:now\w+|oczekując\w+|nieobsłużon\w+)\b.{0,20}\b(?:prośb\w*|żąda\w*|zlece\w*|wniosk\w*|zgłosze\w*)\b", _USER,
         special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:sprawdz|zagląda|patrz|szuka|odpyt|przegląda)\w*\b[^.;]{0,40}\b(?:tabel|kolej[kc]|wiersz|rekord)\w*\b[^.;]{0,30}\b(?:czy|now\w+|ktoś)\b", _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:nie działa|leży|pada|nie odpowiada)\b[^.;,]{0,30}", _RETRIED, takes=True),
    implied(r"\bczy (?:\w+ ){1,4}(?:wygas\w+|ważn\w+|poprawn\w+|pust\w+|dozwolon\w+|znan\w+)\b", _INSTANT, _LOCAL, takes=True),
    said(r"\b(?:klient|interfejs|przeglądark\w+|strona|frontend|aplikacja)\b.{0,25}\b(?:odpytuj\w*|pyta)\b(?:.{0,20}\b(?:stan|status)\w*)?", _POLLED, takes=True),
    said(r"\bnie musi\b[^.;]{0,20}\b(?:przetrwa\w*|przeży\w*)|(?<!nie )\bmoże (?:zginąć|przepaść)|\butrata nie szkodzi", _NOT_SURVIVE, takes=True),
    said(r"\bnie (?:może|wolno)\b[^.;]{0,15}\b(?:zginąć|zgubi\w*|przepaść)|\b(?:przetrwa\w*|przeży\w*)\b", _SURVIVE, takes=True),
    said(r"\b(?:wznowi\w*|wznawia\w*|kontynuowa\w*|od miejsca przerwania|po (?:awarii|restarcie|wdrożeniu))\b", _SURVIVE),
    said(rf"\b(?:najwyżej|co najwyżej|nie częściej niż|maksymalnie)\b.{{0,12}}\b(?:raz|co)\b(?: (?:na|w|co))?\s?{_N}?\s?{_UNIT}?", _NOT_RECURRING, special=Special.DEBOUNCE, takes=True),
    said(r"\b(?:czeka\w*|poczeka\w*|zaczeka\w*)\b[^.;]{0,10}\b(?:aż|na)\b[^.;]{0,45}\b(?:zatwierdz\w*|akcept\w*|potwierdz\w*|zgod\w*|podpis\w*|zapłac\w*|płatnoś\w*|decyzj\w*|zdecyd\w*|odpowie\w*)", _STEPS, _SURVIVE,
         special=Special.WAITS_FOR_PERSON, takes=True),
    said(r"\b(?:musi|muszą|powinien|powinni|wymaga\w*|trzeba)\b[^.;]{0,50}\b(?:zatwierdz\w*|akcept\w*|zaakcept\w*|potwierdz\w*|podpis\w*|zgod\w*|sprawdz\w*)\b[^.;]{0,25}\b(?:zanim|przed|dopiero)\b", _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON, takes=True),
    said(r"\b(?:zatwierdza|akceptuje|podpisuje|zgadza się)\b[^.;]{0,50}\b(?:następnie|potem|dopiero|na końcu|później)\b", _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON),
    said(r"\bwłasn\w+\b.{0,12}\b(?:kolejk\w+|harmonogram\w*|scheduler\w*|blokad\w+)", special=Special.OWN_INFRASTRUCTURE, takes=True),
    said(r"\b(?:wątek|wątku|wątki|create_task)\b", _USER, special=Special.OWN_INFRASTRUCTURE, takes=True),
    said(rf"\b(?:{_N}\s)?{_UNIT} (?:przed|po)\b \w+", _USER, special=Special.DELAYED, takes=True),
    said(rf"\b(?:po|za) {_N} (?:minut\w*|godzin\w*|dni\w*|tygodni\w*)\b", _USER, special=Special.DELAYED, takes=True),
    said(rf"\bnie\b[^.;]{{0,40}}\bw ciągu {_N} (?:minut\w*|godzin\w*|dni\w*|tygodni\w*)\b", _USER, special=Special.DELAYED, takes=True),
    said(r"\bdo czekając\w+ \w+|\bpodłączon\w+ (?:przegląd|klient|kart)\w+|\bkawałek po kawałku\b|\btoken(?:y|ów|ami)\b[^.;]{0,40}\b(?:przeglądar\w+|kart\w+|okn\w+|gości\w+|czekając\w+|websocket\w*)\b", _STREAM, takes=True),
    said(r"\b(?:dopóki|póki|tak długo jak)\b[^.;]{0,20}\b(?:przeglądarka|klient|użytkownik|karta|strona)\b[^.;]{0,12}\b(?:połączon\w+|otwart\w+|online)\b", _STREAM, takes=True),
    said(r"\b(?:tej|tego|tym)\b[^.;]{0,20}\b(?:kart\w+|przeglądar\w+|połączeni\w+)\b", _STREAM, takes=True),
    said(r"\b(?:podczas|przy|w trakcie) (?:pisani\w+|wpisywani\w+)\b|\b(?:gdy|kiedy|jak|podczas gdy) [^.;,]{0,40}\b(?:wpisuje|pisze|wpisują|wstukuje)\b", _INSTANT, _STREAM, _USER),
    said(r"\b(?:dopóki|póki|tak długo jak)\b[^.;]{0,30}\b(?:połączenie|strumień)\b[^.;]{0,15}\b(?:trwa|jest otwarte|otwarte)|\bsse\b", _STREAM, takes=True),
    said(r"\bprzed (?:wyświetleniem|odpowiedzią|wysłaniem odpowiedzi)\b|\bw trakcie żądania\b|\b(?:klient|użytkownik) czeka\b", _STREAM),
    *POLISH,
    said(rf"\b{_PERSON}\b[^.;,]{{0,30}}\b(?:klikni\w*|naciśni\w*|poprosi\w*|prosi|żąda|zażąda|uruchomi\w*|uruchamia\w*|wybierz\w*|prześle|wyśle|zamyka|zamknie)\b", _USER),
    said(r"\b(?:po kliknięciu|kliknięcie|przycisk\w*|na żądanie|na życzenie|przesłan\w+|wgran\w+|po przesłaniu|po wgraniu)\b", _USER),
    said(r"\bbez (?:blokowania|czekania)\b|\bnie (?:czeka\w*|blok\w*)\b", _USER),
    implied(r"\b(?:webhook\w*|w tle|rejestracj\w+|mail powitalny|e-mail powitalny|kod weryfikacyjny|asynchroniczn\w+)\b", _USER),
    said(r"\bręcznie\b|\b(?:zlecon|uruchamian|wywołan|wpisan|wklejon)\w* przez\b|\bkt\w+ \w+ (?:wkleił|wpisał|podał|wybrał|wgrał|dodał)\w*", _USER),
    said(r"\bna (?:jego|jej|ich|czyj\w+) (?:prośbę|wniosek|życzenie)\b|\bna (?:prośbę|wniosek)\b", _USER),
    said(r"\b(?:bez (?:końca|przerwy|ustanku)|zawsze (?:włączon\w+|działa\w*|aktywn\w+)|nigdy (?:się )?nie (?:kończy|przestaje)|stale|ciągl\w+|ciągł\w+|nieprzerwan\w+|non ?stop|nieustannie|cały czas|bez przerwy|zawsze połączon\w+|na stałe|całą dobę|w nieskończoność)\b", _FOREVER),
    said(r"\b(?:nasłuch\w*|słucha\w*)\b|\b(?:połączenie|websocket\w*)\b[^.;]{0,30}\b(?:otwart\w+|utrzymuj\w*)\b|\b(?:trzyma\w*|utrzym\w+)\b[^.;]{0,20}\b(?:połączeni\w+|socket\w*|gniazd\w+|sesj\w+)|\bodbier\w*\b[^.;]{0,20}\b(?:wiadomości|zdarzenia)\b|"
         r"\bbot (?:telegram\w*|discord\w*|slack\w*)|\b(?:katalog|folder|skrzynk\w+)\b[^.;]{0,20}\bobserwow\w*", _FOREVER, _NOT_USER),
    said(r"\b(?:ponawia\w*|ponowi\w*|spróbowa\w* ponownie|próbowa\w* (?:ponownie|jeszcze raz)|zawodn\w+|w razie błędu|przy błędzie|czasem nie (?:działa|odpowiada)|niedostępn\w+|bywa \w+)\b", _RETRIED),
    said(r"\b(?:postęp\w*|link do pobrania)\b", _POLLED),
    marks(r"\b(?:potem|następnie|później|po czym|na końcu|na koniec|w końcu|dalej)\b", 1),
    marks(r"\bnajpierw\b", 1),
    marks(r"\b(?:saga|wieloetap\w*|kompens\w*|krok po kroku|każd\w+ (?:krok|etap|faz\w+|stopień)|wcześniejsze kroki|potok)\b", 2),
    marks(r":[^.;:]+,[^.;:,]+,", 1),
    marks(r"\b(?:kilku|kilka|dwóch|trzech|czterech|pięciu|sześciu|wielu)\b(?: \w+){0,2} (?:krok\w+|etap\w+|faz\w+|stopni\w+)\b", 2),
    marks(r":[^.;:]+(?:,[^.;:,]+){3,}|\((?:\w+ )?(?:dni|tygodnie|tygodni|miesiące|miesięcy)\)|\bczeka\w*,? aż\b", 1),
    said(r"\bw tej samej transakcji\b", _INSTANT, _LOCAL, _STREAM),
    said(r"\b(?:kilka|parę|w|w kilka) (?:milisekund\w*|ms)\b|\bw ułamku sekundy\b", _INSTANT),
    implied(r"\b(?:w pamięci|we własnym procesie|w każdym procesie|tego (?:procesu|workera|węzła)|własn\w+ procesu|tylko pamięć)\b", _INSTANT, _LOCAL, _NOT_SURVIVE),
    implied(r"\b(?:licznik\w*|metryk\w*|formularz\w* logowania|ciasteczko|sum[ęa] koszyka|sformatow\w*)\b", _INSTANT, _LOCAL, _NOT_SURVIVE),
    implied(r"\b(?:poprawn\w+|cyfr\w+ kontroln\w+|po przecinku|nagłów\w+|w słowniku|w przybliżeniu)\b", _INSTANT, _LOCAL),
    said(r"\b(?:podpowiada\w*|podpowiedzi|autouzupełnia\w*)\b", _INSTANT, _STREAM, _USER),
    implied(r"(?<![\d.,])\d{1,2} (?:element\w+|pozycj\w+|wiersz\w+|wpis\w+)\b", _INSTANT, _LOCAL),
    said(r"\bwielkimi literami\b|\b(?:dwie|trzy|cztery) (?:liczby|wartości|listy|teksty)\b", _INSTANT, _LOCAL),
    implied(r"\b(?:przekaza\w*|przekazuj\w*|zgłosi\w*|prześ\w+|przesył\w*|sklonowa\w*)\b", _NETWORK, _RETRIED),
    implied(r"\b(?:eksport\w*|import\w*|xlsx|csv|pdf|raport\w*|wideo|film\w*|miniatur\w*|przekonwertow\w*|konwersj\w+|ocr|kopi\w+ zapasow\w+|archiw\w+|faktur\w+|zestawieni\w+|rozliczeni\w+|generow\w+|wygenerow\w+|"
            r"najemc\w+|migracj\w+|zdję\w+|obraz\w+|tysiąc\w*|model\w* język\w+|tłumacz\w+|indeks\w+|skompres\w*|kompresj\w*|kodowa\w*|transkry\w*|generowa\w*|uzgodnien\w+)\b", _LONG),
    implied(r"\b(?:e?-?mail\w*|sms\w*|api|webhook\w*|płatnoś\w+|obciąż\w+|powiad\w+|partner\w*|dostawc\w+|pobiera\w+|slack\w*|llm|openai|przypom\w+|synchroniz\w+|wysł\w+|wysył\w+|crm|erp|git\w*|bank\w*|zewnętrzn\w+|\w+ systemach|drukar\w+|biur\w+ informacji|kurier\w*|teams|whatsapp|urząd\w*|urzęd\w*|telefon\w*)\b", _NETWORK, _RETRIED),
    implied(MANY, _LONG),
)  # fmt: skip

LEXICON = Lexicon(
    language="pl",
    cues=CUES,
    negation=r"\b(?:nie|bez|nigdy|ani)\b(?:\W+\w+){0,2}\W*$",
    common=frozenset(["że", "jak", "już", "tylko", "nasz", "ich", "ten", "lub", "ze", "we", "ktoś", "żadnych", "potem", "a", "my", "trwa", "jego", "jej", "być", "są", "minut", "godzin", "przed", "każdy", "dane", "nowe", "i", "w", "na", "do", "z", "po", "się", "nie", "jest", "aby", "żeby", "co", "gdy", "który", "która", "przy", "przez", "oraz", "od", "dla", "o", "ma", "to", "czy", "za"]),
    numbers={"jedna": 1, "jedną": 1, "dwa": 2, "dwie": 2, "trzy": 3, "cztery": 4, "pięć": 5, "dziesięć": 10, "kilka": 4, "parę": 3, "pół": 0.5},
    units=((r"ms|milisekund\w*", 0.001), (r"s|sekund\w*", 1), (r"min|minut\w*", 60), (r"godz|godzin\w*", 3600), (r"dni|dnia|dzień", 86400), (r"tydzień|tygodni\w*", 604800), (r"miesi\w+", 2592000), (r"lat|lata|rok|roku", 31536000)),
    takes=r"\b(?:jakieś|około|mniej więcej|trwa\w*|zajm\w*|potrwa\w*)\b",
    lasting=r"\b(?:trwa\w*|zajm\w*|potrwa\w*|do|około|ponad)\b",
)  # fmt: skip
