-- Rollbacks: a run whose body is over for good waits in a lane of its own (pool 6) until somebody has done its rollback.

alter table mainspring.hot_runs add column owes_rollback boolean not null default false;  -- a deadline does not end it before that is done
alter table mainspring.hot_runs add column ending        text;                            -- how it ends then, as JSON: state, reason, attempt, losses
