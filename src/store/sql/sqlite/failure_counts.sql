SELECT r.state, r.class, count(*) AS people
FROM batches b JOIN recipients r ON r.batch_id = b.id
WHERE b.campaign_id = ?1 AND b.state = 'approved' AND r.state IN ('failed', 'bounced', 'deferred', 'in-doubt')
GROUP BY 1, 2
ORDER BY 3 DESC
