UPDATE batches
SET state = 'waiting', rows_read = ?2, imported = ?3, duplicates = ?4, suppressed = ?5, rejected = ?6, columns = ?7,
    digest = ?8, rows_root = ?9,
    number = (SELECT max(0, max(o.number)) + 1 FROM batches o WHERE o.campaign_id = batches.campaign_id)
WHERE id = ?1
RETURNING number
