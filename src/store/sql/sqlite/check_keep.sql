INSERT INTO checks (campaign_id, frozen_hash, at, result) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (campaign_id, frozen_hash) DO UPDATE SET at = excluded.at, result = excluded.result
