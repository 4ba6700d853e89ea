SELECT r.id, c.name AS campaign, c.notice_hash, r.ref, r.email, r.tries, r.key, r.doubts, a.number, a.relay, a.begun_at,
       a.state
FROM begun a JOIN recipients r ON r.id = a.recipient_id JOIN campaigns c ON c.id = r.campaign_id
LIMIT ?1
