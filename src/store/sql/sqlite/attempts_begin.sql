-- ?1: [[recipient, relay, at]]. Nothing begins for a campaign that is no longer sending.
INSERT INTO attempts (recipient_id, number, relay, begun_at)
SELECT r.id, r.attempts + 1, j.value ->> 1, j.value ->> 2
FROM jsonb_each(?1) j
JOIN recipients r ON r.id = j.value ->> 0
JOIN campaigns c ON c.id = r.campaign_id
WHERE r.state = 'sending' AND c.state = 'sending'
RETURNING recipient_id, id
