INSERT INTO suppressions (campaign_id, target, reason, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (target, ifnull(campaign_id, 0)) DO UPDATE SET reason = excluded.reason, expires_at = excluded.expires_at
