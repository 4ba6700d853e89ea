SELECT b.id FROM batches b JOIN campaigns c ON c.id = b.campaign_id
WHERE c.id = ?1 AND c.state = 'sending' AND b.state = 'approved'
ORDER BY b.number
