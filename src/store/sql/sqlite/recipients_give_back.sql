-- ?1: [{id, due_at or null, …}]. In a campaign that was cancelled meanwhile nobody is due any more.
UPDATE recipients
SET state = iif(c.state = 'cancelled' AND claimed_from <> 'in-doubt', 'cancelled', claimed_from),
    claimed_from = NULL,
    due_at = iif(c.state = 'cancelled', NULL, ifnull(o.value ->> 'due_at', due_at))
FROM jsonb_each(?1) o, campaigns c
WHERE recipients.id = o.value ->> 'id' AND recipients.state = 'sending' AND c.id = recipients.campaign_id
