SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND type IN ('table', 'view')
