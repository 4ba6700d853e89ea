SELECT DISTINCT c.name FROM batches b JOIN campaigns c ON c.id = b.campaign_id
WHERE b.digest = ?1 AND b.state IN ('waiting', 'in-review', 'approved')
