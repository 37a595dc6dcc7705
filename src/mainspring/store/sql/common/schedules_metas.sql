-- What is told about records of one schedule that stand for several slots, between two ids.
select id, meta from mainspring.history
where schedule_id = :id and id >= :lowest and id <= :highest and state = 14 and meta is not null
