-- ?1: from this seq on, ?2: at most, ?3: campaign or null, ?4: not before, or null
SELECT seq, at, kind, campaign, entry
FROM ledger
WHERE seq >= ?1 AND (?3 IS NULL OR campaign = ?3) AND (?4 IS NULL OR at >= ?4)
ORDER BY seq
LIMIT ?2
