-- Note that a token is used; whoever asks does so once a minute at most.
update mainspring.tokens set used_at = {CLOCK}, used_from = :address where hash = :hash
