-- One group of a worker, after record_begin: entries, outcomes, what begins next; then the commit. Each parameter is used
-- once, in this order. In a campaign that was cancelled meanwhile nobody is due any more.

-- ?: [[seq, at, kind, campaign, recipient, octet from 1, octets]], ?: entries, each with its leaf hash behind it
INSERT INTO ledger (seq, at, kind, campaign, recipient_id, entry, leaf_hash)
SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4,
       substr(b.octets, j.value ->> 5, j.value ->> 6), substr(b.octets, (j.value ->> 5) + (j.value ->> 6), 32)
FROM jsonb_each(?) j, (SELECT ? AS octets) b;

-- ?: [[recipient, number, relay, begun_at, ended_at, outcome, phase, class, code, enhanced, reply, tls, queue_id,
--      content (hex), message_id, seq]]
INSERT INTO attempts
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, unhex(value ->> 13), value ->> 14, value ->> 15
FROM jsonb_each(?);

-- ?: [[recipient, state, due_at, tries, doubts, class]]
UPDATE recipients
SET state = iif(c.state = 'cancelled' AND o.value ->> 1 = 'deferred', 'cancelled', o.value ->> 1),
    due_at = iif(c.state = 'cancelled', NULL, o.value ->> 2), attempts = attempts + 1, tries = o.value ->> 3,
    doubts = o.value ->> 4, class = o.value ->> 5, reply = NULL
FROM jsonb_each(?) o, campaigns c
WHERE recipients.id = o.value ->> 0 AND c.id = recipients.campaign_id;

-- ?: [recipient]: begun, and came to nothing that counts as an attempt.
UPDATE recipients
SET state = iif(c.state = 'cancelled' AND b.state <> 'in-doubt', 'cancelled', b.state),
    due_at = iif(c.state = 'cancelled', NULL, due_at)
FROM jsonb_each(?) o, begun b, campaigns c
WHERE recipients.id = o.value AND b.recipient_id = recipients.id AND c.id = recipients.campaign_id;

-- ?: [recipient]: all that are on the wire no longer
DELETE FROM begun WHERE recipient_id IN (SELECT value FROM jsonb_each(?));

-- ?: [[recipient, number, relay, begun_at, state before]]. Nothing begins for a campaign that is no longer sending, for a
-- row that is not as it was read, or for an address that is suppressed by now.
INSERT INTO begun (recipient_id, number, relay, begun_at, state)
SELECT r.id, j.value ->> 1, j.value ->> 2, j.value ->> 3, r.state
FROM jsonb_each(?) j
CROSS JOIN recipients r ON r.id = j.value ->> 0
JOIN campaigns c ON c.id = r.campaign_id
WHERE c.state = 'sending' AND r.state = j.value ->> 4 AND r.attempts = (j.value ->> 1) - 1 AND r.due_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM suppressions s
                  WHERE s.target IN (r.mailbox, '@' || r.domain)
                    AND (s.campaign_id IS NULL OR s.campaign_id = r.campaign_id)
                    AND (s.expires_at IS NULL OR s.expires_at > j.value ->> 3))
RETURNING recipient_id;

-- ?: [recipient]: of the same
UPDATE recipients SET state = 'sending'
WHERE id IN (SELECT value FROM jsonb_each(?)) AND id IN (SELECT recipient_id FROM begun);

COMMIT
