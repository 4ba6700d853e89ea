UPDATE campaigns SET state = ?3, reason = ?4 WHERE id = ?1 AND state = ?2
