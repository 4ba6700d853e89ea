SELECT s.target, c.name AS campaign, s.reason, s.created_at, s.expires_at
FROM suppressions s LEFT JOIN campaigns c ON c.id = s.campaign_id
ORDER BY s.id
