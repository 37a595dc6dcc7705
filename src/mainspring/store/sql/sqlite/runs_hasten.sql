-- Let runs that wait for a later time be due now.
update mainspring.hot_runs set run_at = {CLOCK} where id in (select value from json_each(:ids)) and state = 2 returning id
