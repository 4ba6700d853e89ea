UPDATE campaigns SET started_at = ifnull(started_at, ?2), finished_at = NULL, counted_from = ?3 WHERE id = ?1
