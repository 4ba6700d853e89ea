-- Numbers below zero are free for staging; the number that people see is given at the switch.
INSERT INTO batches (campaign_id, number, state, kind, author, created_at)
SELECT ?1, min(0, ifnull(min(number), 0)) - 1, 'staging', ?2, ?3, ?4 FROM batches WHERE campaign_id = ?1
RETURNING id
