SELECT ifnull(sum(r.attempts), 0)
FROM batches b JOIN recipients r ON r.batch_id = b.id
WHERE b.campaign_id = ?1 AND b.state = 'approved' AND r.attempts > 0
