-- ?3: ids. A person is counted once: the newest row stands for them.
UPDATE rejects SET replaced_by = ?2
WHERE campaign_id = ?1 AND batch_id <> ?2 AND replaced_by IS NULL
  AND (id IN (SELECT value FROM json_each(?3))
       OR EXISTS (SELECT 1 FROM recipients r WHERE r.campaign_id = ?1 AND r.ref = rejects.ref AND r.batch_id = ?2)
       OR EXISTS (SELECT 1 FROM rejects n WHERE n.campaign_id = ?1 AND n.ref IS rejects.ref AND n.batch_id = ?2
                                                AND n.row = rejects.row))
