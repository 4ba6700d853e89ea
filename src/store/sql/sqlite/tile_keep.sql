INSERT INTO commitment_tiles (batch_id, kind, number, hashes) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (batch_id, kind, number) DO UPDATE SET hashes = excluded.hashes
