UPDATE campaigns SET started_at = ifnull(started_at, ?2), finished_at = NULL WHERE id = ?1
