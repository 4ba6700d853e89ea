-- The sum always balances: a campaign ends only when every recipient of its approved batches is settled.
UPDATE campaigns SET state = 'finished', reason = NULL, finished_at = ?2
WHERE id = ?1 AND state = 'sending'
  AND NOT EXISTS (
      SELECT 1 FROM batches b JOIN recipients r ON r.batch_id = b.id
      WHERE b.campaign_id = ?1 AND b.state = 'approved'
        AND (r.state IN ('pending', 'sending', 'deferred') OR (r.state = 'in-doubt' AND r.due_at IS NOT NULL)))
