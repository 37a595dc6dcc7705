-- Note that a session is used; whoever asks does so once a minute at most.
update mainspring.sessions set seen_at = {CLOCK}, idle_at = :idle_at where hash = :hash
