-- Count a try before it is made: a thousand at once are a thousand tries.
insert into mainspring.sign_ins as held (slot, tries, since) values (:slot, 1, {CLOCK})
on conflict (slot) do update
set tries = case when held.since <= :cutoff then 1 else held.tries + 1 end,
    since = case when held.since <= :cutoff then excluded.since else held.since end
returning tries, since
