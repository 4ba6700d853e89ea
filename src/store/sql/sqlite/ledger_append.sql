-- ?1: [{seq, at, kind, campaign, recipient_id, entry (hex), leaf_hash (hex)}]
INSERT INTO ledger (seq, at, kind, campaign, recipient_id, entry, leaf_hash)
SELECT value ->> 'seq', value ->> 'at', value ->> 'kind', value ->> 'campaign', value ->> 'recipient_id',
       CAST(value ->> 'entry' AS BLOB), unhex(value ->> 'leaf_hash')
FROM jsonb_each(?1)
