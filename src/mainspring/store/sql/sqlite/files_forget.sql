-- Forget files whose content is deleted.
delete from mainspring.files where id in (select value from json_each(:ids)) and is_going returning id
