-- ?1: [[recipient, state before]]: who is still as they were read
SELECT r.id FROM jsonb_each(?1) j CROSS JOIN recipients r ON r.id = j.value ->> 0
WHERE r.state = j.value ->> 1 AND r.due_at IS NOT NULL
