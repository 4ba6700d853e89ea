-- ?1: [recipient], ?2: due by
SELECT r.id, r.batch_id, r.position, r.ref, r.email, r.mailbox, r.domain, r.row, r.key, r.attempts, r.tries, r.doubts,
       max(r.due_active_ms, b.due_active_ms) AS due_active_ms, r.state, r.due_at, r.class,
       EXISTS (SELECT 1 FROM suppressions s
               WHERE s.target IN (r.mailbox, '@' || r.domain)
                 AND (s.campaign_id IS NULL OR s.campaign_id = r.campaign_id)
                 AND (s.expires_at IS NULL OR s.expires_at > ?2)) AS is_suppressed
FROM json_each(?1) j CROSS JOIN recipients r ON r.id = j.value JOIN batches b ON b.id = r.batch_id
WHERE r.state IN ('pending', 'deferred', 'in-doubt') AND r.due_at <= ?2
