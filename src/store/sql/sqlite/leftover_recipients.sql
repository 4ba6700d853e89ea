DELETE FROM recipients
WHERE id IN (SELECT x.id FROM recipients x JOIN batches b ON b.id = x.batch_id
             WHERE b.campaign_id = ?1 AND b.state = 'staging' AND b.id <> ?2 LIMIT ?3)
