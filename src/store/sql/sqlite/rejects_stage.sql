-- ?3: [[line, ref, field, reason, row]]
INSERT INTO rejects (campaign_id, batch_id, line, ref, field, reason, row)
SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
FROM json_each(?3)
WHERE true
ORDER BY key
RETURNING id
