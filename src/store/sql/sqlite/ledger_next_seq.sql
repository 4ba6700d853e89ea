SELECT ifnull(max(seq) + 1, 0) FROM ledger
