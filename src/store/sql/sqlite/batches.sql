SELECT id, number, state, kind, author, created_at, rows_read, imported, duplicates, suppressed, rejected, columns,
       rows_root, rendered_root, rendered_for
FROM batches
WHERE campaign_id = ?1 AND state <> 'staging'
ORDER BY number
