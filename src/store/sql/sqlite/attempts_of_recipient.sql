SELECT number, relay, begun_at, ended_at, outcome, phase, class, code, enhanced, reply, tls, queue_id, seq
FROM attempts WHERE recipient_id = ?1 ORDER BY number
