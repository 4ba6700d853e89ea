-- ?1: [{id, state, class, reason, reply, …}]
UPDATE recipients
SET state = o.value ->> 'state', claimed_from = NULL, due_at = NULL,
    class = ifnull(o.value ->> 'class', class), reason = o.value ->> 'reason',
    reply = ifnull(o.value ->> 'reply', reply)
FROM jsonb_each(?1) o
WHERE recipients.id = o.value ->> 'id' AND recipients.state = 'sending'
