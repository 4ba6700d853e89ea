-- ?1: [{id, state, due_at, tries, doubts, class, code, enhanced, reply, relay, message_id, at, accepted_at, …}].
-- In a campaign that was cancelled meanwhile nobody is due any more.
UPDATE recipients
SET state = iif(c.state = 'cancelled' AND o.value ->> 'state' = 'deferred', 'cancelled', o.value ->> 'state'),
    claimed_from = NULL, due_at = iif(c.state = 'cancelled', NULL, o.value ->> 'due_at'), attempts = attempts + 1,
    tries = o.value ->> 'tries', doubts = o.value ->> 'doubts', class = o.value ->> 'class',
    code = o.value ->> 'code', enhanced = o.value ->> 'enhanced', reply = o.value ->> 'reply',
    relay = o.value ->> 'relay', message_id = o.value ->> 'message_id', last_attempt_at = o.value ->> 'at',
    accepted_at = ifnull(o.value ->> 'accepted_at', accepted_at)
FROM jsonb_each(?1) o, campaigns c
WHERE recipients.id = o.value ->> 'id' AND recipients.state = 'sending' AND c.id = recipients.campaign_id
