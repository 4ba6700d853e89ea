SELECT ifnull(sum(r.attempts), 0)
FROM batches b CROSS JOIN recipients r INDEXED BY recipients_by_state ON r.batch_id = b.id
WHERE b.campaign_id = ?1 AND b.state = 'approved'
