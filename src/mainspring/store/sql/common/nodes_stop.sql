-- Say good-bye: a stopped node holds nothing and claims nothing.
update mainspring.nodes set state = 4, running = 0 where id = :id and state in (1, 2)
returning id
