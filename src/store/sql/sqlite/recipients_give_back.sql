-- ?1: [{id, due_at or null, …}]
UPDATE recipients
SET state = claimed_from, claimed_from = NULL, due_at = ifnull(o.value ->> 'due_at', due_at)
FROM json_each(?1) o
WHERE recipients.id = o.value ->> 'id' AND recipients.state = 'sending'
