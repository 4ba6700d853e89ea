-- ?2: mailboxes and @domains that anything may go to, or null
SELECT min(r.due_at)
FROM batches b JOIN recipients r ON r.batch_id = b.id
WHERE b.campaign_id = ?1 AND b.state = 'approved' AND r.state IN ('deferred', 'in-doubt') AND r.due_at IS NOT NULL
  AND (?2 IS NULL OR r.mailbox IN (SELECT value FROM json_each(?2))
                  OR '@' || r.domain IN (SELECT value FROM json_each(?2)))
