INSERT INTO campaigns (name, state, author, created_at, incident, notice, notice_hash, settings)
VALUES (?1, 'draft', ?2, ?3, ?4, ?5, ?6, '{}')
ON CONFLICT (name) DO NOTHING
RETURNING id
