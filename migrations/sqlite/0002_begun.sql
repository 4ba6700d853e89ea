-- What is on the wire has a small table of its own, an attempt is written once, when it has ended, and what only the last
-- attempt knows is read from there: a message that is accepted then rewrites its recipient's row without making it longer.

CREATE TABLE begun (                            -- a message that may be leaving: committed before its body leaves
    recipient_id    INTEGER PRIMARY KEY REFERENCES recipients (id),
    number          INTEGER NOT NULL,           -- of the attempt, from 1
    relay           TEXT NOT NULL,
    begun_at        INTEGER NOT NULL,           -- also the Date of the message
    state           TEXT NOT NULL CHECK (state IN ('pending', 'deferred', 'in-doubt')) -- the recipient's, before
) STRICT;

CREATE TABLE ended (                            -- becomes attempts
    recipient_id    INTEGER NOT NULL,
    number          INTEGER NOT NULL,           -- from 1
    relay           TEXT NOT NULL,
    begun_at        INTEGER NOT NULL,           -- also the Date of the message
    ended_at        INTEGER NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('accepted', 'deferred', 'failed', 'in-doubt')),
    phase           TEXT,
    class           TEXT,
    code            INTEGER,
    enhanced        TEXT,
    reply           TEXT,
    tls             TEXT,
    queue_id        TEXT,
    content         BLOB,                       -- SHA-256 of the message as sent, before a DKIM-Signature
    message_id      TEXT NOT NULL,
    seq             INTEGER NOT NULL,           -- its entry
    PRIMARY KEY (recipient_id, number)
) STRICT, WITHOUT ROWID;

INSERT INTO ended
SELECT a.recipient_id, a.number, a.relay, a.begun_at, ifnull(a.ended_at, a.begun_at), a.outcome, a.phase, a.class, a.code,
       a.enhanced, a.reply, a.tls, a.queue_id, a.content, ifnull(r.message_id, ''), ifnull(a.seq, 0)
FROM attempts a JOIN recipients r ON r.id = a.recipient_id
WHERE a.outcome IS NOT NULL;

CREATE TABLE open AS
SELECT a.recipient_id, a.number, a.relay, a.begun_at, r.claimed_from AS state
FROM attempts a JOIN recipients r ON r.id = a.recipient_id
WHERE a.outcome IS NULL AND r.state = 'sending';

DROP TABLE attempts;

CREATE TABLE people (                           -- becomes recipients
    id              INTEGER PRIMARY KEY,
    batch_id        INTEGER NOT NULL REFERENCES batches (id),
    campaign_id     INTEGER NOT NULL REFERENCES campaigns (id),
    position        INTEGER NOT NULL,           -- in the batch, from 0, without gaps
    ref             TEXT NOT NULL,
    email           TEXT NOT NULL,              -- as in the list
    mailbox         TEXT NOT NULL,              -- domain as A-label; equal for equal mailboxes
    domain          TEXT NOT NULL,
    row             TEXT NOT NULL,              -- JSON, the values as mapped: strings or null by column
    key             BLOB NOT NULL CHECK (length(key) = 32),
    state           TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'deferred', 'accepted', 'delivered',
                                                   'in-doubt', 'failed', 'bounced', 'suppressed', 'cancelled')),
    reason          TEXT,                       -- of suppressed
    due_at          INTEGER,                    -- when it may be tried; null where nothing is due
    due_active_ms   INTEGER NOT NULL DEFAULT 0, -- the campaign's active_ms when it was first due
    attempts        INTEGER NOT NULL DEFAULT 0,
    tries           INTEGER NOT NULL DEFAULT 0, -- temporary failures in this run of tries
    doubts          INTEGER NOT NULL DEFAULT 0, -- attempts that ended in doubt, in this run of tries
    class           TEXT,
    reply           TEXT                        -- of one that failed without an attempt; else the last attempt has it
) STRICT;

INSERT INTO people
SELECT id, batch_id, campaign_id, position, ref, email, mailbox, domain, row, key, ifnull(claimed_from, state), reason,
       due_at, due_active_ms, attempts, tries, doubts, class, iif(attempts = 0, reply, NULL)
FROM recipients;

DROP TABLE recipients;
ALTER TABLE people RENAME TO recipients;

-- Counts by state, what is due, and the sum of attempts come from this one index.
CREATE INDEX recipients_by_state ON recipients (batch_id, state, due_at, attempts);
CREATE INDEX recipients_by_ref ON recipients (campaign_id, ref);
CREATE INDEX recipients_by_position ON recipients (batch_id, position);

CREATE TABLE attempts (
    recipient_id    INTEGER NOT NULL REFERENCES recipients (id),
    number          INTEGER NOT NULL,           -- from 1
    relay           TEXT NOT NULL,
    begun_at        INTEGER NOT NULL,           -- also the Date of the message
    ended_at        INTEGER NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('accepted', 'deferred', 'failed', 'in-doubt')),
    phase           TEXT,
    class           TEXT,
    code            INTEGER,
    enhanced        TEXT,
    reply           TEXT,
    tls             TEXT,
    queue_id        TEXT,
    content         BLOB,                       -- SHA-256 of the message as sent, before a DKIM-Signature
    message_id      TEXT NOT NULL,
    seq             INTEGER NOT NULL,           -- its entry
    PRIMARY KEY (recipient_id, number)
) STRICT, WITHOUT ROWID;

INSERT INTO attempts SELECT * FROM ended;
DROP TABLE ended;

UPDATE recipients SET state = 'sending' WHERE id IN (SELECT recipient_id FROM open);
INSERT INTO begun SELECT * FROM open;
DROP TABLE open;

-- An attempt's row names its entry, so the index is for what is not an attempt.
DROP INDEX ledger_by_recipient;
CREATE INDEX ledger_by_recipient ON ledger (recipient_id) WHERE recipient_id IS NOT NULL AND kind <> 'attempt';

-- Rates that servers asked for: they hold across a restart (delivery.md, "Rates").
CREATE TABLE learned_rates (
    scope           TEXT NOT NULL CHECK (scope IN ('domain', 'relay')),
    name            TEXT NOT NULL,
    learned         TEXT NOT NULL,              -- JSON, as delivery::pace keeps it
    at              INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
