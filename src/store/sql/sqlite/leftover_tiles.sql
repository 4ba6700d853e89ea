DELETE FROM commitment_tiles
WHERE (batch_id, kind, number) IN (SELECT t.batch_id, t.kind, t.number FROM commitment_tiles t JOIN batches b ON b.id = t.batch_id
                                   WHERE b.campaign_id = ?1 AND b.state = 'staging' AND b.id <> ?2 LIMIT ?3)
