-- In the order of the index, so that a million rows are counted without being sorted.
SELECT state, count(*) AS people, count(due_at) AS due
FROM recipients INDEXED BY recipients_by_state
WHERE batch_id IN (SELECT id FROM batches WHERE campaign_id = ?1 AND state = 'approved')
GROUP BY batch_id, state
