DELETE FROM suppressions WHERE target = ?1
