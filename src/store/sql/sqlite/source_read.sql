UPDATE sources SET last_read_at = ?2, next_at = ?3, last_error = ?4 WHERE campaign_id = ?1
