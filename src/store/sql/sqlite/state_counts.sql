SELECT r.state, r.state = 'in-doubt' AND r.due_at IS NOT NULL AS is_due, count(*) AS people
FROM batches b JOIN recipients r ON r.batch_id = b.id
WHERE b.campaign_id = ?1 AND b.state = 'approved'
GROUP BY 1, 2
