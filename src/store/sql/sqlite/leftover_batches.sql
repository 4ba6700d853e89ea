DELETE FROM batches WHERE campaign_id = ?1 AND state = 'staging' AND id <> ?2
