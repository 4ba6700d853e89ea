-- Whether a batch has a rejected row that no earlier one has, value for value, of somebody who is not in otherwise.
SELECT EXISTS (
    SELECT 1 FROM rejects n
    WHERE n.batch_id = ?2
      AND NOT EXISTS (
          SELECT 1 FROM rejects j JOIN batches b ON b.id = j.batch_id
          WHERE j.campaign_id = ?1 AND j.ref IS n.ref AND j.row = n.row AND j.batch_id <> ?2 AND b.state <> 'staging')
      AND NOT EXISTS (
          SELECT 1 FROM recipients r JOIN batches o ON o.id = r.batch_id
          WHERE r.campaign_id = ?1 AND r.ref = n.ref AND o.state IN ('waiting', 'in-review', 'approved')))
