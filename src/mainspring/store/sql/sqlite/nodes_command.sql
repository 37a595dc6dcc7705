-- What operators want of living nodes. Who is told to leave (3, 4) is not called back.
update mainspring.nodes
set command = :command, commanded_at = {CLOCK}, commanded_by = :actor, command_reason = :reason
where state in (1, 2) and (command < 3 or :command > command) and id in (select value from json_each(:ids))
returning id
