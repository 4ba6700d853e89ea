-- The entries about one recipient.
SELECT seq, at, kind, campaign, entry
FROM ledger
WHERE seq >= ?2
  AND seq IN (SELECT seq FROM attempts WHERE recipient_id = ?1
              UNION ALL SELECT seq FROM ledger WHERE recipient_id = ?1 AND kind <> 'attempt')
ORDER BY seq
LIMIT ?3
