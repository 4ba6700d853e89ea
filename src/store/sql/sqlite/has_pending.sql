-- ?2: mailboxes and @domains that anything may go to
SELECT EXISTS (
    SELECT 1 FROM batches b JOIN recipients r ON r.batch_id = b.id
    WHERE b.campaign_id = ?1 AND b.state = 'approved' AND r.state = 'pending'
      AND (r.mailbox IN (SELECT value FROM json_each(?2)) OR '@' || r.domain IN (SELECT value FROM json_each(?2))))
