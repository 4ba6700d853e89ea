-- ?3: [[position, ref, email, mailbox, domain, row, key (hex), reason it must not be mailed or null]]
INSERT INTO recipients (campaign_id, batch_id, position, ref, email, mailbox, domain, row, key, state, reason, due_at)
SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6),
       iif(value ->> 7 IS NULL, 'pending', 'suppressed'), value ->> 7, iif(value ->> 7 IS NULL, 0, NULL)
FROM jsonb_each(?3)
