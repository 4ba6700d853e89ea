-- ?1: [{attempt, …}]: begun, and came to nothing that counts as an attempt.
DELETE FROM attempts
WHERE id IN (SELECT value ->> 'attempt' FROM jsonb_each(?1)) AND outcome IS NULL
