-- ?1: [{attempt, at, outcome, phase, class, code, enhanced, reply, tls, queue_id, content (hex), seq, …}]
UPDATE attempts
SET ended_at = o.value ->> 'at', outcome = o.value ->> 'outcome', phase = o.value ->> 'phase',
    class = o.value ->> 'class', code = o.value ->> 'code', enhanced = o.value ->> 'enhanced',
    reply = o.value ->> 'reply', tls = o.value ->> 'tls', queue_id = o.value ->> 'queue_id',
    content = unhex(o.value ->> 'content'), seq = o.value ->> 'seq'
FROM jsonb_each(?1) o
WHERE attempts.id = o.value ->> 'attempt' AND attempts.outcome IS NULL
