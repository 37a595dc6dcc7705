-- The files of a run, in the order in which they came.
select files.id, artifacts.name, files.size, files.media_type, files.sha256, artifacts.role, artifacts.attempt, artifacts.created_at
from mainspring.artifacts as artifacts join mainspring.files as files on files.id = artifacts.file_id
where artifacts.run_id = :run_id
order by artifacts.created_at, files.id
