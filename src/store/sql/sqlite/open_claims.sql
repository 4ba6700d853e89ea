SELECT r.id, r.campaign_id, c.name AS campaign, c.notice_hash, r.ref, r.email, r.mailbox, r.tries, r.key, r.doubts,
       a.id AS attempt_id, a.number AS attempt_number, a.relay, a.begun_at
FROM batches b
CROSS JOIN recipients r INDEXED BY recipients_by_state ON r.batch_id = b.id AND r.state = 'sending'
JOIN campaigns c ON c.id = b.campaign_id
LEFT JOIN attempts a ON a.recipient_id = r.id AND a.outcome IS NULL
LIMIT ?1
