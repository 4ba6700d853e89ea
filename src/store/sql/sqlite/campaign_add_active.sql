UPDATE campaigns SET active_ms = active_ms + ?2 WHERE id = ?1
