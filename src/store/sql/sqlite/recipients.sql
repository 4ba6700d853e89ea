-- ?2: after this row, ?3: at most, ?4 to ?7: lists or null, ?8: domain or null, ?9: relay or null
SELECT r.id, r.batch_id, b.number AS batch, r.position, r.ref, r.email, r.mailbox, r.row, r.key, r.state, r.reason, r.due_at,
       r.attempts, r.class, a.code, a.enhanced, ifnull(r.reply, a.reply) AS reply, a.relay, a.message_id,
       (SELECT min(t.ended_at) FROM attempts t WHERE t.recipient_id = r.id AND t.outcome = 'accepted') AS accepted_at,
       a.ended_at AS last_attempt_at
FROM recipients r JOIN batches b ON b.id = r.batch_id
LEFT JOIN attempts a ON a.recipient_id = r.id AND a.number = r.attempts
WHERE +r.campaign_id = ?1 AND r.id > ?2 AND b.state = 'approved'
  AND (?4 IS NULL OR r.state IN (SELECT value FROM json_each(?4)))
  AND (?5 IS NULL OR r.class IN (SELECT value FROM json_each(?5)))
  AND (?6 IS NULL OR r.row ->> '$.jurisdiction' IN (SELECT value FROM json_each(?6)))
  AND (?7 IS NULL OR r.ref IN (SELECT value FROM json_each(?7)))
  AND (?8 IS NULL OR r.domain = ?8)
  AND (?9 IS NULL OR a.relay = ?9)
ORDER BY r.id
LIMIT ?3
