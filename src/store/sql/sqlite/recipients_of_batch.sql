SELECT r.id, r.batch_id, b.number AS batch, r.position, r.ref, r.email, r.mailbox, r.row, r.key, r.state, r.reason, r.due_at,
       r.attempts, r.class, a.code, a.enhanced, ifnull(r.reply, a.reply) AS reply, a.relay, a.message_id,
       (SELECT min(t.ended_at) FROM attempts t WHERE t.recipient_id = r.id AND t.outcome = 'accepted') AS accepted_at,
       a.ended_at AS last_attempt_at
FROM recipients r JOIN batches b ON b.id = r.batch_id
LEFT JOIN attempts a ON a.recipient_id = r.id AND a.number = r.attempts
WHERE r.batch_id = ?1 AND r.position >= ?2
ORDER BY r.position
LIMIT ?3
