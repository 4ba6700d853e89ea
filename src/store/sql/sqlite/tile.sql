SELECT hashes FROM commitment_tiles WHERE batch_id = ?1 AND kind = ?2 AND number = ?3
