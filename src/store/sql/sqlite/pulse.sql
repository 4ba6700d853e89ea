SELECT c.id, c.name, c.state, c.settings, c.scheduled_at,
       (SELECT count(*) FROM batches b WHERE b.campaign_id = c.id AND b.state = 'approved') AS batches
FROM campaigns c
WHERE c.state IN ('scheduled', 'sending')
ORDER BY c.id
