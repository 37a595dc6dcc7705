-- A tenant's runs are where they belong; of a deleted one nothing is left. Not where its state was changed meanwhile.
update mainspring.tenants set is_moving = false, purged_at = case when state = 3 then {CLOCK} end
where name = :name and state = :state
returning name
