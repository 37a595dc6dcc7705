"""English."""

from __future__ import annotations

from mainspring.advisor.advise.answers import NO, YES, Length, Question
from mainspring.advisor.advise.cues.clock import ENGLISH
from mainspring.advisor.advise.cues.lexicon import MANY, Lexicon, Special, implied, marks, said

_USER, _RECURRING, _SURVIVE = (Question.USER_TRIGGERED, YES), (Question.RECURRING, YES), (Question.SURVIVE, YES)
_RETRIED, _POLLED, _NETWORK, _STEPS = (Question.RETRIED, YES), (Question.POLLED, YES), (Question.NETWORK, YES), (Question.MULTI_STEP, YES)
_NOT_RECURRING, _NOT_USER, _NOT_SURVIVE = (Question.RECURRING, NO), (Question.USER_TRIGGERED, NO), (Question.SURVIVE, NO)
_INSTANT, _SHORT, _LONG = (Question.DURATION, Length.INSTANT), (Question.DURATION, Length.SHORT), (Question.DURATION, Length.LONG)
_FOREVER, _STREAM, _LOCAL = (Question.DURATION, Length.FOREVER), (Question.STREAM, YES), (Question.NETWORK, NO)

_N = r"(?:\d+|an?|one|two|three|four|five|six|ten|twelve|fifteen|thirty|half an?|(?:a )?few|several|a couple of|some)"
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?)"
_PERSON = r"(?:users?|customers?|clients?|admins?|administrators?|somebody|someone|people|visitors?|operators?|editors?|members?|they)"

