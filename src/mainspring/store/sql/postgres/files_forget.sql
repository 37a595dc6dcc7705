-- Forget files whose content is deleted.
delete from mainspring.files where id = any(:ids::uuid[]) and is_going returning id
