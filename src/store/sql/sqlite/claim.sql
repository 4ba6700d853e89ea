-- ?1: batch, ?2: state, ?3: due by, ?4: at most, ?5: mailboxes and @domains that anything may go to, or null
UPDATE recipients
SET claimed_from = state, state = 'sending'
WHERE id IN (
    SELECT r.id FROM recipients r
    WHERE r.batch_id = ?1 AND r.state = ?2 AND r.due_at <= ?3
      AND (?5 IS NULL OR r.mailbox IN (SELECT value FROM json_each(?5))
                      OR '@' || r.domain IN (SELECT value FROM json_each(?5)))
    ORDER BY r.due_at, r.attempts
    LIMIT ?4)
RETURNING id, batch_id, position, ref, email, mailbox, domain, row, key, attempts, tries, doubts,
          max(due_active_ms, (SELECT b.due_active_ms FROM batches b WHERE b.id = recipients.batch_id)) AS due_active_ms,
          claimed_from, class, code,
          EXISTS (SELECT 1 FROM suppressions s
                  WHERE s.target IN (recipients.mailbox, '@' || recipients.domain)
                    AND (s.campaign_id IS NULL OR s.campaign_id = recipients.campaign_id)
                    AND (s.expires_at IS NULL OR s.expires_at > ?3)) AS is_suppressed
