SELECT r.id, r.batch_id, b.number AS batch, r.position, r.ref, r.email, r.mailbox, r.row, r.key, r.state, r.reason, r.due_at,
       r.attempts, r.class, r.code, r.enhanced, r.reply, r.relay, r.message_id, r.accepted_at, r.last_attempt_at
FROM recipients r JOIN batches b ON b.id = r.batch_id
WHERE r.batch_id = ?1 AND r.position >= ?2
ORDER BY r.position
LIMIT ?3
