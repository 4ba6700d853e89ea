SELECT scope, name, learned FROM learned_rates WHERE at >= ?1 AND learned <> ''
