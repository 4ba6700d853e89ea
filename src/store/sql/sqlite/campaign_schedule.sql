UPDATE campaigns SET scheduled_at = ?2, scheduled_zone = ?3, canary = ?4 WHERE id = ?1
