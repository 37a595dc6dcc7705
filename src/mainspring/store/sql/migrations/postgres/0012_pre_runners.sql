-- Nodes are told from elsewhere to rest, to go quiet and to leave, and say with their beat how they are doing.

alter table mainspring.nodes add column command        smallint    not null default 0;  -- 0 nothing said, 1 run, 2 pause, 3 quiet, 4 stop
alter table mainspring.nodes add column commanded_at   timestamptz;
alter table mainspring.nodes add column commanded_by   text;
alter table mainspring.nodes add column command_reason text;
alter table mainspring.nodes add column vitals         text;                          -- of the latest beat, as JSON
