-- What was never accepted is cancelled; what is in doubt stays so, and is not sent again.
UPDATE recipients
SET state = iif(state = 'in-doubt', state, 'cancelled'), due_at = NULL
WHERE id IN (
    SELECT r.id
    FROM campaigns c JOIN batches b ON b.campaign_id = c.id JOIN recipients r ON r.batch_id = b.id
    WHERE c.id = ?1 AND c.state = 'cancelled' AND b.state = 'approved'
      AND (r.state IN ('pending', 'deferred') OR (r.state = 'in-doubt' AND r.due_at IS NOT NULL))
    LIMIT ?2)
