-- ?1: batch, ?2: state, ?3: due by, ?4: at most, ?5: mailboxes and @domains that anything may go to, or null,
-- ?6 to ?8: after this due_at, attempts, id. In two steps, for SQLite takes no row number into a range over an index.
WITH due AS (
    SELECT id FROM (
        SELECT r.id FROM recipients r
        WHERE r.batch_id = ?1 AND r.state = ?2 AND r.due_at = ?6 AND r.attempts = ?7 AND r.id > ?8 AND ?6 <= ?3
          AND (?5 IS NULL OR r.mailbox IN (SELECT value FROM json_each(?5))
                          OR '@' || r.domain IN (SELECT value FROM json_each(?5)))
        ORDER BY r.id LIMIT ?4)
    UNION ALL
    SELECT id FROM (
        SELECT r.id FROM recipients r
        WHERE r.batch_id = ?1 AND r.state = ?2 AND (r.due_at, r.attempts) > (?6, ?7) AND r.due_at <= ?3
          AND (?5 IS NULL OR r.mailbox IN (SELECT value FROM json_each(?5))
                          OR '@' || r.domain IN (SELECT value FROM json_each(?5)))
        ORDER BY r.due_at, r.attempts, r.id LIMIT ?4)
    LIMIT ?4)
SELECT r.id, r.batch_id, r.position, r.ref, r.email, r.mailbox, r.domain, r.row, r.key, r.attempts, r.tries, r.doubts,
       max(r.due_active_ms, b.due_active_ms) AS due_active_ms, r.state, r.due_at, r.class,
       EXISTS (SELECT 1 FROM suppressions s
               WHERE s.target IN (r.mailbox, '@' || r.domain)
                 AND (s.campaign_id IS NULL OR s.campaign_id = r.campaign_id)
                 AND (s.expires_at IS NULL OR s.expires_at > ?3)) AS is_suppressed
FROM due d CROSS JOIN recipients r ON r.id = d.id JOIN batches b ON b.id = r.batch_id
