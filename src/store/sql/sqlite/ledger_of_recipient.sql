-- The entries about one recipient, and those about everybody in the campaign.
SELECT seq, at, kind, campaign, entry
FROM ledger
WHERE recipient_id = ?1 AND seq >= ?2
ORDER BY seq
LIMIT ?3
