-- Which of some things people did since a time, among the latest :bound rows of the trail; :verbs stand between commas.
select at, verb, object, data from (select id, at, verb, object, data from mainspring.audit order by id desc limit :bound) as latest
where at >= :since and :verbs like '%,' || verb || ',%' order by id
