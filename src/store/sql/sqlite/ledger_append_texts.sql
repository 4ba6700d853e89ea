-- ?1: [{seq, field, key (hex), text}]
INSERT INTO ledger_texts (seq, field, key, text)
SELECT value ->> 'seq', value ->> 'field', unhex(value ->> 'key'), value ->> 'text'
FROM json_each(?1)
