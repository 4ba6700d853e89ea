-- ?: [[recipient, state before]]: attempts that ended before they had begun; who of them is still as they were read.
BEGIN IMMEDIATE;
SELECT ifnull(max(seq) + 1, 0) FROM ledger;
SELECT json_group_array(r.id)
FROM jsonb_each(?) j CROSS JOIN recipients r ON r.id = j.value ->> 0
WHERE r.state = j.value ->> 1 AND r.due_at IS NOT NULL
