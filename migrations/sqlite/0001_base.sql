-- The tables of a campaign's life. Words as in interface.md; times are epoch milliseconds, hashes and keys 32 octets.

CREATE TABLE campaigns (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    state           TEXT NOT NULL CHECK (state IN ('draft', 'in-review', 'approved', 'scheduled', 'sending', 'paused',
                                                   'finished', 'cancelled')),
    reason          TEXT,                       -- why it is paused
    author          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    incident        TEXT NOT NULL,              -- JSON, as incident.toml gave it
    notice          TEXT NOT NULL,              -- JSON, the template set
    notice_hash     BLOB NOT NULL CHECK (length(notice_hash) = 32),
    settings        TEXT NOT NULL,              -- JSON, what `campaign settings` said
    frozen          TEXT,                       -- JSON, what approval freezes, as submitted
    frozen_hash     BLOB CHECK (length(frozen_hash) = 32),
    notice_date     TEXT,                       -- YYYY-MM-DD, frozen at submit
    scheduled_at    INTEGER,
    scheduled_zone  TEXT,
    canary          INTEGER,                    -- pause after so many have been sent to
    started_at      INTEGER,
    finished_at     INTEGER,
    active_ms       INTEGER NOT NULL DEFAULT 0  -- time spent sending: not paused, inside the window
) STRICT;

CREATE TABLE batches (
    id              INTEGER PRIMARY KEY,
    campaign_id     INTEGER NOT NULL REFERENCES campaigns (id),
    number          INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('staging', 'waiting', 'in-review', 'approved', 'rejected',
                                                   'withdrawn')),
    kind            TEXT NOT NULL CHECK (kind IN ('import', 'source', 'correction')),
    author          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    digest          BLOB,                       -- SHA-256 of the list as read
    rows_read       INTEGER NOT NULL DEFAULT 0,
    imported        INTEGER NOT NULL DEFAULT 0,
    duplicates      INTEGER NOT NULL DEFAULT 0,
    suppressed      INTEGER NOT NULL DEFAULT 0,
    rejected        INTEGER NOT NULL DEFAULT 0,
    columns         TEXT NOT NULL DEFAULT '[]', -- JSON, the customer columns that the list had
    rows_root       BLOB,                       -- RFC 6962 root over the row commitments
    rendered_root   BLOB,                       -- the same over what `check` rendered
    rendered_for    BLOB,                       -- the frozen hash that it was rendered for
    due_active_ms   INTEGER NOT NULL DEFAULT 0, -- the campaign's active_ms when its people became due
    UNIQUE (campaign_id, number)
) STRICT;

CREATE TABLE recipients (
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
    claimed_from    TEXT CHECK (claimed_from IN ('pending', 'deferred', 'in-doubt')),
    due_at          INTEGER,                    -- when it may be tried; null where nothing is due
    due_active_ms   INTEGER NOT NULL DEFAULT 0, -- the campaign's active_ms when it was first due
    attempts        INTEGER NOT NULL DEFAULT 0,
    tries           INTEGER NOT NULL DEFAULT 0, -- temporary failures in this run of tries
    doubts          INTEGER NOT NULL DEFAULT 0, -- attempts that ended in doubt, in this run of tries
    class           TEXT,
    code            INTEGER,
    enhanced        TEXT,
    reply           TEXT,
    relay           TEXT,
    message_id      TEXT,
    accepted_at     INTEGER,
    last_attempt_at INTEGER,
    CHECK ((state = 'sending') = (claimed_from IS NOT NULL))
) STRICT;

-- Counts by state, what is due, and the sum of attempts come from this one index.
CREATE INDEX recipients_by_state ON recipients (batch_id, state, due_at, attempts);
CREATE INDEX recipients_by_ref ON recipients (campaign_id, ref);
CREATE INDEX recipients_by_position ON recipients (batch_id, position);

-- Commitments in import order, 256 to a row: 'row' as imported, 'rendered' as `check` rendered them.
CREATE TABLE commitment_tiles (
    batch_id        INTEGER NOT NULL REFERENCES batches (id),
    kind            TEXT NOT NULL CHECK (kind IN ('row', 'rendered')),
    number          INTEGER NOT NULL,
    hashes          BLOB NOT NULL,
    PRIMARY KEY (batch_id, kind, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE rejects (
    id              INTEGER PRIMARY KEY,        -- the column candor_reject of the rejects file
    campaign_id     INTEGER NOT NULL REFERENCES campaigns (id),
    batch_id        INTEGER NOT NULL REFERENCES batches (id),
    line            INTEGER NOT NULL,
    ref             TEXT,
    field           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    row             TEXT NOT NULL,              -- JSON, the original values by column
    replaced_by     INTEGER REFERENCES batches (id)
) STRICT;

CREATE INDEX rejects_by_campaign ON rejects (campaign_id, ref);

-- An attempt is here from the moment it is committed to, before its message leaves; `outcome` comes with its end.
CREATE TABLE attempts (
    id              INTEGER PRIMARY KEY,
    recipient_id    INTEGER NOT NULL REFERENCES recipients (id),
    number          INTEGER NOT NULL,           -- from 1
    relay           TEXT NOT NULL,
    begun_at        INTEGER NOT NULL,           -- also the Date of the message
    ended_at        INTEGER,
    outcome         TEXT CHECK (outcome IN ('accepted', 'deferred', 'failed', 'in-doubt')),
    phase           TEXT,
    class           TEXT,
    code            INTEGER,
    enhanced        TEXT,
    reply           TEXT,
    tls             TEXT,
    queue_id        TEXT,
    content         BLOB,                       -- SHA-256 of the message as sent
    seq             INTEGER,                    -- its entry
    UNIQUE (recipient_id, number)
) STRICT;

CREATE TABLE checks (
    campaign_id     INTEGER NOT NULL REFERENCES campaigns (id),
    frozen_hash     BLOB NOT NULL,
    at              INTEGER NOT NULL,
    result          TEXT NOT NULL,              -- JSON
    PRIMARY KEY (campaign_id, frozen_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
    campaign_id     INTEGER PRIMARY KEY REFERENCES campaigns (id),
    source          TEXT NOT NULL,
    maps            TEXT NOT NULL,              -- JSON
    every_ms        INTEGER NOT NULL CHECK (every_ms > 0),
    next_at         INTEGER NOT NULL,
    last_read_at    INTEGER,
    last_error      TEXT
) STRICT;

CREATE TABLE suppressions (
    id              INTEGER PRIMARY KEY,
    campaign_id     INTEGER REFERENCES campaigns (id), -- null: all
    target          TEXT NOT NULL,              -- a mailbox, or @domain
    reason          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER
) STRICT;

CREATE UNIQUE INDEX suppressions_by_target ON suppressions (target, ifnull(campaign_id, 0));

CREATE TABLE ledger (
    seq             INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    campaign        TEXT,
    recipient_id    INTEGER,
    entry           BLOB NOT NULL,              -- the exact bytes that were hashed
    leaf_hash       BLOB NOT NULL CHECK (length(leaf_hash) = 32)
) STRICT;

CREATE INDEX ledger_by_recipient ON ledger (recipient_id) WHERE recipient_id IS NOT NULL;

-- What somebody typed; the entry holds its commitment.
CREATE TABLE ledger_texts (
    seq             INTEGER NOT NULL REFERENCES ledger (seq),
    field           TEXT NOT NULL,
    key             BLOB NOT NULL CHECK (length(key) = 32),
    text            TEXT NOT NULL,
    PRIMARY KEY (seq, field)
) STRICT, WITHOUT ROWID;
