SELECT s.campaign_id, c.name AS campaign, c.state, s.source, s.maps, s.every_ms, s.next_at, s.last_read_at, s.last_error
FROM sources s JOIN campaigns c ON c.id = s.campaign_id
WHERE s.campaign_id = ?1
