-- ?3: ids, ?4: references
UPDATE rejects SET replaced_by = ?2
WHERE campaign_id = ?1 AND batch_id <> ?2 AND replaced_by IS NULL
  AND (id IN (SELECT value FROM json_each(?3)) OR ref IN (SELECT value FROM json_each(?4)))
