-- ?2: batches by number, which leave the campaign: the rejected rows that they took the place of stand for their people again.
UPDATE rejects SET replaced_by = NULL
WHERE campaign_id = ?1
  AND replaced_by IN (SELECT id FROM batches
                      WHERE campaign_id = ?1 AND number IN (SELECT value FROM json_each(?2)))
