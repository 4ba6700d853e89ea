UPDATE recipients
SET state = 'pending', due_at = ?2, tries = 0, doubts = 0, reason = NULL,
    due_active_ms = (SELECT c.active_ms FROM campaigns c WHERE c.id = recipients.campaign_id)
WHERE id IN (SELECT value FROM json_each(?1))
  AND (state IN ('failed', 'bounced', 'suppressed') OR (state = 'in-doubt' AND due_at IS NULL))
RETURNING id
