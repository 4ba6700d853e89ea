SELECT text FROM ledger_texts WHERE seq = ?1 AND field = ?2
