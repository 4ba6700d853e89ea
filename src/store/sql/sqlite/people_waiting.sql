SELECT ifnull(sum(imported + suppressed), 0) FROM batches WHERE campaign_id = ?1 AND state IN ('waiting', 'in-review')
