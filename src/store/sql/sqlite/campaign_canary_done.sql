UPDATE campaigns SET canary = NULL WHERE id = ?1
