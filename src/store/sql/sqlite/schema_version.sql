SELECT ifnull(max(version), 0) FROM _sqlx_migrations
