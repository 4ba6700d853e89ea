-- ?3: null where nothing is kept any more
INSERT INTO learned_rates (scope, name, learned, at) VALUES (?1, ?2, ifnull(?3, ''), ?4)
ON CONFLICT (scope, name) DO UPDATE SET learned = excluded.learned, at = excluded.at
