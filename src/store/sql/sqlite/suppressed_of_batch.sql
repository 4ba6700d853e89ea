SELECT id, ref, key, reason FROM recipients WHERE batch_id = ?1 AND state = 'suppressed' ORDER BY position
