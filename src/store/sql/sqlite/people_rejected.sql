-- Somebody whose row could not be imported is still an affected customer, unless the person came in otherwise.
SELECT count(DISTINCT ifnull(j.ref, j.id))
FROM rejects j JOIN batches b ON b.id = j.batch_id
WHERE j.campaign_id = ?1 AND j.replaced_by IS NULL AND b.state IN ('waiting', 'in-review', 'approved')
  AND NOT EXISTS (
      SELECT 1 FROM recipients r JOIN batches o ON o.id = r.batch_id
      WHERE r.campaign_id = ?1 AND r.ref = j.ref AND o.state IN ('waiting', 'in-review', 'approved'))
