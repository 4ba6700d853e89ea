-- ?2: one batch by number, or null for all
UPDATE batches
SET state = ?4,
    due_active_ms = CASE ?4 WHEN 'approved' THEN (SELECT active_ms FROM campaigns WHERE id = ?1)
                            ELSE due_active_ms END
WHERE campaign_id = ?1 AND state = ?3 AND (?2 IS NULL OR number = ?2)
RETURNING number
