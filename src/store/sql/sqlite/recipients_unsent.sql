-- ?1: [{id, from, state, class, reason, reply}]
UPDATE recipients
SET state = o.value ->> 'state', due_at = NULL, class = ifnull(o.value ->> 'class', class),
    reason = o.value ->> 'reason', reply = o.value ->> 'reply'
FROM jsonb_each(?1) o
WHERE recipients.id = o.value ->> 'id'
