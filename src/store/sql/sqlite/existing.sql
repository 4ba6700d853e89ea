-- ?3: the references. Rows of batches that were withdrawn, rejected or never ended do not count.
SELECT r.ref, r.mailbox, ifnull(r.row ->> '$.name', '') AS name
FROM json_each(?3) j
CROSS JOIN recipients r ON r.campaign_id = ?1 AND r.ref = j.value
JOIN batches b ON b.id = r.batch_id
WHERE b.id = ?2 OR b.state IN ('waiting', 'in-review', 'approved')
