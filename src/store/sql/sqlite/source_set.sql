INSERT INTO sources (campaign_id, source, maps, every_ms, next_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (campaign_id) DO UPDATE SET source = excluded.source, maps = excluded.maps, every_ms = excluded.every_ms,
                                        next_at = excluded.next_at, last_error = NULL
