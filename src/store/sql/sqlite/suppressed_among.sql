SELECT j.value
FROM json_each(?2) j
WHERE EXISTS (
    SELECT 1 FROM suppressions s
    WHERE s.target IN (j.value, substr(j.value, instr(j.value, '@')))
      AND (s.campaign_id IS NULL OR s.campaign_id = ?1)
      AND (s.expires_at IS NULL OR s.expires_at > ?3))
