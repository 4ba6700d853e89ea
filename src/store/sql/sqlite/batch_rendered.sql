UPDATE batches SET rendered_root = ?2, rendered_for = ?3 WHERE id = ?1
