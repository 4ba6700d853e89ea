UPDATE campaigns SET incident = ?2, notice = ?3, notice_hash = ?4 WHERE id = ?1