CUES = (
    # Shapes with advice of their own, and words that mean something else than they seem to.
    said(rf"\b(?:check|look|see|watch|scan|poll)\w*\b.{{0,60}}\b(?:if|whether|for|when)\b.{{0,40}}\b{_PERSON}\b.{{0,25}}\b(?:request|ask|order|submit|"
         r"want|upload|click|start|trigger)\w*", _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:check|look|see|watch|scan|poll)\w*\b.{0,50}\b(?:new|pending|queued|open|waiting|unprocessed)\b.{0,20}\b(?:requests|uploads|"
         r"submissions|jobs|exports|tasks)\b(?:.{0,40}\b(?:table|database|queue)\b)?", _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(rf"\b(?:clients?|ui|front-?end|browser|page|app|{_PERSON})\b.{{0,25}}\b(?:polls?|polling|asks? for (?:the |its )?(?:state|status)|checks? (?:on )?"
         rf"(?:the |its )?(?:state|status|progress))\b(?:.{{0,25}}\bevery {_N}?\s?{_UNIT})?", _POLLED, takes=True),
    said(r"\b(?:does(?:n't| not)|do(?:n't| not)|need(?:n't| not)|no need|not)\b[^.;]{0,15}\bsurvive\b(?:[^.;,]{0,12}\b(?:restart|crash|deploy)\w*)?",
         _NOT_SURVIVE, takes=True),
    said(r"\b(?:los(?:ing|e) (?:it|one|them|some) is (?:fine|harmless|ok|okay|acceptable)|(?:can|may) be lost|best[- ]effort|we just stop|"
         r"does(?:n't| not) matter if (?:it is|it's) lost|no durability)\b", _NOT_SURVIVE, takes=True),
    said(r"\b(?:must|may|should|can)(?: ?not|n't) (?:be |get )?(?:lost|lose|forgotten|dropped)|\bcannot be lost|\bwithout losing", _SURVIVE, takes=True),
    said(r"\b(?:survive\w*|outlive\w*|across)\b[^.;]{0,20}\b(?:restart|crash|deploy|reboot)\w*", _SURVIVE, takes=True),
    said(r"\b(?:resum(?:e|es|able|ed|ing)|carry on|pick up|continu\w+)\b(?:[^.;]{0,40}\b(?:crash\w*|restart\w*|deploy\w*|failure|left off|"
         r"where it (?:was|stopped)|from the last [\w ]{3,20}))?", _SURVIVE, takes=True),
    said(r"\b(?:after|in case of|on) an? (?:crash|restart|deploy(?:ment)?|power cut)|\bif the (?:process|server|worker|machine) (?:dies|crashes|restarts)",
         _SURVIVE, takes=True),
    said(r"\b(?:durabl[ey]|guaranteed|at[- ]least[- ]once|exactly[- ]once)\b", _SURVIVE),
    said(r"\b(?:approves?|signs?(?: it| them)?(?: off)?|okays?|gives? (?:the|its|their) ok)\b[^.;]{0,50}\b(?:then|afterwards|after that|only then|finally)\b", _STEPS, _SURVIVE,
         special=Special.WAITS_FOR_PERSON),
    said(rf"\b(?:(?:at most|no more than|not more (?:often )?than|not oftener than)\b.{{0,12}}\b(?:once|one|every)\b(?:\s(?:an?|per|every|each))?\s?{_N}?\s?{_UNIT}?|"
         rf"once (?:an?|per|every) {_UNIT} at most|debounc\w+|throttl\w+|coalesc\w+)", _NOT_RECURRING, special=Special.DEBOUNCE, takes=True),
    said(r"\bwait\w*\b[^.;]{0,15}\b(?:for|until|till)\b[^.;]{0,45}\b(?:approv\w+|review\w*|confirm\w*|signs?|signature|signed|payment|pays|paid|accept\w*|"
         r"decision|decides|replies|reply|answers)", _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON, takes=True),
    said(r"\b(?:approval|review|sign-?off|confirmation)s?\b[^.;]{0,15}\b(?:in between|in the middle|step|before (?:it|the|we))", _STEPS, _SURVIVE,
         special=Special.WAITS_FOR_PERSON, takes=True),
    said(r"\b(?:needs?|need|must|have to|has to|requires?|should)\b[^.;]{0,50}\b(?:approv\w*|sign(?:s|ed)? (?:it |this |them )?off|sign-?off|review\w*|confirm\w*|releas\w+|accept\w*)\b[^.;]{0,25}\b(?:before|first|until)\b|"
         r"\b(?:once|after|when) (?:it is|it has been|both|all|two|everybody|the)\b[^.;,]{0,25}\b(?:approved|signed|signed off|confirmed|accepted)\b[^.;]{0,20}\bthen\b|\bif (?:nobody|no one|none)\b[^.;]{0,45}\b(?:accepts?|answers?|responds?|replies|reacts?|"
         r"takes it)\b[^.;]{0,30}\b(?:next|then|escalat\w+|ask)", _STEPS, _SURVIVE, special=Special.WAITS_FOR_PERSON, takes=True),
    said(r"\b(?:(?:my|our|your|their) own|a custom|custom|home-?made|hand-?written)\b.{0,12}\b(?:queue|scheduler|job runner|task runner|worker pool|lock)|"
         r"\bqueue table\b|\bworker loop\b|\bleader election\b|\bdistributed lock\b|\badvisory lock\b|\bstatus (?:=|is)? ?'?pending'?",
         special=Special.OWN_INFRASTRUCTURE, takes=True),
    said(r"\b(?:spawn|start|use|launch|run)\w*\b.{0,12}\b(?:threads?|threading\b\S*|create_task|threadpool|executor|a process|subprocess)\b|\bfire[- ]and[- ]forget\b",
         _USER, special=Special.OWN_INFRASTRUCTURE, takes=True),
    said(rf"(?<!older than )(?<!for )(?<!up to )(?<!once )(?<!twice )(?<!times )(?<!every )(?<!each )(?<!per )\b{_N}\s{_UNIT}\s(?:before|prior to|ahead of|after|past|following)\b(?: the| an?| their| his| her)?(?: last)? \w+",
         _USER, special=Special.DELAYED, takes=True),
    said(rf"(?:\bnot\b|n't\b|\bun\w+)[^.;]{{0,40}}\bwithin {_N} (?:minutes?|hours?|days?|weeks?)\b", _USER, special=Special.DELAYED, takes=True),
    said(rf"\bif [^.;,]{{0,50}} (?:after|within|for) {_N} {_UNIT}\b", _USER, special=Special.DELAYED, takes=True),
    said(rf"\b\d+ ?(?:h|hrs?|mins?|m|d) (?:before|after|prior to|past)\b|\b{_N} {_UNIT}, then\b", _USER, special=Special.DELAYED, takes=True),
    said(rf"\b(?:after|in) {_N} (?:minutes?|hours?|days?|weeks?)\b(?! of)", _USER, special=Special.DELAYED, takes=True),
    said(r"\b(?:check|look|scan|poll|read|quer)\w*\b.{0,40}\b\w*(?:requests?|jobs?|tasks?|exports?|uploads?|orders?|queue)\b[^.;]{0,12}\btable\b[^.;]{0,25}\b(?:new|pending|open|fresh|"
         r"waiting|any)\b", _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(rf"\b(?:look|check|poll|scan|search|see|peek|quer)\w*\b[^.;]{{0,60}}\b(?:tables?|rows|records|outbox|queue)\b[^.;]{{0,40}}\b(?:new|pending|open|waiting|unprocessed|{_PERSON}|colleagues?|staff|clerks?|(?:which|that) the \w+)\b", _USER,
         special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:is|are|being) (?:often |sometimes |regularly )?(?:down|offline|unavailable|asleep)\b[^.;,]{0,30}", (Question.RETRIED, YES), takes=True),
    implied(r"\b(?:if|whether) (?:the|an?|this|its?|their) (?:\w+ )?(?:jwt|token|session|cookie|link|code|coupon|voucher|password|name|number|address)\b[^.,;]{0,20}\b(?:valid|expired|known|correct|well-formed|allowed|empty|set)\b", _INSTANT, _LOCAL),
    said(r"\b(?:look|check|poll|scan|see)\w*\b[^.;]{0,10}\b(?:if|whether|for)\b[^.;]{0,50}\b(?:table|outbox)\b[^.;]{0,40}\b(?:written|put|left|added|inserted|stored|queued)\b", _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\b(?:look|check|poll|scan|search)\w*\b[^.;]{0,15}\b(?:for|at)\b[^.;]{0,15}\b(?:rows|records|entries)\b[^.;]{0,60}\b(?:enters?|entered|adds?|added|writes?|written|puts?|creates?|created|inserts?|inserted)\b",
         _USER, special=Special.POLLS_USER_WORK, takes=True),
    said(r"\bwhen (?:it is|it's|they are|this is|that is) (?:ready|done|finished|complete)|\bas soon as (?:it is|they are) (?:ready|done)", _POLLED, takes=True),
    # Bound to a request or a stream.
    said(r"\b(?:relay|forward|pass|push|pipe|proxy)\w*\b[^.;]{0,40}\b(?:this (?:one )?|the same |its own )(?:websocket|connection|visitor|client|socket|request|user)\b|\bto the (?:websocket|socket|connection) of (?:this|one|the)\b", _STREAM, takes=True),
    said(r"\b(?:as long as|while|until)\b[^.;]{0,15}\b(?:it|he|she|they|browser|client|user|tab|visitor|viewer|page) (?:is|are|stays?|remains?) (?:connected|online|open|subscribed|on the page)\b",
         _STREAM, takes=True),
    said(r"\b(?:while|as|when) (?:\w+ ){0,4}(?:typing|types?)\b", _INSTANT, _STREAM, _USER),
    said(r"\bto (?:the|a|its|each) waiting \w+|\bconnected (?:browsers?|clients?|visitors?|tabs?)\b|\btoken by token\b|\bchunk by chunk\b|\b(?:tokens|chunks|deltas)\b[^.;]{0,40}\b(?:browser|tab|visitor|viewer|websocket|socket|caller|reader|window|waiting)\b", _STREAM, takes=True),
    said(r"\b(?:server-?sent events?|sse)\b|\b(?:while|as long as|until)\b[^.;]{0,25}\b(?:connection|stream|socket)\b[^.;]{0,10}\b(?:is open|lasts|stays open|closes|ends)",
         _STREAM, takes=True),
    said(r"\bstream(?:s|ed|ing)?\b[^.;]{0,30}\bto (?:the|a|its) (?:browser|client|caller|user)\b", _STREAM, takes=True),
    said(r"\b(?:for the (?:time|duration) of|during|within) (?:the|a|one) request\b|\b(?:client|user|caller|browser) waits\b|\bbefore (?:rendering|the (?:page|response|answer)|"
         r"responding|answering|we (?:respond|answer))", _STREAM),
    said(r"\b(?:open|same|streamed|chunked) response\b|\bwhen the (?:tab|browser|connection|page|socket) (?:is closed|closes|goes away)\b", _STREAM),
    # How it begins.
    said(r"\b(?:once|twice|(?:two|three|five|ten|several|many|\d+) times) (?:a|per|every) second\b|\bevery (?:second|other second|[1-5] ?s(?:ec(?:ond)?s?)?|(?:two|three|five|few|couple of) seconds)\b|\bmany times (?:a|per) second\b",
         _FOREVER, _NOT_USER, takes=True),
    *ENGLISH,
    said(rf"\b{_PERSON}\b(?: \w+){{0,2}} (?:clicks?|press(?:es)?|hits?|asks?|requests?|submits?|starts?|triggers?|presses|chooses?|selects?|uploads?|closes?|types?|wants?)\b",
         _USER),
    said(r"\b(?:click(?:s|ed|ing)?\b(?! (?:events?|data|streams?))|press(?:es|ed)|the button|on demand|ad[- ]hoc|user[- ](?:triggered|initiated|requested)|(?:users?|customers?)(?:'s?|s') request|"
         r"from the (?:dashboard|admin|panel|ui|console|website|browser|view|form|checkout|app)\b|in the (?:view|handler|request handler|endpoint))", _USER),
    said(r"\b(?:\w+ )?(?:submitted|requested|uploaded|typed|selected|started|picked|chosen|ordered) by (?:an?|the|our|one) \w+|\ban? uploaded\b|\buploaded (?:\w+)\b",
         _USER),
    said(r"\bwithout (?:making|letting|keeping|blocking) (?:the |a )?(?:user|client|caller|customer|request)|\b(?:response|request|ui|user|page) should not (?:block|wait)|"
         r"\bnot block\b|\b(?:blocks (?:the|their|my|our|his|her)|freezes|hangs)\b|\bshould not wait\b", _USER),
    implied(r"\b(?:webhooks?|(?:bounce|payment|order) event|sign-?up|signs up|registration|verification code|reset (?:mail|email)|"
            r"welcome (?:mail|email)|in the background|background (?:job|task)|asynchronous(?:ly)?|async)\b", _USER),
    said(r"\bby hand\b|\bmanually\b|\b(?:triggered|initiated|asked for|pasted|entered|chosen|requested) by\b|\b\w+ (?:pasted|entered|typed|dropped) (?:in|into|on)\b", _USER),
    implied(r",\s(?:and |then |so )?(?:we|our \w+|the (?:system|backend|server))\b|\b(?:on|for|after|with|at) (?:each|every|any) (?!(?:second|minute|hour|day|night|week|month|quarter|year|morning|evening|\w+day)s?\b|few\b|other\b|\d)\w+",
            _USER),
    # How long it goes on.
    said(r"\b(?:for ?ever|permanent(?:ly)?|24/7|all the time|never (?:ends|stops)|continuous(?:ly)?|round the clock|around the clock|always (?:on|running|connected)|"
         r"as long as the (?:system|server|app|application|process|site|shop) (?:is up|runs|is open)|long-?lived|daemon|until (?:it is )?stopped|stays? connected|day and night|never goes away|non-?stop|"
         r"indefinitely|at all times|always[- ]on|resident)\b", _FOREVER),
    said(r"\b(?:must|has to|should|shall) always (?:be )?\w+|\bnever stops?\b", _FOREVER),
    said(r"\bwithout (?:a |any )?(?:break|pause|end|interruption)s?\b|\balways (?:up|alive|there|online)\b|\bnever (?:finishes|returns|sleeps|quits)\b|\bendless(?:ly)?\b", _FOREVER),
    said(r"\b(?:workers?|process(?:es)?|service|program|script|component|thing|consumer|client) (?:that|which|to|has to|must|should|will) (?:always |constantly |only )?(?:hold|keep|stay|speak|read|receive|listen|follow|observe|forward|relay|reconnect|consume|subscribe|maintain|sit on|"
         r"monitor|watch|pull)s?\b|\breconnect\w*\b|\b\w*(?:forwarder|relay|listener|subscriber|watcher|poller|collector|exporter daemon|ingester|consumer)$|\bbots? (?:for|in|on)\b|\b(?:as|so) long as the \w+ (?:is on|is up|is running|runs|lives|is plugged in)\b|\bfollow(?:s|ing)? the\b"
         r"[^.;]{0,30}\b(?:log|stream|slot|feed|chain|queue|topic|journal)\b|\breplication (?:slot|stream)\b|\bpersistent (?:search|connection|subscription)\b|\b(?:event|message|packet|price|sensor) (?:stream|feed)s?\b|\bticker\b|\breal-?time feed\b", _FOREVER, _NOT_USER),
    said(r"\bkeep\w*\b[^.;]{0,45}\b(?:alive|running|connected|attached|subscribed|in touch)\b|\b(?:until|till)\b[^.;]{0,25}\b(?:switched off|turned off|shut down|powered (?:off|down)|stopped|unplugged|killed|terminated)\b|\b(?:process|daemon|program|thread|worker|script|agent|reader) "
         r"(?:sits|hangs|is attached|runs permanently|is connected|lives|stays|which never|that never|without an end)\b|\b(?<!from the )(?<!to the )(?<!on the )\b(?:smtp|mail|dns|tcp|udp|tftp|ntp|dhcp|socket|websocket|telnet|snmp|sip) (?:server|hub|daemon|listener|gateway) (?:which|that|for|to)\b|\bwebsocket hub\b|\bdebezium\b|\bwal\b|"
         r"\bfollow(?:s|ing)? (?:the )?(?:changes|updates|events)\b|\b(?:ssh|vpn) tunnel\b|\bbackground reader\b|\bconsumer group\b|\bapply(?:ing)? events\b|\bper-?manent\b|\bevent loop of\b|\bwatchdog\b|\bsupervis\w+ (?:a|the) (?:process|connection)\b|\bevery change\b|"
         r"\b(?:all|any|each) (?:incoming|arriving|new) (?:messages?|mails?|events?|packets?|frames?|calls?)\b", _FOREVER, _NOT_USER),
    said(r"\bif it (?:falls over|dies|crashes|goes down|drops)\b[^.;]{0,40}\b(?:bring|restart|start|come|back)\b|(?<!soon )\bas they (?:arrive|come|happen|appear|are mined)\b|\bsocket mode\b|\bhold\w*\b[^.;]{0,20}\b(?:subscription|connection|"
         r"session|socket|lease)\b|\b(?:gateway|bridge|proxy|relay|forwarder|listener|subscriber|watcher|follower|agent) (?:process|between|from|for|that|which)\b|\b(?:process|service|program) (?:that|which|to) (?:speaks?|listens?|reads?|"
         r"holds?|keeps?|talks?|watches|follows?|forwards?|receives?)\b|\b(?:camera|serial port|rtsp|modbus|opc[- ]ua|can bus|gpio|udp|ami events|change stream|cdc|binlog|logical replication|pub-?sub)\b", _FOREVER, _NOT_USER),
    said(r"\blisten(?:s|er|ing)? (?:on|to|for|at)\b|\bkeep\w*\b[^.;]{0,30}\b(?:connection|websocket|socket|session)\b|\b(?:websocket|connection|socket)\b[^.;]{0,20}\b(?:kept )?open\b|"
         r"\blong[- ]poll(?:s|ing)\b|\b(?:kafka|rabbitmq|amqp|nats|mqtt|queue|stream|message) consumer\b|\bconsum(?:e|er|es|ing)\b[^.;]{0,20}\b(?:messages|topic|queue|kafka|"
         r"rabbitmq|stream|events)\b|\bsubscrib(?:e|er|es|ing) to\b|\bsyslog\b|\btail(?:s|ing)? the\b|\bwatch(?:es|ing|er)?\b[^.;]{0,20}\b(?:director(?:y|ies)|folder|api|inbox|"
         r"mailbox|file|changes|port)\b|\b(?:discord|telegram|slack|irc|matrix|chat) ?bot\b|\bimap idle\b|\breceiver\b", _FOREVER, _NOT_USER),
    # How it may go wrong, and who looks.
    said(r"\b(?:retr(?:y|ies|ied|ying)|tr(?:y|ied) again|back-?off|flaky|unreliable|(?:is|are|may be|often|sometimes|being) (?:often |sometimes |frequently )?(?:unreachable|offline|asleep|busy|slow|overloaded|late)|(?:rejects|refuses|drops|fails)\b[^.;]{0,15}\b(?:one|some|every|now|sometimes|at times)|hiccup\w*|called again|sent again|tried once more|sometimes (?:answers|fails|returns|is|times)|is (?:sometimes )?(?:down|unavailable|away)|"
         r"down for maintenance|rate[- ]limit(?:s|ed)\b|time-?outs?|50[234]\b|on failure|on errors?|at times)", _RETRIED),
    said(r"(?<!in )\bprogress(?: bar)?\b|\bdownload link\b|\b(?:show|see|watch)\b[^.;]{0,20}\b(?:status|state|progress)\b|\bnotified when\b|\bcancel button\b", _POLLED),
    # Several steps.
    marks(r"(?<!right )(?<!now and )\bthen\b(?=\W+\w)|\bafter that\b|\bafterwards\b|\bfinally\b|\bfollowed by\b|\bnext\b,|\bif a later\b|\bdepend(?:s|ing)? on the (?:previous|result)", 1),
    marks(r"\b(?:saga|multi-?step|work-?flows?|compensat\w+|undo(?:ne)?|undoes|roll(?:ed|s)?[- ]back|step by step|state machine|each (?:stage|step|phase)\b|pipeline|"
          r"(?:last )?finished (?:stages?|steps?|ones)|half ?way|cancel(?:s)? the ones|cancel what)\b", 2),
    marks(r"\bwait (?:until|for|\w+ days|\w+ hours)\b|\bhold until\b", 1),
    marks(r"\b(?:next|previous|earlier|preceding|later) (?:stage|step|phase|one)s?\b|\bthe one before\b|\bin (?:that|this|the right) order\b|\bone after (?:the other|another)\b|\bstart from scratch\b|\bnothing may be done twice\b", 2),
    marks(r"\b(?:any|one|each|either) of (?:them|these|those) (?:can|may|might|could)? ?(?:fail|break)|\bif (?:the|a|one|any) [\w ]{2,25} (?:fails|breaks|goes wrong|cannot be \w+)[^.;]{0,10}(?:,| we| the| then)", 1),
    marks(r"\b(?:when|if|should)\b [^.;,]{3,45}\b(?:does not|doesn't|do not|don't|is not|isn't|cannot|can't|fails?|withdraws?|refuses?|declines?|cancels?|rejects?|is refused|is rejected|times out|comes back)\b[^.;]{2,70}", 1),
    marks(r"\b(?:takes?|wait(?:s|ing)?) (?:for )?(?:several |some |a few )?days\b|\bafter (?:two|three|four|a few|some|\d+) (?:days|weeks)\b", 1),
    marks(r":[^.;:]+(?:,[^.;:,]+){3,}|\((?:\w+ )?(?:days|weeks|months)\)|\bwait\w* (?:till|for)\b", 1),
    marks(r"\b(?:several|multiple|two|three|four|five|many)\b(?: [\w-]+){0,3} (?:steps|stages|phases)\b", 2),
    # What sort of work it is.
    said(r"\b(?:in|within) the same (?:database )?transaction\b", _INSTANT, _LOCAL, _STREAM),
    said(r"\bauto-?(?:suggest|complet)\w*|\btype-?ahead\b", _INSTANT, _STREAM, _USER),
    said(r"\b(?:two|three|four|a few|some) (?:numbers|strings|dictionar(?:y|ies)|dicts|lists|dates|values|fields|flags)\b|\bin a (?:module|global|local) variable\b|\bhistogram\b|\bcsrf\b", _INSTANT, _LOCAL),
    said(r"\b(?:few|some|a couple of|in|within) (?:a )?(?:milliseconds?|ms)\b|\bsub-?second\b|\binstant(?:ly|aneous)?\b", _INSTANT),
    implied(r"\b(?:in-?(?:memory|process)|in memory|in (?:each|every|its own|this) (?:\w+ )?process|its own memory|of this process|this (?:process|worker|pod|instance|node)'s|each process on its own|(?:by|in|of|for) (?:each|every) process|per (?:process|worker)|(?:just|only|purely) memory|(?:memory|ram) only)\b", _INSTANT, _LOCAL, _NOT_SURVIVE),
    implied(r"\b(?:(?:emit|incr|inc|record|count|bump|update)\w*\b[^.;]{0,25}\b(?:counters?|metrics?|gauges?|connections)|memory gauge|log (?:the|a) (?:request|line|duration)|"
            r"(?:set|send|add)s? an? (?:\w+ )?(?:cookie|header)|validate\w* (?:the|a) (?:form|jwt|token|input)|jwt|format\w* (?:the|a) (?:date|number|name)|hash\w* the|"
            r"compute\w* the (?:total|sum)|it is cached|lru)\b", _INSTANT, _LOCAL, _NOT_SURVIVE),
    implied(r"\b(?:tell|inform|alert|report (?:it |this )?to|push\w*|hand (?:it|them) over|transfer|submit)\b[^.;,]{0,40}\b(?:to |the |our |an? )\w+", _NETWORK, _RETRIED),
    implied(r"\b(?:exports?|xlsx|excel|csv|pdfs?|reports?|transcod\w+|transcri\w+|videos?|thumbnails?|resiz\w+|ocr|imports?|backfill\w*|re-?index\w*|search index|crawl\w*|scrap\w+|"
            r"train\w*|simulat\w+|(?<!by )zip\w*|unzip\w*|unpack\w*|archiv\w+|embeddings?|virus scan|snapshots?|bulk|merge|large files?|heavy|long[- ]running|"
            r"regenerat\w+|generat\w+|rebuild\w*|migrat\w+|provision\w*|deployment|clone|gdpr|delete all|snapshot|index it|notebook|payroll|calculation|audio|exif|pictures?|images?|photos?|catalogue|docs|sitemap|translat\w+|anonymi[sz]\w+|mass|moderat\w+|extract\w+|classif\w+|"
            r"analy[sz]e|recalc\w*|score|scoring|speech to text|recomput\w+|render\w* (?:a|the) video|compress\w*|encod\w+|encrypt\w* (?:the|all)|deduplicat\w+|thousand\w*|million\w*|\d{3,} (?:students|users|rows|items|customers)|\d+k)\b", _LONG),
    implied(r"\b(?:e-?mails?|mails?|newsletters?|sms|slack|telegram|push notifications?|notify|notif(?:y|ies|ications?)|webhooks?|apis?|http|soap|rest|graphql|endpoints?|stripe|paypal|payments?|"
            r"charg(?:e|es|ing)|crm|erp|cms|twilio|sendgrid|mailchimp|salesforce|hubspot|google|s3|ftp|sftp|ldap|openai|llms?|gpt|model|whisper|geocod\w+|identity provider|third[- ]party|"
            r"external|partner\w*|download\w*|upload\w*|fetch\w*|sync\w*|call (?:the|an?|our)|deliver\w*|elasticsearch|remind\w*|warehouse|link preview|fedex|dhl|ups|zapier|segment|docusign|github|gitlab|jira|deepl|telephony|phone|text (?:the|a)|ping \w+|registry|authorit(?:y|ies)|carrier|provider|insurer|bureau|outside|remote|other (?:system|side|company|service)s?|jenkins|steam|printer|router|device|sso|psp|bucket|bank|youtube|mail(?:s|ed)?|push message|embedding|"
            r"gpt|toxicity|inference|analytics|tracking event|forward(?:s|ed)? to|let \w+(?: \w+)? know|teams|whatsapp)\b", _NETWORK, _RETRIED),
    implied(MANY, _LONG),
)  # fmt: skip

LEXICON = Lexicon(
    language="en",
    cues=CUES,
    negation=r"\b(?:no|not|never|without|n't|cannot|neither|nor|don't|doesn't|needn't|isn't|won't)\b(?:\W+\w+){0,3}\W*$",
    common=frozenset(["each", "new", "this", "our", "has", "have", "if", "then", "only", "are", "was", "all", "its", "my", "they", "which", "who", "until", "can", "takes", "should", "must", "their", "when", "as", "or", "in", "the", "a", "an", "and", "of", "to", "when", "is", "for", "it", "we", "on", "with", "after", "that", "not", "every", "by", "from", "at", "be", "user"]),
    numbers={"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "twenty": 20, "thirty": 30, "half": 0.5, "few": 3,
             "several": 5, "couple": 2},
    units=((r"ms|milliseconds?", 0.001), (r"s|secs?|seconds?", 1), (r"m|mins?|minutes?", 60), (r"h|hrs?|hours?", 3600), (r"days?", 86400), (r"weeks?", 604800), (r"months?", 2592000), (r"years?", 31536000)),
    takes=r"\b(?:roughly|approx\w*|some|tak\w+|lasts?|runs? for|runtime|duration|hours,|for up to|up to|around|about)\b",
    lasting=r"\b(?:tak(?:e|es|ing)|lasts?|last|runs? for|needs?|runtime|duration|up to|around|about|within|less than|more than|over|for|of)\b",
)  # fmt: skip
