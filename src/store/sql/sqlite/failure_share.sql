-- Of the last ?3 attempts and bounces that settled somebody since entry ?2: how many went wrong, and how many there were.
SELECT ifnull(sum(went_wrong), 0), count(*)
FROM (SELECT kind <> 'attempt' OR CAST(entry AS TEXT) ->> '$.outcome' = 'failed' AS went_wrong
      FROM ledger
      WHERE seq >= ?2 AND campaign = ?1 AND kind IN ('attempt', 'bounce', 'recipient.failed')
        AND (kind <> 'attempt' OR CAST(entry AS TEXT) ->> '$.outcome' IN ('accepted', 'failed'))
      ORDER BY seq DESC
      LIMIT ?3)
