-- What operators have set that nodes must know: their own slots, and queues and tasks whose runs may not carry the key.
select key, override, binds_queue, binds_task from mainspring.limits where key = 'node'
union all
select key, override, binds_queue, binds_task from mainspring.limits where binds_queue is not null
union all
select key, override, binds_queue, binds_task from mainspring.limits where binds_task is not null
